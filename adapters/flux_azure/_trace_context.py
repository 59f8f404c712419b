"""The trace that the host says an invocation belongs to, in the words of W3C's Trace Context."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from flux_core._invocation import CURRENT
from flux_core._serving.trace_context import valid_traceparent

if TYPE_CHECKING:
    from collections.abc import Iterator


class Parent(NamedTuple):
    """Where in a trace an invocation is."""

    trace_id: str
    span_id: str
    header: dict[str, str]
    """It, as a caller would send it."""


def parent() -> Parent | None:
    """Return where the invocation that is being served is, or None if there is none, or it belongs to no trace."""
    invocation = CURRENT.get()
    context: Any = getattr(invocation.context, "trace_context", None) if invocation else None
    said = valid_traceparent(getattr(context, "trace_parent", None))
    if said is None:
        return None
    _, trace, span, _ = said.split("-")
    return Parent(trace, span, {"traceparent": said, "tracestate": context.trace_state or ""})


@contextmanager
def within(parent: Parent | None) -> Iterator[dict[str, str]]:
    """Have OpenTelemetry take what is logged in the block for a part of that trace, and of the span that is open.

    Without OpenTelemetry, what a log record should say of the trace is given to the block instead.
    """
    telemetry = _open_telemetry()
    if parent is None:
        yield {}
    elif telemetry is None:
        yield {"trace_id": parent.trace_id, "span_id": parent.span_id}
    elif telemetry.trace.get_current_span().get_span_context().is_valid:
        yield {}  # a span of the app's own, or one that the worker has opened, is nearer
    else:
        token = telemetry.context.attach(telemetry.extract(parent.header))
        try:
            yield {}
        finally:
            telemetry.context.detach(token)


class _OpenTelemetry(NamedTuple):
    """What is used of its API."""

    context: Any
    trace: Any
    extract: Any


@cache
def _open_telemetry() -> _OpenTelemetry | None:
    """Return OpenTelemetry's API, or None if it is not installed."""
    try:
        from opentelemetry import context, trace
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
    except ModuleNotFoundError:
        return None
    return _OpenTelemetry(context, trace, TraceContextTextMapPropagator().extract)
