"""The trace event, and the port through which events leave the engine."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol


class TraceEvent(NamedTuple):
    """Something that happened to a run.

    `to_dict` names the fields as the trace format does: `workflow:start` and so on in `type`, then `timestamp`,
    `workflowId`, `workflowName`, `stepName`, `stepIndex`, `commit`, `retries`, `maxRetries`, `duration`,
    `error`, `status`, `input`, `data`, `meta`; those that are None are left out.
    """

    type: str
    """`workflow:start`, `complete`, `error`, `suspend`, `resume`, `cancel`, `rollback_start`, `rollback_complete`;
    `step:start`, `complete`, `error`, `retry`, `skipped`, `suspend`, `progress`, `compensate`; `signal:received`."""
    timestamp: int
    """Unix milliseconds."""
    workflow_id: str
    """The run's id."""
    workflow_name: str
    step_name: str | None = None
    step_index: int | None = None
    commit: bool | None = None
    retries: int | None = None
    """Attempts of the step before this one."""
    max_retries: int | None = None
    duration: int | None = None
    """Milliseconds."""
    error: str | None = None
    status: str | None = None
    input: Any = None
    data: dict[str, Any] | None = None
    meta: dict[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the event as a JSON-able dict with the trace format's field names."""
        return {name: value for name, value in zip(_WIRE_NAMES, self, strict=True) if value is not None}


_WIRE_NAMES = (
    "type",
    "timestamp",
    "workflowId",
    "workflowName",
    "stepName",
    "stepIndex",
    "commit",
    "retries",
    "maxRetries",
    "duration",
    "error",
    "status",
    "input",
    "data",
    "meta",
)


class TraceSink(Protocol):
    """Where trace events go. It is called from any thread, and what it raises is logged and swallowed.

    Some methods are optional. `traceparent(run_id, workflow)` gives the trace that a run which is about to be created
    belongs to, as W3C's Trace Context writes it, or None. `within(context)` gives a context manager that is entered for
    as long as a handler is called, and goes with `left(run_id, error)`, which says that the worker has stopped working
    on the run. `measure(name, value, unit=..., workflow=...)` takes a measurement; `begin_invocation()` and
    `end_invocation()` are called around each event that a function is served.
    """

    def emit(self, event: TraceEvent) -> None:
        """Take the event; return soon, since the run waits."""

    def close(self) -> None:
        """Write out what is still held back; no event comes after that."""
