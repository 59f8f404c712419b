"""A run knows the trace that its event belongs to, as the sender has said it in the way of each source."""

from __future__ import annotations

from typing import Any

import pytest
from aws import events

import flux_aws
from flux_core import App, Context, Workflow
from flux_core._invocation import CURRENT
from flux_core.storage import MemoryStorage

ONE = f"00-{'a' * 32}-{'b' * 16}-01"
OTHER = f"00-{'c' * 32}-{'d' * 16}-00"
XRAY = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"


def seen(event: Any) -> list[str | None]:
    """Return the traces that the runs of an event find themselves in, in their order."""
    found: list[str | None] = []

    def look(_: Context[Any, Any]) -> None:
        invocation = CURRENT.get()
        assert invocation is not None
        found.append(invocation.traceparent)

    app = App([Workflow("look").step("look", look)], MemoryStorage())
    flux_aws.handler(app, key=None)(event, events.Context())
    return found


def attributed(value: str | None, name: str = "traceparent") -> dict[str, Any]:
    """Return a message of SQS with an attribute, or without."""
    attribute: dict[str, Any] = {
        "stringValue": value,
        "stringListValues": [],
        "binaryListValues": [],
        "dataType": "String",
    }
    return events.message({}) | {"messageAttributes": {name: attribute} if value else {}}


@pytest.mark.parametrize("request_with", [events.http_api, events.rest_api, events.load_balancer])
def test_a_request_has_a_header(request_with: Any) -> None:
    """In whatever case a REST API leaves its name."""
    assert seen(request_with({}, traceparent=ONE)) == [ONE]
    assert seen(request_with({}, Traceparent=ONE)) == [ONE]
    assert seen(request_with({})) == [None]


def test_a_load_balancer_may_send_lists() -> None:
    """With multi-value headers on."""
    assert seen(events.load_balancer({}, many=True, traceparent=ONE)) == [ONE]


def test_each_message_of_a_batch_has_its_own() -> None:
    """One without is in no trace, not in that of the one before it."""
    batch = events.sqs(attributed(ONE), attributed(None), attributed(OTHER), attributed("no trace"))

    assert seen(batch) == [ONE, None, OTHER, None]


def test_the_header_of_x_ray_is_none() -> None:
    """SQS has it among its own attributes, and it is not of W3C's form."""
    message = attributed(XRAY, "AWSTraceHeader")
    message["attributes"]["AWSTraceHeader"] = XRAY

    assert seen(events.sqs(message)) == [None]


def test_a_notification_has_an_attribute() -> None:
    """SNS writes it with a capital."""
    event = events.sns({})
    event["Records"][0]["Sns"]["MessageAttributes"] = {"traceparent": {"Type": "String", "Value": ONE}}

    assert seen(event) == [ONE]


def test_an_event_may_have_it_in_its_detail() -> None:
    """EventBridge has no place beside; deeper in the detail it is the sender's own business."""
    assert seen(events.event_bridge({"traceparent": ONE})) == [ONE]
    assert seen(events.event_bridge({"headers": {"traceparent": ONE}})) == [None]
    assert seen(events.event_bridge("{}")) == [None]


def test_a_record_of_kafka_has_a_header() -> None:
    """Its value comes as a list of bytes; the first of several is taken."""
    event = events.kafka(orders0=[{}, {}])
    (records,) = event["records"].values()
    records[0]["headers"] = [{"other": [1, -2]}, {"traceparent": [*ONE.encode()]}]
    records[1]["headers"] = [{"traceparent": [-1]}]

    assert seen(event) == [ONE, None]


def test_a_direct_invocation_is_in_no_trace() -> None:
    """What looks like a header is the input's."""
    assert seen({"headers": {"traceparent": ONE}}) == [None]


def test_the_run_keeps_it() -> None:
    """It is saved with the run, for whoever goes on with it later."""
    app = App([Workflow("one").step("one", lambda ctx: 1)], MemoryStorage())
    flux_aws.handler(app)(events.http_api({}, traceparent=ONE, idempotency_key="r_1"), events.Context())

    run = app.get("r_1")
    assert run is not None
    assert run.traceparent == ONE
