"""What an event is to a workflow: its input, and what names the run. A new source is one more entry in `SOURCES`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flux_core._serving.body import MalformedBody, from_base64, parse_body
from flux_core._serving.delivery import Delivery
from flux_core._serving.trace_context import HEADER, valid_traceparent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cloudevents.http import CloudEvent

PUBLISHED: Final = "google.cloud.pubsub.topic.v1.messagePublished"
CHANGED: Final = "google.cloud.storage.object.v1."
"""What the types of Cloud Storage's events begin with: finalized, deleted, archived, metadataUpdated."""

PREFIX: Final = "googclient_"
"""Of the attributes that the client libraries of Pub/Sub add to a message."""


def delivery_of(event: CloudEvent) -> Delivery:
    """Return what to run the workflow on.

    Raises:
        MalformedBody: the event is not what its type says it is.
    """
    for attribute in ("type", "source", "id"):
        _text(event, f"the {attribute}", event[attribute])
    kind = event["type"]
    read = next((read for beginning, read in SOURCES.items() if kind.startswith(beginning)), _of_any_source)
    return read(event)


def _message(event: CloudEvent) -> Delivery:
    """Return a message of Pub/Sub.

    Its messageId is the same at every delivery, and no other message of its topic has it:
    https://cloud.google.com/pubsub/docs/reference/rest/v1/PubsubMessage
    """
    fields = _fields(event)
    message = fields.get("message")
    if not isinstance(message, dict) or not message.get("messageId"):
        raise MalformedBody(f"{_name(event)} has no message with a messageId")
    message_id = _text(event, "the messageId", message["messageId"])
    identity = ":".join(filter(None, [_origin(event, fields), message_id]))
    traced = _trace_among(message.get("attributes")) or _traceparent(event)
    return Delivery(f"message {identity}", event, identity, lambda: _data(event, message), traceparent=traced)


def _trace_among(attributes: object) -> str | None:
    """Return the trace that a message's attributes name; Google's own libraries name it with a prefix."""
    if not isinstance(attributes, dict):
        return None
    return valid_traceparent(attributes.get(HEADER)) or valid_traceparent(attributes.get(f"{PREFIX}{HEADER}"))


def _traceparent(event: CloudEvent) -> str | None:
    """Return the trace that an event says it belongs to.

    https://github.com/cloudevents/spec/blob/main/cloudevents/extensions/distributed-tracing.md
    """
    return valid_traceparent(event.get(HEADER))


def _origin(event: CloudEvent, fields: Mapping[str, Any]) -> str:
    """Return the name of the subscription that a message came by, else that of its topic; empty if neither is told."""
    subscription = _text(event, "the subscription", fields.get("subscription") or "")
    _, _, topic = event["source"].partition("/topics/")
    return subscription.rpartition("/")[2] or topic


def _data(event: CloudEvent, message: Mapping[str, Any]) -> Any:
    """Return what was published; a message may have attributes alone."""
    return parse_body(from_base64(_text(event, "the message's data", message.get("data") or "")))


def _change(event: CloudEvent) -> Delivery:
    """Return what happened to an object of Cloud Storage.

    One change may be told twice, by events of different ids; its content and its metadata have a generation each:
    https://cloud.google.com/storage/docs/pubsub-notifications#payload
    """
    thing = _fields(event)
    missing = [field for field in ("bucket", "name", "generation", "metageneration") if not thing.get(field)]
    if missing:
        raise MalformedBody(f"{_name(event)} is of an object without {', '.join(missing)}")
    place = f"{thing['bucket']}/{thing['name']}"
    identity = f"{event['type']}/{place}/{thing['generation']}/{thing['metageneration']}"
    name = f"{event['type']} of {place}"
    return Delivery(name, event, identity, lambda: thing, traceparent=_traceparent(event))


def _of_any_source(event: CloudEvent) -> Delivery:
    """Return an event that nothing but its source and its id together tells apart."""
    identity = f"{event['source']} {event['id']}"
    return Delivery(_name(event), event, identity, lambda: _content(event), traceparent=_traceparent(event))


def _content(event: CloudEvent) -> Any:
    """Return the data, which is text or bytes if it did not come as JSON."""
    data = event.data
    if data is None or data == "":
        raise MalformedBody(f"{_name(event)} carries no data; the workflow's input is the data of the event")
    if isinstance(data, str | bytes):
        return parse_body(data)
    return data


def _fields(event: CloudEvent) -> dict[str, Any]:
    if not isinstance(event.data, dict):
        got = type(event.data).__name__
        raise MalformedBody(f"expected the data of {_name(event)} to be a JSON object, got {got}")
    return event.data


def _text(event: CloudEvent, what: str, value: object) -> str:
    if not isinstance(value, str):
        raise MalformedBody(f"expected {what} of {_name(event)} to be text, got {type(value).__name__}")
    return value


def _name(event: CloudEvent) -> str:
    return f"event {event['id']} of type {event['type']}"


SOURCES: Final[Mapping[str, Callable[[CloudEvent], Delivery]]] = {PUBLISHED: _message, CHANGED: _change}
"""By what the type of an event begins with; any other is of any source."""
