"""EventBridge: an event's detail is the workflow's input, and its id names the run.

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

if TYPE_CHECKING:
    from flux_core._invocation import Invocation
    from flux_core._serving.service import Service

FIELDS: Final = frozenset({"id", "detail-type", "source", "detail"})


def _respond(service: Service, invocation: Invocation) -> None:
    event = invocation.event
    identity: str = event["id"]
    run_or_raise(
        service, invocation, [Delivery(f"event {identity}", event, identity, lambda: _detail(event))]
    )


def _detail(event: dict[str, Any]) -> Any:
    """Return the detail; in the event that Scheduler sends for a schedule without an input it is JSON text."""
    detail = event["detail"]
    return parse_body(detail) if isinstance(detail, str) else detail


EVENT_BRIDGE = Source("an event of EventBridge", lambda event: event.keys() >= FIELDS, _respond)
