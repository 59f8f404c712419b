"""A run as callers see it: the result of a call, and the stored run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Generic

from flux_core._context import D
from flux_core._display import plain
from flux_core._json import decode
from flux_core._run import Run, StepRecord

if TYPE_CHECKING:
    from flux_core._run import ErrorInfo
    from flux_core._state import Entry, RunState
    from flux_core._status import RunStatus


class Result(Generic[D]):
    """How a run stood when the call that worked on it returned.

    Attributes:
        data: the data, of the workflow's type.
        results: the outputs of the completed nodes, by name.
    """

    __slots__ = ("_state", "data", "results")

    def __init__(self, state: RunState, data: D, results: dict[str, Any]) -> None:
        self._state = state
        self.data: Final = data
        self.results: Final = results

    @property
    def id(self) -> str:
        """The run's id."""
        return self._state.id

    @property
    def workflow(self) -> str:
        """The workflow's name."""
        return self._state.origin.workflow

    @property
    def status(self) -> RunStatus:
        """Where the run stands; a failing step makes this `failed`, not an exception."""
        return self._state.status

    @property
    def error(self) -> ErrorInfo | None:
        """What the run failed with."""
        return self._state.error

    @property
    def duration(self) -> float:
        """Seconds from the run's creation to its last save."""
        return self._state.updated_at - self._state.origin.created_at

    @property
    def wake_at(self) -> float | None:
        """When the run goes on, in Unix seconds; None once it has ended."""
        return self._state.wake_at

    @property
    def history(self) -> tuple[StepRecord, ...]:
        """One record a node, in node order, up to where the run stands."""
        return step_records(self._state)

    def to_dict(self) -> dict[str, Any]:
        """Return the result as a JSON-able dict: `id, workflow, status, data, results, duration, error`."""
        data = {name: decode(text, lenient=True) for name, text in self._state.data.items()}
        return {
            "id": self.id,
            "workflow": self.workflow,
            "status": str(self.status),
            "data": plain(data),
            "results": {
                entry.name: plain(decode(entry.output, lenient=True))
                for entry in self._state.history
                if entry.name in self.results
            },
            "duration": self.duration,
            "error": error_dict(self.error),
        }

    def __repr__(self) -> str:
        return f"<Result of run {self.id!r}: {self.status}>"


def run_view(state: RunState) -> Run:
    """Return the stored run, its values decoded without their types."""
    return Run(
        id=state.id,
        workflow=state.origin.workflow,
        version=state.origin.version,
        fingerprint=state.origin.fingerprint,
        status=state.status,
        input=decode(state.origin.input, lenient=True),
        data={name: decode(text, lenient=True) for name, text in state.data.items()},
        initial={name: decode(text, lenient=True) for name, text in state.origin.initial.items()},
        history=step_records(state),
        error=state.error,
        tags=state.origin.tags,
        revision=state.revision,
        interruptions=state.interruptions,
        held_until=state.lease.until if state.lease else None,
        wake_at=state.wake_at,
        created_at=state.origin.created_at,
        updated_at=state.updated_at,
    )


def step_records(state: RunState) -> tuple[StepRecord, ...]:
    """Return a record for each node that has run, or been skipped or begun."""
    entries = [*state.history, state.current] if state.current else state.history
    return tuple(_step_record(entry) for entry in entries)


def error_dict(error: ErrorInfo | None) -> dict[str, Any] | None:
    """Return what of an error may leave the store: all but the traceback."""
    if error is None:
        return None
    return {name: value for name, value in error._asdict().items() if name != "traceback"}


def _step_record(entry: Entry) -> StepRecord:
    return StepRecord(
        entry.name,
        entry.kind,
        entry.status,
        entry.attempts,
        entry.started_at,
        entry.completed_at,
        decode(entry.output, lenient=True),
        entry.error,
        {name: None if text is None else decode(text, lenient=True) for name, text in entry.changes.items()},
    )
