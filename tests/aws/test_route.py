"""Several workflows behind one function: a route chooses one for each event."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from aws import events
from aws.events import failures, message, sqs
from clouds.shop import order_id

import flux_aws
from flux_core import App, InvalidInput, InvalidWorkflow, UnknownWorkflow, Workflow
from flux_core.storage import MemoryStorage

if TYPE_CHECKING:
    from clouds.shop import Shop

ONE: Workflow[Any, Any] = Workflow("one").step("step", lambda ctx: 1)
TWO: Workflow[Any, Any] = Workflow("two").step("step", lambda ctx: 2)


def attribute(record: dict[str, Any]) -> str:
    """Route a message by its attribute."""
    name: str = record["messageAttributes"]["workflow"]["stringValue"]
    return name


def addressed(to: str, message_id: str) -> dict[str, Any]:
    """A message with the attribute."""
    attributes = {"workflow": {"stringValue": to, "dataType": "String"}}
    return message({}, message_id) | {"messageAttributes": attributes}


@pytest.mark.parametrize(
    ("event", "told"),
    [
        ({"order_id": "o_1"}, lambda event: event["order_id"]),
        (events.event_bridge({}), lambda event: event["detail-type"]),
        (events.sns({}), lambda record: record["Sns"]["TopicArn"]),
        (events.s3(), lambda record: record["s3"]["bucket"]["name"]),
        (events.kinesis({}), lambda record: record["eventSourceARN"]),
        (events.dynamodb({"Keys": {}}), lambda record: record["eventName"]),
        (events.kafka(orders0=[{}]), lambda record: record["topic"]),
        (events.http_api({}), lambda event: event["rawPath"]),
        (events.rest_api({}), lambda event: event["path"]),
        (events.load_balancer({}), lambda event: event["path"]),
    ],
)
def test_a_route_sees_what_lambda_delivered(event: dict[str, Any], told: Any) -> None:
    """It has the event, or of an event with many the record, with all that the source says of it."""
    app, seen = App([ONE, TWO], MemoryStorage()), []

    def route(delivered: Any) -> str:
        seen.append(told(delivered))
        return "two"

    flux_aws.handler(app, route=route)(event, events.Context())

    assert len(seen) == 1
    assert [run.workflow for run in app.list()] == ["two"]


def test_each_message_goes_its_own_way() -> None:
    """The messages of a batch may be for different workflows; one that is for none comes back alone."""
    app = App([ONE, TWO], MemoryStorage())
    batch = sqs(
        addressed("two", "m-1"), addressed("three", "m-2"), message({}, "m-3"), addressed("one", "m-4")
    )
    answer = flux_aws.handler(app, route=attribute)(batch, events.Context())

    assert answer == failures("m-2", "m-3")
    assert {run.id: run.workflow for run in app.list()} == {"m-1": "two", "m-4": "one"}


@pytest.mark.parametrize("name", ["three", None, ["one"]])
def test_a_name_that_no_workflow_has_is_refused(name: Any, caplog: pytest.LogCaptureFixture) -> None:
    """The log says what came, and what could have; whoever sent the event hears nothing of the app."""
    handler = flux_aws.handler(App([ONE, TWO], MemoryStorage()), route=lambda event: name)
    with pytest.raises(UnknownWorkflow, match=r"^there is no workflow for this event$"):
        handler({}, None)
    assert f"route= returned {name!r}; return one of: one, two" in caplog.text


def test_a_route_that_raises_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The log says what was raised and where; whoever sent the event hears that it lacks something."""
    handler = flux_aws.handler(App([ONE, TWO], MemoryStorage()), route=lambda event: event["kind"])
    with pytest.raises(InvalidInput, match=r"^the event lacks what its workflow is chosen by$"):
        handler({}, None)
    assert "route= raised KeyError: 'kind'" in caplog.text
    assert f'File "{__file__}"' in caplog.text


def test_an_http_request_for_no_workflow_is_404() -> None:
    """The client asked for what is not there."""
    handler = flux_aws.handler(App([ONE, TWO], MemoryStorage()), route=lambda event: event["rawPath"])
    answer = handler(events.http_api({}), None)

    assert (answer["statusCode"], json.loads(answer["body"])["code"]) == (404, "UNKNOWN_WORKFLOW")


def test_a_route_and_a_workflow_exclude_each_other() -> None:
    """Two words about one thing are one too many."""
    with pytest.raises(InvalidWorkflow, match="give one of them"):
        flux_aws.handler(App([ONE, TWO]), workflow="one", route=lambda event: "two")


def test_commits_that_are_routed_to_need_a_key(shop: Shop) -> None:
    """A message without a lasting name does not reach a commit, whatever the function serves beside it."""
    app = App([shop.order, ONE], MemoryStorage())
    with pytest.raises(InvalidWorkflow, match="workflow 'order' has commits"):
        flux_aws.handler(app, route=lambda record: "order")(sqs(message({"order_id": "o_1"})), None)

    assert flux_aws.handler(app, route=lambda record: "one")(sqs(message({}, "m-1")), None) == failures()
    keyed = flux_aws.handler(app, route=lambda record: "order", key=order_id)
    assert keyed(sqs(message({"order_id": "o_1"})), None) == failures()
