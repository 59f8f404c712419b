"""EventBridge: an event's detail, but for the trace that it may name, is the input, and its id names the run.

An event that is replayed from an archive has the id that it had, and so is the run that it was: one that failed is
retried, one that has ended otherwise is not repeated.

EventBridge Scheduler sends the input that a schedule is configured with and nothing else: a direct invocation. When its
input is written as an event, with the schedule's own words for what is unique about the moment, it is one of these:

    {"id": "nightly@<aws.scheduler.scheduled-time>", "detail-type": "nightly", "source": "schedule", "detail": {...}}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flux_aws._sources.source import Source
from flux_core._serving.body import parse_body
from flux_core._serving.delivery import Delivery, run_or_raise
from flux_core._serving.trace_context import HEADER, valid_traceparent

if TYPE_CHECKING:
    from flux_core._invocation import Invocation
    from flux_core._serving.served import Served

FIELDS: Final = frozenset({"id", "detail-type", "source", "detail"})


def _respond(served: Served, invocation: Invocation) -> None:
    event = invocation.event
    identity: str = event["id"]
    delivery = Delivery(
        f"event {identity}",
        event,
        identity,
        lambda: _detail(event),
        traceparent=_traceparent(event["detail"]),
    )
    run_or_raise(served.service, invocation, [delivery])


def _detail(event: dict[str, Any]) -> Any:
    """Return the detail; in the event that Scheduler sends for a schedule without an input it is JSON text.

    A `traceparent` is not of the input: the same order that is published again belongs to another trace.
    """
    detail = event["detail"]
    if isinstance(detail, str):
        return parse_body(detail)
    if _traceparent(detail) is None:
        return detail
    return {field: value for field, value in detail.items() if field != HEADER}


def _traceparent(detail: object) -> str | None:
    """Return the trace that whoever made the event has put into its detail; EventBridge's own is X-Ray's alone."""
    return valid_traceparent(detail.get(HEADER)) if isinstance(detail, dict) else None


EVENT_BRIDGE = Source("an event of EventBridge", lambda event: event.keys() >= FIELDS, _respond)
