"""A run knows the trace that its request or event belongs to."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from cloudevents.http import CloudEvent
from gcp import events

from flux_core import App, Context, Workflow
from flux_core._invocation import CURRENT
from flux_core.storage import MemoryStorage

if TYPE_CHECKING:
    from gcp.fronts import Front

ONE = f"00-{'a' * 32}-{'b' * 16}-01"
OTHER = f"00-{'c' * 32}-{'d' * 16}-00"


class Seen(list[str | None]):
    """The traces that the runs of an app find themselves in, in their order."""

    @property
    def app(self) -> App:
        """The app."""
        return App([Workflow("look").step("look", self._look)], MemoryStorage())

    def _look(self, _: Context[Any, Any]) -> None:
        invocation = CURRENT.get()
        assert invocation is not None
        self.append(invocation.traceparent)


def traced(event: CloudEvent, traceparent: str) -> CloudEvent:
    """Return an event with the extension by which CloudEvents name a trace."""
    return CloudEvent({**event.get_attributes(), "traceparent": traceparent}, event.data)


def published(attributes: Any) -> bytes:
    """Return a message as a subscription pushes it, with attributes of its sender's."""
    push = json.loads(events.pushed({}))
    push["message"]["attributes"] = attributes
    return json.dumps(push).encode()


def test_a_request_has_a_header(front: Front) -> None:
    """Its name in any case."""
    seen = Seen()
    function = front.http(seen.app)
    front.post(function, {}, {"TraceParent": ONE})
    front.post(function, {})

    assert seen == [ONE, None]


@pytest.mark.parametrize("event", [events.message({}), events.uploaded(), events.other({})])
def test_an_event_has_an_extension(front: Front, event: CloudEvent) -> None:
    """That of CloudEvents for distributed tracing."""
    seen = Seen()
    front.deliver(front.cloud_event(seen.app), traced(event, ONE))

    assert seen == [ONE]


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"traceparent": ONE}, ONE),
        ({"googclient_traceparent": ONE}, ONE),
        ({"traceparent": OTHER, "googclient_traceparent": ONE}, OTHER),
        ({"traceparent": "no trace"}, None),
        ({}, None),
        (None, None),
    ],
)
def test_a_message_has_an_attribute(front: Front, attributes: Any, expected: str | None) -> None:
    """Its sender's own, or the one that Google's libraries add."""
    seen = Seen()
    front.push(front.cloud_event(seen.app), published(attributes), {"Content-Type": "application/json"})

    assert seen == [expected]


def test_the_senders_trace_goes_before_that_of_the_push(front: Front) -> None:
    """What pushes a message is in a trace of its own, which is better than none."""
    seen = Seen()
    function = front.cloud_event(seen.app)
    headers = {"Content-Type": "application/json", "traceparent": OTHER}
    for number, attributes in enumerate(({"traceparent": ONE}, {})):
        body = json.loads(published(attributes))
        body["message"]["messageId"] = f"m-{number}"
        front.push(function, json.dumps(body).encode(), headers)

    assert seen == [ONE, OTHER]
