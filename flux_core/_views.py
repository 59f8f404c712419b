"""The machine's state of a run, turned into what callers see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flux_core._display import plain
from flux_core._json import decode
from flux_core._letter import CANCEL
from flux_core._run import Run, StepRecord
from flux_core._status import RunStatus, StepStatus

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flux_core._entry import Entry
    from flux_core._run import ErrorInfo
    from flux_core._state import RunState


def run_view(state: RunState) -> Run:
    """Return the stored run, its values decoded without their types."""
    waiting = None if state.status.ended else state.undoing or state.current
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
        compensations=tuple(map(_step_record, _compensations(state))),
        error=state.error,
        inbox=tuple(_letters(state)),
        waits_for=waiting.signal if waiting else None,
        waits_until=waiting.until if waiting else None,
        expires_at=state.expires_at,
        tags=state.origin.tags,
        revision=state.revision,
        interruptions=state.interruptions,
        held_until=state.lease.until if state.lease else None,
        wake_at=state.wake_at,
        created_at=state.origin.created_at,
        updated_at=state.updated_at,
        traceparent=state.origin.traceparent,
        kept=tuple(state.kept),
    )


def _letters(state: RunState) -> Iterator[str]:
    """Yield what has not been served yet; a cancellation has, once the run goes back or is cancelled."""
    cancelled = state.back or state.status is RunStatus.CANCELLED
    for letter in state.inbox:
        if letter.kind != CANCEL or not cancelled:
            yield f"{letter.kind} {letter.name}".strip()


def result_dict(state: RunState, results: Mapping[str, Any]) -> dict[str, Any]:
    """Return the result of a call as a JSON-able dict; an error is without its traceback."""
    return {
        "id": state.id,
        "workflow": state.origin.workflow,
        "status": str(state.status),
        "data": {name: plain(decode(text, lenient=True)) for name, text in state.data.items()},
        "results": {
            entry.name: plain(decode(entry.output, lenient=True))
            for entry in (*state.history, *state.kept.values())
            if entry.name in results
        },
        "duration": state.updated_at - state.origin.created_at,
        "error": error_dict(state.error),
    }


def step_records(state: RunState) -> tuple[StepRecord, ...]:
    """Return a record for each node that has run, or been skipped or begun."""
    compensated = {entry.name: entry for entry in _compensations(state)}
    return tuple(_step_record(entry, compensated.get(entry.name)) for entry in state.entries)


def _compensations(state: RunState) -> list[Entry]:
    return [*state.undone, state.undoing] if state.undoing else state.undone


def error_dict(error: ErrorInfo | None) -> dict[str, Any] | None:
    """Return what of an error may leave the store: all but the traceback."""
    return None if error is None else error.to_dict()


def _step_record(entry: Entry, undone: Entry | None = None) -> StepRecord:
    """Return the record of a node; one that is being compensated, or has been, says so."""
    status = entry.status
    if undone is not None:
        status = (
            StepStatus.COMPENSATED if undone.status is StepStatus.COMPENSATED else StepStatus.COMPENSATING
        )
    return StepRecord(
        entry.name,
        entry.kind,
        status,
        entry.attempts,
        entry.started_at,
        entry.completed_at,
        decode(entry.output, lenient=True),
        entry.error if undone is None else undone.error or entry.error,
        {name: decode(text, lenient=True) for name, text in entry.changes.items()}
        | dict.fromkeys(entry.removed),
        tuple(entry.tries),
        entry.tried_at,
    )
