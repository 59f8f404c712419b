"""Which source an event comes from. A new source is one more entry in `SOURCES`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flux_aws._sources.direct import CONTROL, DIRECT
from flux_aws._sources.event_bridge import EVENT_BRIDGE
from flux_aws._sources.http import HTTP
from flux_aws._sources.kafka import KAFKA
from flux_aws._sources.load_balancer import LOAD_BALANCER
from flux_aws._sources.notifications import S3, SNS
from flux_aws._sources.source import sender
from flux_aws._sources.sqs import SQS
from flux_aws._sources.streams import DYNAMODB, KINESIS
from flux_core import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flux_aws._sources.source import Source

SOURCES: Final[tuple[Source, ...]] = (
    SQS,
    SNS,
    S3,
    EVENT_BRIDGE,
    KINESIS,
    DYNAMODB,
    KAFKA,
    HTTP,
    LOAD_BALANCER,
    CONTROL,
)

UNSUPPORTED: Final[Mapping[str, frozenset[str]]] = {
    "a message of a WebSocket": frozenset({"requestContext"}),
    "a batch of a message broker": frozenset({"eventSource", "eventSourceArn"}),
    "a batch of CloudWatch Logs": frozenset({"awslogs"}),
    "a batch of Firehose": frozenset({"deliveryStreamArn", "records"}),
    "a trigger of Cognito": frozenset({"triggerSource", "userPoolId"}),
    "a job of S3 Batch Operations": frozenset({"invocationSchemaVersion", "tasks"}),
    "a custom resource of CloudFormation": frozenset({"RequestType", "ResponseURL"}),
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
    if service := sender(event):
        return f"records of {service}"
    return next((name for name, fields in UNSUPPORTED.items() if fields <= event.keys()), None)
