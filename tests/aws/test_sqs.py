"""An SQS batch is answered message by message: what failed and is worth it comes back, the rest is deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from aws import events
from aws.events import failures, message, sqs
from aws.shop import order_id

import flux_aws
from flux_core import App, Fatal, InvalidWorkflow, StoreError, Workflow
from flux_core.storage import MemoryStorage

if TYPE_CHECKING:
    from aws.shop import Shop

ALL_DONE = failures()


class Unexpected(MemoryStorage):
    """A store with a bug."""

    def create(self, record: object) -> None:
        """Fail in a way that no store may."""
        raise ZeroDivisionError


class Unreachable(MemoryStorage):
    """A store that does not answer."""

    def create(self, record: object) -> None:
        """Fail as a store may."""
        raise StoreError("the table does not answer")


def test_completed_messages_are_acknowledged(shop: Shop) -> None:
    """Every message of a batch is run, in order, and none comes back."""
    handler = flux_aws.handler(shop.app(), key=order_id)
    answer = handler(sqs(message({"order_id": "o_1"}), message({"order_id": "o_2"})), events.Context())

    assert answer == ALL_DONE
    assert shop.charged == ["o_1", "o_2"]


def test_a_message_whose_step_failed_comes_back(shop: Shop) -> None:
    """An error that is worth a retry puts that message back, and no other."""
    shop.declined["o_1"] = ConnectionError("payment service")
    batch = sqs(message({"order_id": "o_1"}, "m-1"), message({"order_id": "o_2"}, "m-2"))

    assert flux_aws.handler(shop.app(), key=order_id)(batch, events.Context()) == failures("m-1")


def test_a_redelivery_retries_the_failed_step(shop: Shop) -> None:
    """A message that came back is the same run, tried again from the step that failed."""
    app, batch = shop.app(), sqs(message({"order_id": "o_1"}))
    handler = flux_aws.handler(app, key=order_id)
    shop.declined["o_1"] = ConnectionError("payment service")
    handler(batch, events.Context())
    shop.declined.clear()

    assert handler(batch, events.Context()) == ALL_DONE
    assert [(run.id, run.status) for run in app.list()] == [("o_1", "completed")]


def test_a_fatal_failure_is_acknowledged(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """A message that no retry can help is deleted; the run and the log show it."""
    shop.declined["o_1"] = Fatal("out of stock")
    handler = flux_aws.handler(shop.app(), key=order_id)

    assert handler(sqs(message({"order_id": "o_1"}, "m-1")), events.Context()) == ALL_DONE
    assert "message m-1 is deleted, since no retry can help: run o_1 failed" in caplog.text


def test_a_suspended_run_is_acknowledged(shop: Shop) -> None:
    """A run that goes on by itself later needs its message no more."""
    slow = Workflow("slow").step("call", lambda ctx: 1 / 0, retries=1)
    app = App([slow], MemoryStorage(), max_inline_wait=0)
    answer = flux_aws.handler(app)(sqs(message({})), events.Context())

    assert answer == ALL_DONE
    assert [run.status for run in app.list()] == ["suspended"]


def test_a_run_that_is_held_comes_back(shop: Shop) -> None:
    """A message that meets another worker's run waits for it."""
    handler = flux_aws.handler(shop.app(), key=order_id)
    shop.declined["o_1"] = SystemExit("the process ends")
    with pytest.raises(SystemExit):
        handler({"order_id": "o_1"}, events.Context())

    assert handler(sqs(message({"order_id": "o_1"}, "m-1")), events.Context()) == failures("m-1")


@pytest.mark.parametrize("body", ["{", "", "[1]", '{"order_id": 1}', "null", "NaN", "[" * 100_000])
def test_a_poison_message_comes_back(shop: Shop, body: str) -> None:
    """A body that is no order goes the way to the dead-letter queue, and the others are run."""
    batch = sqs(message(body, "m-1"), message({"order_id": "o_2"}, "m-2"))

    assert flux_aws.handler(shop.app(), key=order_id)(batch, events.Context()) == failures("m-1")
    assert shop.charged == ["o_2"]


def test_a_poison_message_is_logged_without_its_body(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """The log says which message, and why, and nothing of what is in it."""
    flux_aws.handler(shop.app(), key=order_id)(sqs(message('{"card": "4111', "m-1")), events.Context())

    assert "message m-1 is put back: MalformedBody: the body is not JSON" in caplog.text
    assert "4111" not in caplog.text


def test_another_input_under_the_same_key_comes_back(shop: Shop) -> None:
    """A message that names a run of another input goes the way to the dead-letter queue."""
    handler = flux_aws.handler(shop.app(), key=lambda order: "one")
    batch = sqs(message({"order_id": "o_1"}, "m-1"), message({"order_id": "o_2"}, "m-2"))

    assert handler(batch, events.Context()) == failures("m-2")


@pytest.mark.parametrize("storage", [Unreachable(), Unexpected()])
def test_a_store_that_fails_puts_the_message_back(shop: Shop, storage: MemoryStorage) -> None:
    """Whatever the store raises, the message is not lost."""
    handler = flux_aws.handler(shop.app().on(storage), key=order_id)

    assert handler(sqs(message({"order_id": "o_1"}, "m-1")), events.Context()) == failures("m-1")


def test_commits_need_a_key(shop: Shop) -> None:
    """A redriven message has a new id, so a workflow with commits says how its runs are named."""
    with pytest.raises(InvalidWorkflow, match=r"key=flux_aws\.message_id"):
        flux_aws.handler(shop.app())(sqs(message({"order_id": "o_1"})), events.Context())


def test_the_message_id_is_a_key(shop: Shop) -> None:
    """Who says so takes the message's id, for commits too."""
    app = shop.app()
    flux_aws.handler(app, key=flux_aws.message_id)(sqs(message({"order_id": "o_1"}, "m-1")), events.Context())

    assert [run.id for run in app.list()] == ["m-1"]


def test_without_commits_the_message_id_is_the_key() -> None:
    """Steps may run again, so a workflow of steps needs no key."""
    app = App([Workflow("steps").step("step", lambda ctx: 1)], MemoryStorage())
    flux_aws.handler(app)(sqs(message({}, "m-1")), events.Context())

    assert [run.id for run in app.list()] == ["m-1"]


def test_a_group_waits_for_its_failed_message(shop: Shop) -> None:
    """In a FIFO queue the messages behind a failed one of their group are put back unrun; other groups go on."""
    shop.declined["o_1"] = ConnectionError("payment service")
    batch = sqs(
        message({"order_id": "o_1"}, "m-1", group="ada"),
        message({"order_id": "o_2"}, "m-2", group="grace"),
        message({"order_id": "o_3"}, "m-3", group="ada"),
    )

    assert flux_aws.handler(shop.app(), key=order_id)(batch, events.Context()) == failures("m-1", "m-3")
    assert shop.charged == ["o_2"]


def test_a_fair_queue_has_no_order(shop: Shop) -> None:
    """In a queue that is not FIFO a group only shares the load, and nothing waits."""
    shop.declined["o_1"] = ConnectionError("payment service")
    batch = sqs(
        message({"order_id": "o_1"}, "m-1", group="ada", fifo=False),
        message({"order_id": "o_2"}, "m-2", group="ada", fifo=False),
    )

    assert flux_aws.handler(shop.app(), key=order_id)(batch, events.Context()) == failures("m-1")
    assert shop.charged == ["o_2"]


def test_no_message_is_begun_when_the_time_is_up(shop: Shop) -> None:
    """What the invocation has no time for is put back, unrun."""
    batch = sqs(message({"order_id": "o_1"}, "m-1"), message({"order_id": "o_2"}, "m-2"))
    answer = flux_aws.handler(shop.app(), key=order_id)(batch, events.Context(remaining=0.9))

    assert answer == failures("m-1", "m-2")
    assert shop.charged == []
