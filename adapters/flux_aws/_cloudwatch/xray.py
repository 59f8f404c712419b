"""X-Ray subsegments: one for each attempt of a step and of a compensation, through Powertools Tracer."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from aws_lambda_powertools import Tracer

if TYPE_CHECKING:
    from aws_lambda_powertools.tracing.base import BaseProvider, BaseSegment

    from flux_core import TraceEvent

BEGINNINGS: Final = frozenset({("step:start", "running"), ("step:compensate", "compensating")})
"""The type and the status of the events by which an attempt begins."""
ENDS: Final = frozenset({"step:complete", "step:error", "step:suspend", "step:compensate"})


class AttemptFailed(Exception):
    """What X-Ray is told of an attempt that failed; it is never raised."""


class Subsegments:
    """Begins a subsegment with an attempt and ends it with that; calls in between are below it."""

    def __init__(self) -> None:
        tracer = Tracer(auto_patch=False)  # which libraries are patched is for the app's own tracer to say
        self._provider = None if tracer.disabled else tracer.provider
        self._open: dict[str, tuple[ExitStack, BaseSegment | None]] = {}

    def follow(self, event: TraceEvent) -> None:
        """Begin or end the subsegment of the attempt that the event is about."""
        provider = self._provider
        if provider is None:
            return
        if (event.type, event.status) in BEGINNINGS:
            self._end(event.workflow_id, None)  # an attempt whose worker lost its lease has told no end
            self._begin(provider, event)
        elif event.type in ENDS:
            self._end(event.workflow_id, event.error)

    def _begin(self, provider: BaseProvider, event: TraceEvent) -> None:
        stack = ExitStack()
        subsegment = stack.enter_context(provider.in_subsegment(name=event.step_name))
        self._open[event.workflow_id] = stack, subsegment
        if subsegment is not None:  # there is none where X-Ray has no segment to put it under
            subsegment.put_annotation("workflow", event.workflow_name)
            subsegment.put_annotation("run", event.workflow_id)
            subsegment.put_annotation("attempt", f"{(event.retries or 0) + 1}")

    def _end(self, run_id: str, error: str | None) -> None:
        stack, subsegment = self._open.pop(run_id, (None, None))
        if stack is None:
            return
        if error is not None and subsegment is not None:
            subsegment.add_exception(AttemptFailed(error), [])
        stack.close()
