"""X-Ray subsegments: one for each attempt of a step and of a compensation, through Powertools Tracer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from aws_lambda_powertools import Tracer

if TYPE_CHECKING:
    from flux_core import TraceEvent

BEGINNINGS: Final = frozenset({("step:start", "running"), ("step:compensate", "compensating")})
"""The type and the status of the events by which an attempt begins."""
ENDS: Final = frozenset(
    {
        "step:complete",
        "step:error",
        "step:suspend",
        "step:compensate",
        "workflow:suspend",
        "workflow:cancel",
        "workflow:error",
    }
)
"""The types of the events by which an attempt ends: its own, or those of its run, if it was given up."""


class AttemptFailed(Exception):
    """What X-Ray is told of an attempt that failed; it is never raised."""


class Subsegments:
    """Begins a subsegment with an attempt and ends it with that; calls in between are below it.

    The recorder ends whatever was begun last, which may be somebody else's once an attempt has told no end, as when
    its worker lost the lease: so only the attempt's own is ended, with what was left open below it.
    """

    def __init__(self) -> None:
        tracer = Tracer(auto_patch=False)  # which libraries are patched is for the app's own tracer to say
        self._recorder: Any = (
            None if tracer.disabled else tracer.provider
        )  # the X-Ray SDK's, which has no types
        self._open: dict[str, Any] = {}

    def follow(self, event: TraceEvent) -> None:
        """Begin or end the subsegment of the attempt that the event is about."""
        if self._recorder is None:
            return
        if (event.type, event.status) in BEGINNINGS:
            self._end(event.workflow_id, None)  # an attempt whose worker lost its lease has told no end
            self._begin(event)
        elif event.type in ENDS:
            self._end(event.workflow_id, event.error)

    def end_all(self) -> None:
        """End those of all attempts that have told no end, the last one first."""
        for run_id in reversed([*self._open]):
            self._end(run_id, None)

    def _begin(self, event: TraceEvent) -> None:
        subsegment = self._recorder.begin_subsegment(event.step_name)
        if subsegment is None:  # X-Ray has no segment to put it under
            return
        self._open[event.workflow_id] = subsegment
        subsegment.put_annotation("workflow", event.workflow_name)
        subsegment.put_annotation("run", event.workflow_id)
        subsegment.put_annotation("attempt", f"{(event.retries or 0) + 1}")

    def _end(self, run_id: str, error: str | None) -> None:
        subsegment = self._open.pop(run_id, None)
        if subsegment is None:
            return
        if error is not None:
            subsegment.add_exception(AttemptFailed(error), [])
        while _is_within(subsegment, self._recorder.current_subsegment()):
            self._recorder.end_subsegment()


def _is_within(subsegment: Any, current: Any) -> bool:
    """Whether the current subsegment, which may be None, is that one or below it."""
    return current is subsegment or any(_is_within(child, current) for child in subsegment.subsegments)
