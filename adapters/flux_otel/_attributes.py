"""What spans and metrics say of a run: attributes named as OpenTelemetry's conventions name them, or under `flux.`.

`error.type`, `exception.type`, `exception.message` and `faas.invocation_id` are the conventions':
https://opentelemetry.io/docs/specs/semconv/. They have none for workflows.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.trace import Status, StatusCode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.trace import Span

    from flux_core import TraceEvent

RUN: Final = "flux.run.id"
WORKFLOW: Final = "flux.workflow.name"
STATUS: Final = "flux.run.status"
FROM_STEP: Final = "flux.run.from_step"
STEP: Final = "flux.step.name"
INDEX: Final = "flux.step.index"
KIND: Final = "flux.step.kind"
ATTEMPT: Final = "flux.step.attempt"
MAX_RETRIES: Final = "flux.step.max_retries"
DELAY: Final = "flux.step.delay"
LOST: Final = "flux.worker.lost"
"""The worker has lost the run."""
CUT: Final = "flux.span.cut"
"""The sink has ended the span while the worker had the run: too many are open, or it was closed."""
ERROR_TYPE: Final = "error.type"
INVOCATION: Final = "faas.invocation_id"

UNKNOWN: Final = "_OTHER"
"""What the conventions call the type of an error that nobody has named."""
LONGEST: Final = 4096
"""Characters of a value that is put into a span."""

ENDS: Final = frozenset(
    {
        "workflow:complete",
        "workflow:error",
        "workflow:suspend",
        "workflow:cancel",
        "workflow:rollback_complete",
    }
)

Attributes = dict[str, str | int | float | bool]


def ends(event: TraceEvent) -> bool:
    """Whether nobody works on the run after the event: it has ended or rests; one that turns back is to end later."""
    return event.type in ENDS and (event.type, event.status) != ("workflow:error", "rolling_back")


def of_step(event: TraceEvent) -> Attributes:
    """Return which step the event is about; nothing, if it is about a run."""
    if event.step_name is None:
        return {}
    named: Attributes = {STEP: clean(event.step_name)}
    if event.step_index is not None:
        named[INDEX] = event.step_index
    return named


def of_note(event: TraceEvent, *, data: bool) -> Attributes:
    """Return what a span's event says: the step, how long it waits and for what, how far it is, what was received."""
    meta = event.meta or {}
    said = of_step(event)
    if isinstance(until := meta.get("until"), int):
        said[DELAY] = max(0, until - event.timestamp) / 1000
    for name, field in (("signal", "flux.signal.name"), ("message", "flux.progress.message")):
        if meta.get(name):
            said[field] = clean(str(meta[name]))
    if isinstance(fraction := meta.get("fraction"), int | float):
        said["flux.progress.fraction"] = fraction
    return said | (values({"flux.signal.payload": meta.get("payload")}) if data else {})


def values(named: Mapping[str, Any]) -> Attributes:
    """Return values as JSON, cut where they are too long; those that are None are left out."""
    return {
        name: clean(json.dumps(value, ensure_ascii=False, separators=(",", ":")))
        for name, value in named.items()
        if value is not None
    }


def error_type(event: TraceEvent) -> str:
    """Return the type of the error that the event is about."""
    error = (event.meta or {}).get("error")
    named = error.get("type") if isinstance(error, dict) else None
    return clean(named) if isinstance(named, str) and named else UNKNOWN


def fail(span: Span, kind: str, message: str, *, recorded: bool) -> None:
    """Have the span say that what it is about has failed.

    Args:
        span: the span.
        kind: the error's type.
        message: its message.
        recorded: whether to tell of the exception too; not where a span below does.
    """
    message = clean(message)
    span.set_status(Status(StatusCode.ERROR, message))
    span.set_attribute(ERROR_TYPE, kind)
    if recorded:
        span.add_event("exception", {"exception.type": kind, "exception.message": message})


def clean(text: str) -> str:
    """Return what an exporter can send: no lone surrogates, and not too much of it."""
    cut = text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
    return cut.encode(errors="replace").decode()
