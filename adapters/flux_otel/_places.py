"""Places in traces: a span's own, that of a stored run, that of whoever calls."""

from __future__ import annotations

from typing import Final

from opentelemetry.context import Context, create_key, get_value, set_value
from opentelemetry.trace import SpanContext, TraceFlags, get_current_span

from flux_core._invocation import CURRENT
from flux_core._serving.trace_context import valid_traceparent

OF_FLUX: Final = create_key("flux")


def traceparent_of(place: SpanContext) -> str | None:
    """Return the place as W3C's Trace Context writes it; None if it is none."""
    if not place.is_valid:
        return None
    return f"00-{place.trace_id:032x}-{place.span_id:016x}-{place.trace_flags:02x}"


def remote(traceparent: object) -> SpanContext | None:
    """Return the place that another process had; None if the text names none."""
    said = valid_traceparent(traceparent)
    if said is None:
        return None
    _, trace, span, flags = said.split("-")
    return SpanContext(int(trace, 16), int(span, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16)))


def of_flux(context: Context) -> Context:
    """Return the context, marked: the span that is current in it is one of this sink's."""
    return set_value(OF_FLUX, value=True, context=context)


def around() -> list[SpanContext]:
    """Return where that is which is being done, the one that a new run belongs below first; it may be nowhere.

    That is the sender of what the function serves, unless the span that is open here is in the sender's own trace, and
    so nearer; or an attempt's whose handler starts a run.
    """
    here = get_current_span().get_span_context()
    invocation = CURRENT.get()
    sender = None if invocation is None else remote(invocation.traceparent)
    if not here.is_valid:
        return [] if sender is None else [sender]
    if sender is None or here.trace_id == sender.trace_id or get_value(OF_FLUX):
        return [here]
    return [sender, here]
