"""Events as Google Cloud sends them."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

from cloudevents.http import CloudEvent

SUBSCRIPTION = "projects/flux-tests/subscriptions/orders"


def pushed(body: object, message_id: str = "10001", *, subscription: str = SUBSCRIPTION) -> bytes:
    """A message as a subscription of Pub/Sub pushes it; a body that is not bytes is published as JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    message = {
        "data": b64encode(data).decode(),
        "messageId": message_id,
        "message_id": message_id,
        "attributes": {},
        "publishTime": "2026-01-31T12:00:00.123Z",
        "publish_time": "2026-01-31T12:00:00.123Z",
    }
    return json.dumps({"message": message, "subscription": subscription}).encode()


def message(body: object, message_id: str = "10001") -> CloudEvent:
    """A message as Eventarc delivers it."""
    return CloudEvent(
        {
            "type": "google.cloud.pubsub.topic.v1.messagePublished",
            "source": "//pubsub.googleapis.com/projects/flux-tests/topics/orders",
            "id": message_id,
        },
        json.loads(pushed(body, message_id)),
    )


def odd_message(field: str, value: object) -> CloudEvent:
    """A message of which one thing is not what Pub/Sub sends: the subscription, or a field of its own."""
    event = message({})
    (event.data if field in event.data else event.data["message"])[field] = value
    return event


def odd(attribute: str, value: Any) -> CloudEvent:
    """An event of which one attribute is not what CloudEvents allows."""
    return CloudEvent({"type": "example.shop.ordered", "source": "//shop", "id": "e-1", attribute: value}, {})


def uploaded(**changes: Any) -> CloudEvent:
    """An object that was written to a bucket; a field that is None is left out."""
    thing = {
        "kind": "storage#object",
        "id": "orders/2026/o_1.json/1700000000000001",
        "name": "2026/o_1.json",
        "bucket": "orders",
        "generation": "1700000000000001",
        "metageneration": "1",
        "contentType": "application/json",
        "size": "27",
    } | changes
    return CloudEvent(
        {
            "type": "google.cloud.storage.object.v1.finalized",
            "source": "//storage.googleapis.com/projects/_/buckets/orders",
            "subject": "objects/2026/o_1.json",
            "id": "1234",
        },
        {field: value for field, value in thing.items() if value is not None},
    )


def other(data: object, event_id: str = "e-1", source: str = "//shop.example/orders") -> CloudEvent:
    """An event of a type that is nobody's but the shop's."""
    return CloudEvent({"type": "example.shop.ordered", "source": source, "id": event_id}, data)


def retyped(event: CloudEvent, kind: str) -> CloudEvent:
    """The same event under another type."""
    return CloudEvent({"type": kind, "source": event["source"], "id": event["id"]}, event.data)
