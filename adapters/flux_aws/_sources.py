"""Which source an event comes from. A new source is one more entry in `SOURCES`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flux_aws._direct import CONTROL, DIRECT
from flux_aws._http import HTTP
from flux_aws._sqs import SQS
from flux_core import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flux_aws._source import Source

SOURCES: Final[tuple[Source, ...]] = (SQS, HTTP, CONTROL)

UNSUPPORTED: Final[Mapping[str, frozenset[str]]] = {
    "an event of EventBridge": frozenset({"detail-type", "source"}),
    "an HTTP request of a load balancer or a WebSocket": frozenset({"requestContext"}),
    "a batch of Kafka or of a message broker": frozenset({"eventSource", "eventSourceArn"}),
    "a batch of a self-managed Kafka": frozenset({"eventSource", "bootstrapServers"}),
    "a batch of CloudWatch Logs": frozenset({"awslogs"}),
    "a batch of Firehose": frozenset({"deliveryStreamArn", "records"}),
    "a trigger of Cognito": frozenset({"triggerSource", "userPoolId"}),
}
"""The fields by which events of AWS are known that no source takes, and that must not be taken for an input."""


def source_of(event: object) -> Source:
    """Return the source that recognises the event; what comes from no service of AWS is a direct invocation.

    Raises:
        InvalidInput: the event is one of AWS, from a service that no source is there for.
    """
    if not isinstance(event, dict):
        return DIRECT
    found = next((source for source in SOURCES if source.recognises(event)), None)
    if found is not None:
        return found
    if sender := _unsupported(event):
        tried = ", ".join(source.name for source in SOURCES)
        raise InvalidInput(f"the event looks like {sender}, which is not supported; it was tried as: {tried}")
    return DIRECT


def _unsupported(event: dict[str, Any]) -> str | None:
    """Return what the event looks like, if it looks like one that a service of AWS has sent."""
    if service := _sender(event.get("Records")):
        return f"records of {service}"
    return next((name for name, fields in UNSUPPORTED.items() if fields <= event.keys()), None)


def _sender(records: object) -> str | None:
    """Return the service that the first record names; SNS alone writes the field with a capital."""
    if not isinstance(records, list) or not records or not isinstance(records[0], dict):
        return None
    service: str | None = records[0].get("eventSource") or records[0].get("EventSource")
    return service
