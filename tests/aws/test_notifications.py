"""SNS and S3 invoke a function asynchronously: what is not done raises, and Lambda brings it again."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
from aws import events
from clouds.shop import order_id

import flux_aws
from flux_core import App, Fatal, Workflow
from flux_core._serving.delivery import Undone
from flux_core.storage import MemoryStorage

if TYPE_CHECKING:
    from clouds.shop import Shop

ANY: Workflow[Any, Any] = Workflow("any").step("step", lambda ctx: ctx.input)


def runs_of(*deliveries: dict[str, Any]) -> list[Any]:
    """Deliver events one after the other, and return the runs that they have made, the first one first."""
    app = App([ANY], MemoryStorage())
    handler = flux_aws.handler(app)
    for event in deliveries:
        assert handler(event, events.Context()) is None
    return sorted(app.list(), key=lambda run: run.created_at)


def test_a_message_of_sns_is_an_input() -> None:
    """The message is the input, and its MessageId, which every delivery has, is the run's id."""
    event = events.sns({"order_id": "o_1"}, "m-1")
    (run,) = runs_of(event, event)

    assert (run.id, run.status, run.input) == ("m-1", "completed", {"order_id": "o_1"})


def test_commits_need_no_key_behind_sns(shop: Shop) -> None:
    """A MessageId stays the same, so the order is charged once."""
    handler, event = flux_aws.handler(shop.app()), events.sns({"order_id": "o_1"})
    handler(event, events.Context())
    handler(event, events.Context())

    assert shop.charged == ["o_1"]


def test_a_step_that_failed_raises_and_is_retried(shop: Shop) -> None:
    """Lambda brings the message again, and the same run goes on."""
    app, event = shop.app(), events.sns({"order_id": "o_1"}, "m-1")
    handler = flux_aws.handler(app)
    shop.declined["o_1"] = ConnectionError("payment service")
    with pytest.raises(Undone, match="1 of 1 is to come again; the log says why: message m-1"):
        handler(event, events.Context())
    shop.declined.clear()
    handler(event, events.Context())

    assert [(run.id, run.status) for run in app.list()] == [("m-1", "completed")]


def test_a_fatal_failure_does_not_raise(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """No retry would help; the log says so."""
    shop.declined["o_1"] = Fatal("out of stock")
    flux_aws.handler(shop.app())(events.sns({"order_id": "o_1"}, "m-1"), events.Context())

    assert "message m-1 is acknowledged, since no retry can help: run m-1 failed" in caplog.text


def test_a_message_that_is_not_json_raises(shop: Shop) -> None:
    """It ends in the function's dead-letter queue."""
    with pytest.raises(Undone):
        flux_aws.handler(shop.app())(events.sns("Hello from SNS!"), events.Context())


def test_a_change_of_an_object_is_an_input() -> None:
    """The input is the record as S3 wrote it; the same notification twice is one run."""
    (run,) = runs_of(events.s3(), events.s3())

    assert run.input == events.s3()["Records"][0]


OBJECT = {"key": "orders/o+1.json", "sequencer": "0C0F6F405D6ED209E1", "versionId": "v1"}


@pytest.mark.parametrize(
    "other",
    [
        events.s3(OBJECT | {"key": "orders/o+2.json"}),
        events.s3(OBJECT | {"sequencer": "0C0F6F405D6ED209E2"}),
        events.s3(OBJECT, name="ObjectRemoved:Delete"),
    ],
)
def test_another_change_is_another_run(other: dict[str, Any]) -> None:
    """Which object, what happened to it, and in which order, tell changes apart."""
    assert len(runs_of(events.s3(OBJECT), other)) == 2


def test_a_change_without_a_sequencer_is_known_by_its_time() -> None:
    """Tags may be set twice on one version, and S3 does not number that."""
    thing, name = {"key": "k", "versionId": "v1"}, "ObjectTagging:Put"
    first, second = events.s3(thing, name=name), events.s3(thing, name=name, time="2019-09-03T19:37:28.000Z")

    assert len(runs_of(first, first, second)) == 2


def test_every_object_of_a_notification_is_a_run(shop: Shop) -> None:
    """One that fails does not keep the others from being run; then the whole comes again."""

    def load(ctx: Any) -> None:
        key = ctx.input["s3"]["object"]["key"]
        if error := shop.declined.get(key):
            raise error
        shop.charged.append(key)

    app = App([Workflow("load").step("load", load)], MemoryStorage())
    event = events.s3(*({"key": key, "sequencer": "0C"} for key in "abc"))
    handler = flux_aws.handler(app)
    shop.declined["b"] = ConnectionError("disk")
    with pytest.raises(
        Undone, match=r"1 of 3 is to come again; .*: ObjectCreated:Put of DOC-EXAMPLE-BUCKET/b"
    ):
        handler(event, events.Context())
    shop.declined.clear()
    handler(event, events.Context())

    assert shop.charged == ["a", "c", "b"]


def test_what_the_time_is_up_for_raises(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """A record that is not begun comes again."""
    caplog.set_level(logging.ERROR)
    handler = flux_aws.handler(shop.app(), key=order_id)
    with pytest.raises(Undone):
        handler(events.sns({"order_id": "o_1"}), events.Context(remaining=0.9))

    assert shop.charged == []
