"""The table of event sources says what the handler does: each cell is tried out on the source's own event."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aws import events

import flux_aws
from flux_aws._sources.recognition import SOURCES
from flux_core import App, Context, Fatal, FluxError, Workflow, run_id_from
from flux_core._serving.control.actions import ACTIONS
from flux_core.storage import MemoryStorage

if TYPE_CHECKING:
    from clouds.shop import Shop

TEXT = (Path(__file__).parents[2] / "docs" / "event-sources.md").read_text()
SOURCES_TEXT, _, CONTROL_TEXT = TEXT.partition("\n## Control\n")


def rows(text: str) -> list[list[str]]:
    """Return the cells of a text's table, its head first."""
    lines = [line for line in text.splitlines() if line.startswith("|") and not line.startswith("|---")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


HEAD, *ROWS = rows(SOURCES_TEXT)
TABLE = {row[0]: dict(zip(HEAD, row, strict=True)) for row in ROWS}

ORDER = {"order_id": "o_1"}
Make = Callable[[Any], dict[str, Any]]
MAKERS: dict[str, tuple[Make, ...]] = {
    "direct invocation": (lambda body: body,),
    "SQS": (lambda body: events.sqs(events.message(body, "m-1")),),
    "SNS": (events.sns,),
    "S3": (lambda body: events.s3(),),
    "EventBridge": (events.event_bridge,),
    "Kinesis": (events.kinesis,),
    "DynamoDB Streams": (lambda body: events.dynamodb({"Keys": attributes(body)}),),
    "Kafka": (
        lambda body: events.kafka(orders0=[body]),
        lambda body: events.kafka(managed=False, orders0=[body]),
    ),
    "API Gateway, function URL": (
        lambda body: events.http_api(body, idempotency_key="k-1"),
        lambda body: events.rest_api(body, Idempotency_Key="k-1"),
    ),
    "load balancer": (
        lambda body: events.load_balancer(body, idempotency_key="k-1"),
        lambda body: events.load_balancer(body, many=True, idempotency_key="k-1"),
    ),
}
"""The events of each row that carry a given body."""
EVERY = [(row, make) for row, makers in MAKERS.items() for make in makers]
IDS = {
    "SQS": "m-1",
    "SNS": "95df01b4-ee98-5cb9-9903-4c221d41eb5e",
    "S3": run_id_from(
        "DOC-EXAMPLE-BUCKET/b21b84d653bb07b05b1e6b33684dc11b/ObjectCreated:Put/0C0F6F405D6ED209E1"
    ),
    "EventBridge": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
    "Kinesis": f"shardId-000000000006:{events.KINESIS_START}",
    "DynamoDB Streams": "1",
    "Kafka": "orders-0-15",
    "API Gateway, function URL": "k-1",
    "load balancer": "k-1",
}


def attributes(body: Any) -> Any:
    """An item that is the body; of one that is no item, what is no item either."""
    return {name: {"S": value} for name, value in body.items()} if isinstance(body, dict) else {"Id": {}}


def serving(shop: Shop) -> tuple[App, Callable[..., Any], list[BaseException]]:
    """Return an app that takes any input, its function, and a list of what its step is to raise."""
    raised: list[BaseException] = []

    def work(ctx: Context[Any, Any]) -> None:
        for error in raised:
            raise error
        shop.charged.append(ctx.id)

    app = App([Workflow("any").step("work", work)], MemoryStorage())
    return app, flux_aws.handler(app), raised


def told(call: Callable[[], Any]) -> str:
    """Return in the words of the table what became of an event."""
    try:
        answer = call()
    except FluxError:
        return "raises"
    if answer is None:
        return "acknowledged"
    if "batchItemFailures" in answer:
        return "again" if answer["batchItemFailures"] else "acknowledged"
    return str(answer["statusCode"]) if "statusCode" in answer else "answered"


def test_every_source_has_a_row() -> None:
    """The table names what there is, each once; control is told of below it."""
    assert list(TABLE) == list(MAKERS)
    assert len(ROWS) == len(SOURCES)  # of which control is one, and direct invocations are not


@pytest.mark.parametrize(("row", "make"), EVERY)
def test_completed(shop: Shop, row: str, make: Make) -> None:
    """What is answered when the run has completed."""
    _, handler, _ = serving(shop)
    assert told(lambda: handler(make(ORDER), events.Context())) == TABLE[row]["completed"]


@pytest.mark.parametrize(("row", "make"), EVERY)
def test_run_id(shop: Shop, row: str, make: Make) -> None:
    """The same event twice is one run, under the event's own identity."""
    app, handler, _ = serving(shop)
    context = events.Context()
    handler(make(ORDER), context)
    handler(make(ORDER), context)

    assert shop.charged == [IDS.get(row, context.aws_request_id)]
    assert len(app.list()) == 1


@pytest.mark.parametrize(("row", "make"), EVERY)
def test_failed(shop: Shop, row: str, make: Make) -> None:
    """What is answered when a step failed that is worth a retry; what comes again retries it."""
    app, handler, raised = serving(shop)
    raised.append(ConnectionError("payment service"))
    context = events.Context()
    assert told(lambda: handler(make(ORDER), context)) == TABLE[row]["failed"]
    raised.clear()
    handler(make(ORDER), context)

    retried = TABLE[row]["failed"] == "again" or TABLE[row]["completed"] == "acknowledged"
    assert [run.status for run in app.list()] == ["completed" if retried else "failed"]


@pytest.mark.parametrize("compensate", [None, lambda ctx: None])
@pytest.mark.parametrize(("row", "make"), EVERY)
def test_fatal_and_rolled_back(row: str, make: Make, compensate: Any) -> None:
    """What is answered when no retry would help, whether there was something to undo or not."""

    def refuse(ctx: Context[Any, Any]) -> None:
        raise Fatal("out of stock")

    work = Workflow("any").step("reserve", lambda ctx: 1, compensate=compensate).step("work", refuse)
    app = App([work], MemoryStorage())
    handler = flux_aws.handler(app)

    assert told(lambda: handler(make(ORDER), events.Context())) == TABLE[row]["fatal, rolled back, cancelled"]
    assert [run.status for run in app.list()] == ["rolled_back" if compensate else "failed"]


@pytest.mark.parametrize(("row", "make"), EVERY)
def test_busy(shop: Shop, row: str, make: Make) -> None:
    """What is answered while another worker holds the run."""
    _, handler, raised = serving(shop)
    raised.append(SystemExit("the process ends"))
    context = events.Context()
    with pytest.raises(SystemExit):
        handler(make(ORDER), context)
    assert told(lambda: handler(make(ORDER), context)) == TABLE[row]["busy, no time, store error"]


@pytest.mark.parametrize(("row", "make"), [(row, make) for row, make in EVERY if row != "S3"])
def test_malformed(shop: Shop, row: str, make: Make) -> None:
    """What is answered to an event whose body is no JSON, or not the workflow's input."""
    handler = flux_aws.handler(shop.app(), key=flux_aws.message_id)
    assert told(lambda: handler(make("{"), events.Context())) == TABLE[row]["malformed"]


def test_what_s3_writes_is_never_malformed() -> None:
    """The record itself is the input."""
    assert TABLE["S3"]["malformed"] == "never"


def test_the_examples_are_json() -> None:
    """The schedule's input that the text shows is one, but for what it leaves out."""
    (example,) = re.findall(r'`(\{"id": "nightly.*?\})`', TEXT.replace("\n  ", " "))
    assert json.loads(example.replace("{...}", "{}")).keys() == {"id", "detail-type", "source", "detail"}


def test_every_action_has_a_row() -> None:
    """The table of commands has each with the fields that it takes."""
    _, *shown = rows(CONTROL_TEXT)
    assert {name.strip("`"): re.findall(r"\w+", fields) for name, fields, _ in shown} == {
        name: list(action.fields) for name, action in ACTIONS.items()
    }
