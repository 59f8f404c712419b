"""Functions for events: what is acknowledged, and what is to come again."""

from __future__ import annotations

import logging
import re
import traceback
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from cloudevents.conversion import to_binary, to_structured
from clouds.shop import order_id
from gcp import events

from flux_core import App, Fatal, RunStatus, Workflow
from flux_core._serving.body import MalformedBody
from flux_core._serving.delivery import Undone
from flux_core.storage import MemoryStorage
from flux_gcp._events.recognition import PUBLISHED

if TYPE_CHECKING:
    from collections.abc import Callable

    from cloudevents.http import CloudEvent
    from clouds.shop import Shop
    from gcp.fronts import Front

    from flux_core import Run

ECHO = Workflow("echo").step("keep", lambda ctx: ctx.input)
JSON = {"Content-Type": "application/json"}
STRUCTURED = {"Content-Type": "application/cloudevents+json"}


def echo(front: Front) -> tuple[App, Any]:
    """Return an app that keeps what it is given, and its function."""
    app = App([ECHO], MemoryStorage())
    return app, front.cloud_event(app)


def only_run(app: App) -> Run:
    """Return the one run that there is."""
    (run,) = app.list()
    return run


def test_the_data_of_a_message_is_the_input(front: Front) -> None:
    """A message of Pub/Sub is run on what was published, under its subscription's name and its messageId."""
    app, function = echo(front)
    front.deliver(function, events.message({"order_id": "o_1"}, "10001"))

    assert (only_run(app).id, only_run(app).input) == ("orders:10001", {"order_id": "o_1"})


@pytest.mark.parametrize(
    ("source", "run_id"),
    [
        ("//pubsub.googleapis.com/projects/shop/topics/sold", "sold:10001"),
        ("//pubsub.googleapis.com/", "10001"),
    ],
)
def test_a_message_without_its_subscription_is_its_topics(front: Front, source: str, run_id: str) -> None:
    """Where the subscription is not told, the topic is; where that is not told either, the messageId is left."""
    app, function = echo(front)
    event = events.message({"order_id": "o_1"}, "10001")
    event["source"] = source
    del event.data["subscription"]
    front.deliver(function, event)

    assert only_run(app).id == run_id


def test_messages_of_two_topics_are_two_runs(front: Front) -> None:
    """A messageId is one of its topic, and another topic may have the same."""
    app, function = echo(front)
    for topic in ("eu", "us"):
        subscription = f"projects/flux-tests/subscriptions/orders-{topic}"
        front.push(function, events.pushed({"topic": topic}, "10001", subscription=subscription), JSON)

    assert {run.id: run.input["topic"] for run in app.list()} == {
        "orders-eu:10001": "eu",
        "orders-us:10001": "us",
    }


def test_two_functions_of_one_topic_have_a_run_each(front: Front) -> None:
    """Over one store each of two workflows is run on a message that both subscribe to."""
    ship = Workflow("ship").step("keep", lambda ctx: ctx.input)
    app = App([ECHO, ship], MemoryStorage())
    for workflow in ("echo", "ship"):
        subscription = f"projects/flux-tests/subscriptions/{workflow}"
        function = front.cloud_event(app, workflow=workflow)
        front.push(function, events.pushed({"order_id": "o_1"}, "10001", subscription=subscription), JSON)

    assert {run.workflow for run in app.list()} == {"echo", "ship"}


def test_a_message_that_comes_twice_is_one_run(shop: Shop, front: Front) -> None:
    """A redelivery of what is done is acknowledged, and charges nobody."""
    function = front.cloud_event(shop.app())
    for _ in range(2):
        front.deliver(function, events.message({"order_id": "o_1"}))

    assert shop.charged == ["o_1"]


def test_a_key_names_the_run(shop: Shop, front: Front) -> None:
    """With a key the same order is one run, whichever message brings it."""
    app = shop.app()
    function = front.cloud_event(app, key=order_id)
    for number in ("10001", "10002"):
        front.deliver(function, events.message({"order_id": "o_1"}, number))

    assert (only_run(app).id, shop.charged) == ("o_1", ["o_1"])


def test_a_change_in_a_bucket_is_the_input(front: Front) -> None:
    """An object that was written is told as Cloud Storage tells it."""
    app, function = echo(front)
    front.deliver(function, events.uploaded())

    assert only_run(app).input["name"] == "2026/o_1.json"


def test_a_change_that_is_told_twice_is_one_run(front: Front) -> None:
    """Two events about one generation of an object are one change; another generation is another."""
    app, function = echo(front)
    for generation, event_id in (("1", "a"), ("1", "b"), ("2", "c")):
        told = events.uploaded(generation=generation)
        told["id"] = event_id
        front.deliver(function, told)

    assert len([*app.list()]) == 2


def test_any_other_event_is_run_on_its_data(front: Front) -> None:
    """An event of a type that is not known is named by source and id together, as CloudEvents has it."""
    app, function = echo(front)
    for source in ("//shop.example/a", "//shop.example/b", "//shop.example/b"):
        front.deliver(function, events.other({"order_id": "o_1"}, "e-1", source))

    assert [run.input for run in app.list()] == [{"order_id": "o_1"}] * 2


@pytest.mark.parametrize("data", ['{"order_id": "o_1"}', b'{"order_id": "o_1"}'])
def test_data_that_comes_as_text_is_read(front: Front, data: object) -> None:
    """JSON that its sender did not call JSON is JSON all the same."""
    app, function = echo(front)
    front.deliver(function, events.other(data))

    assert only_run(app).input == {"order_id": "o_1"}


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (events.message(b"order o_1, please"), "message orders:10001 .* the body is not JSON"),
        (events.message(b""), "message orders:10001 .* there is no body"),
        (events.odd_message("data", 5), "the message's data of event 10001 .* to be text, got int"),
        (events.other(None), "event e-1 of type example.shop.ordered carries no data"),
        (events.other(""), "carries no data"),
        (events.other(b"\x0a\x05order"), "the body is not JSON"),
    ],
)
def test_what_cannot_be_read_is_to_come_again(
    front: Front, caplog: pytest.LogCaptureFixture, event: CloudEvent, why: str
) -> None:
    """It is told in the log and raised, and so it goes where dead letters go after its last delivery."""
    app, function = echo(front)
    with caplog.at_level(logging.WARNING, "flux"), pytest.raises(Undone, match="is to come again"):
        front.deliver(function, event)

    assert [*app.list()] == []
    assert re.search(why, caplog.text)


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (events.uploaded(generation=None, name=None), "of an object without name, generation"),
        (
            events.retyped(events.other({}), PUBLISHED),
            "event e-1 of type google.* has no message with a messageId",
        ),
        (events.retyped(events.other({"message": {"data": ""}}), PUBLISHED), "no message with a messageId"),
        (events.retyped(events.other(["o_1"]), PUBLISHED), "to be a JSON object, got list"),
        (events.odd_message("messageId", 5), "expected the messageId of event 10001 .* to be text, got int"),
        (
            events.odd_message("subscription", ["s"]),
            "the subscription of event 10001 .* to be text, got list",
        ),
        (events.odd("type", 5), "the type of event e-1 .* to be text, got int"),
        (events.odd("source", ["s"]), "expected the source .* got list"),
        (events.odd("id", 1), "expected the id .* got int"),
    ],
)
def test_an_event_that_is_not_what_it_says_is_refused(front: Front, event: CloudEvent, why: str) -> None:
    """The error names the event, and what it lacks."""
    with pytest.raises(MalformedBody, match=why):
        front.deliver(echo(front)[1], event)


def test_a_run_that_failed_is_retried_by_the_next_delivery(shop: Shop, front: Front) -> None:
    """A failed step raises, which is answered 500; what comes again goes on from that step."""
    app = shop.app()
    function = front.cloud_event(app)
    shop.declined["o_1"] = ConnectionError("the bank does not answer")
    with pytest.raises(Undone):
        front.deliver(function, events.message({"order_id": "o_1"}))
    del shop.declined["o_1"]
    front.deliver(function, events.message({"order_id": "o_1"}))

    assert (only_run(app).status, shop.charged) == (RunStatus.COMPLETED, ["o_1"])


def test_a_refused_order_is_acknowledged(shop: Shop, front: Front, caplog: pytest.LogCaptureFixture) -> None:
    """No redelivery could help it: the run shows it, and the log names the run."""
    shop.declined["o_1"] = Fatal("the card has expired")
    app = shop.app()
    with caplog.at_level(logging.WARNING, "flux"):
        front.deliver(front.cloud_event(app), events.message({"order_id": "o_1"}))

    assert only_run(app).status is RunStatus.FAILED
    assert "see why with: flux show orders:10001" in caplog.text


def test_an_order_that_was_rolled_back_is_acknowledged(shop: Shop, front: Front) -> None:
    """A rollback is an end."""
    app = shop.approvals()
    function = front.cloud_event(app)
    front.deliver(function, events.message({"order_id": "o_1"}))
    app.cancel("approval", "orders:10001", compensate=True)
    front.deliver(function, events.message({"order_id": "o_1"}))

    assert (only_run(app).status, shop.refunded) == (RunStatus.ROLLED_BACK, ["o_1"])


def test_an_event_whose_run_is_busy_is_to_come_again(front: Front, caplog: pytest.LogCaptureFixture) -> None:
    """Another worker holds the run: the event comes back when that one may have ended."""
    inner: list[str] = []
    app = App([Workflow("twice").step("again", lambda ctx: again())], MemoryStorage())
    function = front.cloud_event(app)

    def again() -> None:
        with pytest.raises(Undone):
            _in_a_thread(lambda: front.deliver(function, events.message({})))
        inner.append("raised")

    with caplog.at_level(logging.WARNING, "flux"):
        front.deliver(function, events.message({}))

    assert inner == ["raised"]
    assert "RunBusy" in caplog.text


def _in_a_thread(work: Callable[[], None]) -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(work).result()


def test_a_route_is_given_the_event(front: Front) -> None:
    """A function that serves several workflows chooses by what the event says of itself."""
    app = App([ECHO, Workflow("upload").step("nothing", lambda ctx: None)], MemoryStorage())
    function = front.cloud_event(app, route=lambda event: "upload" if "storage" in event["type"] else "echo")
    front.deliver(function, events.uploaded())

    assert only_run(app).workflow == "upload"


@pytest.mark.parametrize("mode", [to_binary, to_structured])
def test_a_request_with_an_event_is_served(front: Front, mode: Any) -> None:
    """Deployed with signature http, the function reads a CloudEvent of either mode itself."""
    app, function = echo(front)
    headers, body = mode(events.message({"order_id": "o_1"}, "10001"))
    front.push(function, body, headers)

    assert (only_run(app).id, only_run(app).input) == ("orders:10001", {"order_id": "o_1"})


def test_a_request_that_pub_sub_pushes_is_served(front: Front) -> None:
    """Deployed with signature http, the function reads what a subscription pushes, without Eventarc."""
    app, function = echo(front)
    front.push(function, events.pushed({"order_id": "o_1"}, "10001"), JSON)

    assert (only_run(app).id, only_run(app).input) == ("orders:10001", {"order_id": "o_1"})


@pytest.mark.parametrize(
    ("headers", "body", "why"),
    [
        (JSON, b"order o_1, please", "the body is not JSON"),
        (JSON, b'{"order_id": "o_1"}', "neither a CloudEvent nor a message that Pub/Sub pushes"),
        (JSON, b'{"message": "o_1", "subscription": "s"}', "no message with a messageId"),
        (JSON, b'{"message": {"messageId": 5}, "subscription": "s"}', "the messageId of event .* got int"),
        (STRUCTURED, b'{"specversion": []}', "and is none: TypeError"),
        (STRUCTURED, b"\xff\xfe\x00", "and is none: UnicodeDecodeError"),
        pytest.param(STRUCTURED, b"[" * 100_000, "and is none: RecursionError", id="too-deep"),
        (STRUCTURED, b"{}", "said to be a CloudEvent, and is none"),
        (
            {"ce-type": "example.shop.ordered", "ce-specversion": "1.0", "ce-id": "e-1"},
            b"{}",
            "said to be a CloudEvent, and is none",
        ),
    ],
)
def test_a_request_without_an_event_is_refused(
    front: Front, headers: dict[str, str], body: bytes, why: str
) -> None:
    """The error says what the request should have been."""
    with pytest.raises(MalformedBody, match=why):
        front.push(echo(front)[1], body, headers)


def test_a_request_that_cannot_be_read_is_not_quoted(front: Front) -> None:
    """What a customer sent is not for the log, neither in the error's words nor behind them."""
    card = "4111" * 4
    with pytest.raises(MalformedBody) as caught:
        front.push(echo(front)[1], f'{{"card": "{card}"'.encode(), STRUCTURED)

    assert card not in "".join(traceback.format_exception(caught.value))
