"""What is told of a run: its trace events, and errors in the form in which they are kept and shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flux_core._display import plain
from flux_core._errors import FluxError
from flux_core._json import decode
from flux_core._run import ErrorInfo
from flux_core._status import StepStatus
from flux_core._trace import TraceEvent
from flux_core._workflow import COMMIT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flux_core._context import Context
    from flux_core._entry import Entry
    from flux_core._plan import PlannedNode
    from flux_core._retry import Retry
    from flux_core._state import RunState
    from flux_core.storage import Record

LONGEST_MESSAGE: Final = 2000  # characters of an error's message that are kept
LONGEST_TRACEBACK: Final = 8000
LONGEST_CAUSE: Final = 200
MOST_CAUSES: Final = 5
TRACED: Final = ("workflow:start", "workflow:resume", "workflow:error")
"""The types of the events that tell of the trace which the run belongs to: a sink may have heard of no other before."""


def run_event(event: str, state: RunState, time: float, back_to: int | None = None) -> TraceEvent:
    """Return an event about the run as a whole; its start carries the input, every other the data.

    Args:
        event: its type.
        state: the run.
        time: when it was, in Unix seconds.
        back_to: the position of the node that a retry goes back to.
    """
    started = event == "workflow:start"
    return TraceEvent(
        event,
        _milliseconds(time),
        state.id,
        state.origin.workflow,
        duration=None if started else _milliseconds(time - state.origin.created_at),
        error=state.error.message if state.error else None,
        status=str(state.status),
        input=display(state.origin.input) if started else None,
        data=None if started else {name: display(text) for name, text in state.data.items()},
        meta=_said_of_run(event, state, back_to) or None,
    )


def _said_of_run(event: str, state: RunState, back_to: int | None) -> dict[str, Any]:
    """Return what the format has no field for: the trace that a sink goes on with, the error beside its message."""
    told: dict[str, Any] = {}
    if event in TRACED and state.origin.traceparent is not None:
        told["traceparent"] = state.origin.traceparent
    if event == "workflow:error" and state.error:
        told["error"] = _kind_of(state.error)
    if back_to is not None:
        told |= {"retry": True, "fromStep": back_to, "kept": [*state.kept]}
    return told


def _kind_of(error: ErrorInfo) -> dict[str, Any]:
    """Return an error beside its message, which has a field of its own."""
    told = error.to_dict()
    del told["message"]
    return told


def outside_event(event: str, record: Record, meta: dict[str, Any] | None = None) -> TraceEvent:
    """Return an event about what somebody who does not hold the run has written to it."""
    return TraceEvent(
        event,
        _milliseconds(record.updated_at),
        record.id,
        record.workflow,
        duration=_milliseconds(record.updated_at - record.created_at),
        status=str(record.status),
        meta=meta,
    )


def attempt_event(state: RunState, planned: PlannedNode, retry: Retry, time: float) -> TraceEvent:
    """Return the event that an attempt of the node begins."""
    return TraceEvent(
        "step:start",
        _milliseconds(time),
        state.id,
        state.origin.workflow,
        planned.node.name,
        planned.index,
        commit=planned.node.kind == COMMIT,
        retries=state.current.attempts if state.current else 0,
        max_retries=retry.retries,
        status="running",
    )


def step_event(event: str, state: RunState, planned: PlannedNode, entry: Entry, time: float) -> TraceEvent:
    """Return an event about what came of an attempt of the node, or of the node."""
    done = event == "step:complete"
    begins = entry.status is StepStatus.COMPENSATING and event == "step:compensate"
    return TraceEvent(
        event,
        _milliseconds(time),
        state.id,
        state.origin.workflow,
        planned.node.name,
        planned.index,
        commit=planned.node.kind == COMMIT,
        retries=entry.attempts if begins else max(0, entry.attempts - 1),
        duration=_milliseconds(time - entry.started_at),
        error=entry.error.message if entry.error and not done else None,
        status=str(entry.status),
        meta=_said_of_step(event, entry) or None,
    )


def _said_of_step(event: str, entry: Entry) -> dict[str, Any]:
    """Return what the format has no field for; `until` is in Unix milliseconds."""
    if event == "step:complete":
        return {"output": display(entry.output), "changes": _changes(entry)}
    if event == "step:error" and entry.error:
        return {"error": _kind_of(entry.error)}
    if event not in {"step:suspend", "step:retry"}:
        return {}
    until = None if entry.until is None else _milliseconds(entry.until)
    return {name: value for name, value in (("signal", entry.signal), ("until", until)) if value is not None}


def progress_event(context: Context[Any, Any], fraction: float, message: str, time: float) -> TraceEvent:
    """Return the event that a handler reports how far it is."""
    return TraceEvent(
        "step:progress",
        _milliseconds(time),
        context.id,
        context.workflow,
        context.step,
        meta={"fraction": fraction, "message": message},
    )


def display(text: str) -> Any:
    """Return an encoded value as plain data for people."""
    return plain(decode(text, lenient=True))


def error_info(error: Exception, *, retryable: bool) -> ErrorInfo:
    """Return the error as a run keeps it; a message or traceback that is too long is cut."""
    from traceback import format_exception  # loaded by the first failure

    code = str(error.code) if isinstance(error, FluxError) else "STEP_FAILED"
    trace = "".join(format_exception(error))
    return ErrorInfo(
        type(error).__name__,
        _message(error)[:LONGEST_MESSAGE],
        code,
        retryable,
        trace[-LONGEST_TRACEBACK:],
        " ← ".join(_causes(error)) or None,
    )


def _causes(error: BaseException) -> Iterator[str]:
    """Give what the error was raised from, in a line each, and so on; `raise ... from None` hides what was before."""
    seen = {id(error)}  # an exception need not be hashable
    while (cause := _cause(error)) is not None and id(cause) not in seen and len(seen) <= MOST_CAUSES:
        seen.add(id(cause))
        said = "".join(_message(cause).splitlines()[:1])[:LONGEST_CAUSE]
        yield ": ".join(filter(None, (type(cause).__name__[:LONGEST_CAUSE], said)))
        error = cause


def _cause(error: BaseException) -> BaseException | None:
    if error.__cause__ is not None:
        return error.__cause__
    return None if error.__suppress_context__ else error.__context__


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as broken:  # noqa: BLE001 (a handler may raise anything, also what cannot be shown)
        return f"it cannot be shown: its __str__ raised {type(broken).__name__}"


def _changes(entry: Entry) -> dict[str, Any]:
    return {name: display(text) for name, text in entry.changes.items()} | dict.fromkeys(entry.removed)


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
