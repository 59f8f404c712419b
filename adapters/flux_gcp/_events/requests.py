"""An event out of an HTTP request: a CloudEvent, binary or structured, or a message as Pub/Sub itself pushes it.

Of what is pushed, functions-framework reads all three in a thread, and CloudEvents alone on its event loop:
https://cloud.google.com/pubsub/docs/push#receive_push
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flux_core._serving.body import MalformedBody, parse_body
from flux_gcp._events.recognition import PUBLISHED

if TYPE_CHECKING:
    from cloudevents.http import CloudEvent

STRUCTURED = "application/cloudevents"
"""What the media type of a structured CloudEvent begins with."""


def event_in(headers: dict[str, str], body: bytes) -> CloudEvent:
    """Return the event that a request carries.

    Args:
        headers: their names in lower case.
        body: as it was sent.

    Raises:
        MalformedBody: it carries none.
    """
    if headers.get("ce-type") or headers.get("content-type", "").startswith(STRUCTURED):
        return _cloud_event(headers, body)
    return _pushed(body)


def _cloud_event(headers: dict[str, str], body: bytes) -> CloudEvent:
    from cloudevents.exceptions import GenericException
    from cloudevents.http import from_http

    try:
        return from_http(headers, body)
    except (GenericException, TypeError, ValueError, RecursionError) as error:
        name = type(error).__name__  # its words quote the body, which is nothing for a log
        raise MalformedBody(f"the request is said to be a CloudEvent, and is none: {name}") from None


def _pushed(body: bytes) -> CloudEvent:
    from cloudevents.http import CloudEvent

    document = parse_body(body)
    if not isinstance(document, dict) or not {"message", "subscription"} <= document.keys():
        raise MalformedBody("the request is neither a CloudEvent nor a message that Pub/Sub pushes")
    source = f"//pubsub.googleapis.com/{document['subscription']}"
    message = document["message"]
    identity = message.get("messageId") if isinstance(message, dict) else None
    named = identity if isinstance(identity, str) and identity else "without an id"
    return CloudEvent({"type": PUBLISHED, "source": source, "id": named}, document)
