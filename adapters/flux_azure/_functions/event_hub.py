"""Event Hubs: the events of a partition in their order, up to the first that is not done.

Event Hubs has no dead letters, and the host passes over a batch that has failed unless the function has a retry policy.
So it has one: the batch is repeated, and the partition waits, until its events are done or the retries are used up. The
last time no event waits for those before it, and what there is no time for is saved as a run, which `tick` goes on
with, in no order: only what cannot be done or saved is passed over, and the log says at level ERROR what that was. See
https://learn.microsoft.com/azure/azure-functions/functions-bindings-error-pages#retry-policies
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, Final, List  # noqa: UP035 (the worker knows no other list)

import azure.functions as func  # noqa: TC002 (the worker reads the annotations)

from flux_azure._functions.source import trace_among
from flux_core import InvalidInput
from flux_core._serving.body import parse_body
from flux_core._serving.delivery import Delivery, run_all, run_or_raise, start

if TYPE_CHECKING:
    from flux_azure._functions.front import Front
    from flux_azure._functions.source import Source
    from flux_core._invocation import Invocation
    from flux_core._serving.service import Service

log: Final = logging.getLogger("flux")

RETRIES: Final = 8
"""With pauses that double from 5 seconds up to 5 minutes it takes about a quarter of an hour to give an event up."""
FIRST_PAUSE: Final = "00:00:05"
LONGEST_PAUSE: Final = "00:05:00"
RESERVE: Final = 5.0
"""Seconds, or a quarter of the time if that is less, in which the last time events are saved and none is run; a lease
outlasts by as much the moment until which runs are gone on with."""


def add(front: Front, source: Source) -> None:
    """Add the function."""

    @front.blueprint.function_name(source.function)
    @front.blueprint.retry(
        "exponential_backoff", f"{RETRIES}", minimum_interval=FIRST_PAUSE, maximum_interval=LONGEST_PAUSE
    )
    @front.blueprint.event_hub_message_trigger(
        "events", connection=source.connection, event_hub_name=source.name, cardinality="many"
    )
    def serve(events: List[func.EventHubEvent], context: func.Context) -> None:  # noqa: UP006 (see above)
        with front.serving(events, context) as (service, invocation):
            partition = _partition(service, events[0])
            place = f"{source.name}:{partition}"
            told = zip(events, _properties(events), strict=True)
            deliveries = [_delivery(place, event, properties) for event, properties in told]
            if _is_last(context):
                _run_or_save(service, invocation, deliveries)
            else:
                run_or_raise(service, invocation, deliveries)


def _run_or_save(service: Service, invocation: Invocation, deliveries: list[Delivery]) -> None:
    """Run the workflow on the events while there is time, and save the runs of the others."""
    freed = [delivery._replace(lane=None) for delivery in deliveries]
    left = run_all(service, _shortened(invocation), freed)
    if lost := [delivery for delivery in left if not start(service, delivery)]:
        names = ", ".join(delivery.name for delivery in lost)
        log.error("%d of %d events are passed over for good: %s", len(lost), len(deliveries), names)


def _shortened(invocation: Invocation) -> Invocation:
    """Return the invocation as it is to those who run events: the reserve is not theirs."""
    if invocation.deadline is None:
        return invocation
    left = invocation.deadline - time.monotonic()
    return invocation._replace(deadline=invocation.deadline - min(RESERVE, left / 4))


def _is_last(context: func.Context) -> bool:
    """Whether the host will not repeat the invocation; of the first one it does not say how often it may."""
    retries = context.retry_context
    return 0 < retries.max_retry_count <= retries.retry_count


def _delivery(partition: str, event: func.EventHubEvent, properties: dict[str, Any]) -> Delivery:
    identity = f"{partition}:{event.sequence_number}"
    return Delivery(
        f"event {identity}",
        event,
        identity,
        lambda: parse_body(event.get_body()),
        lane=partition,
        traceparent=trace_among(properties),
    )


def _properties(events: list[func.EventHubEvent]) -> list[dict[str, Any]]:
    """Return what the senders of the events have said beside them, which the host tells for the whole batch."""
    metadata: Any = events[0].metadata or {}
    told: list[dict[str, Any]] = metadata.get("PropertiesArray") or []
    return told if len(told) == len(events) else [{}] * len(events)


def _partition(service: Service, event: func.EventHubEvent) -> str:
    """Return the id of the partition, which the events of a batch have in common.

    Raises:
        InvalidInput: the host does not tell it, and the runs need it for their names: events of several partitions
            have the same sequence numbers.
    """
    metadata: Any = event.metadata or {}
    partition = (metadata.get("PartitionContext") or {}).get("PartitionId")
    if partition is None and service.key is None:
        raise InvalidInput(
            "the host does not tell the partition of the events, by which their runs are named; update the extension"
            " bundle, or give key="
        )
    return str(partition)
