"""An SQS batch is answered message by message: what failed and is worth it comes back, the rest is deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from aws import events
from aws.events import failures, message, sqs
from clouds.shop import Order, Progress, order_id

import flux_aws
from flux_core import App, Context, Fatal, InvalidWorkflow, OutcomeUnknown, StoreError, Workflow
from flux_core.storage import MemoryStorage

if TYPE_CHECKING:
    from collections.abc import Callable

    from clouds.shop import Shop

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
    assert "message m-1 is acknowledged, since no retry can help: run o_1 failed" in caplog.text


def test_a_suspended_run_is_acknowledged(shop: Shop) -> None:
    """A run that goes on by itself later needs its message no more."""
    slow = Workflow("slow").step("call", lambda ctx: 1 / 0, retries=1)
    app = App([slow], MemoryStorage(), max_inline_wait=0)
    answer = flux_aws.handler(app)(sqs(message({})), events.Context())

    assert answer == ALL_DONE
    assert [run.status for run in app.list()] == ["suspended"]


def wait_for_approval(shop: Shop) -> tuple[App, Callable[..., Any], dict[str, Any]]:
    """Return an app in which order `o_1` waits for its approval, the handler, and the message that the order was."""
    app, batch = shop.approvals(), sqs(message({"order_id": "o_1"}, "m-1"))
    handler = flux_aws.handler(app, key=order_id)
    assert handler(batch, events.Context()) == ALL_DONE
    return app, handler, batch


def test_a_run_that_waits_is_acknowledged(shop: Shop) -> None:
    """A signal brings it on, not its message; one that comes again leaves it where it stands."""
    app, handler, batch = wait_for_approval(shop)

    assert handler(batch, events.Context()) == ALL_DONE
    assert [run.status for run in app.list()] == ["suspended"]
    assert shop.charged == ["o_1"]


def test_a_paused_run_is_acknowledged(shop: Shop) -> None:
    """Only a person goes on with it."""
    app, handler, batch = wait_for_approval(shop)
    app.pause("o_1")

    assert handler(batch, events.Context()) == ALL_DONE
    assert [run.status for run in app.list()] == ["paused"]


@pytest.mark.parametrize(
    ("compensate", "words"), [(False, "run o_1 was cancelled"), (True, "run o_1 was rolled back")]
)
def test_a_cancelled_run_is_acknowledged(
    shop: Shop, caplog: pytest.LogCaptureFixture, words: str, *, compensate: bool
) -> None:
    """A message that comes again does not bring the order back; the log says why nothing was done."""
    app, handler, batch = wait_for_approval(shop)
    app.cancel("approval", "o_1", compensate=compensate)

    assert handler(batch, events.Context()) == ALL_DONE
    assert f"message m-1 is acknowledged, since no retry can help: {words}" in caplog.text


def test_a_failure_that_was_rolled_back_is_acknowledged(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """What was done is taken back, so there is no step to retry, whatever the error was."""
    app, handler, batch = wait_for_approval(shop)
    app.signal("approval", "o_1", "approved", run=False)
    shop.declined["ship o_1"] = ConnectionError("carrier")
    app.tick()

    assert handler(batch, events.Context()) == ALL_DONE
    assert (shop.refunded, "run o_1 was rolled back" in caplog.text) == (["o_1"], True)


@pytest.mark.parametrize("error", [ConnectionError("payment service"), Fatal("no such account")])
def test_a_redelivery_goes_on_with_a_rollback_that_failed(
    shop: Shop, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    """The message comes back until everything is compensated; to the dead-letter queue, if it never is."""
    app, handler, batch = wait_for_approval(shop)
    app.signal("approval", "o_1", "approved", run=False)
    shop.declined = {"ship o_1": Fatal("no such street"), "refund o_1": error}
    app.tick()
    again = handler(batch, events.Context())
    del shop.declined["refund o_1"]

    assert again == failures("m-1")
    assert "message m-1 is to come again, to go on with it: run o_1 could not be rolled back" in caplog.text
    assert handler(batch, events.Context()) == ALL_DONE
    assert (shop.refunded, [run.status for run in app.list()]) == (["o_1"], ["rolled_back"])


def test_a_rollback_that_backs_off_is_acknowledged(shop: Shop) -> None:
    """It goes on by itself later, as a run that backs off forward does."""
    start = Workflow("slow", input=Order, data=Progress)
    slow = start.commit("charge", shop.charge, compensate=shop.refund, retries=1)
    app = App([slow.step("fail", lambda ctx: 1 / 0)], MemoryStorage(), max_inline_wait=0)
    shop.declined["refund o_1"] = ConnectionError("payment service")
    answer = flux_aws.handler(app, key=order_id)(sqs(message({"order_id": "o_1"})), events.Context())

    assert (answer, [run.status for run in app.list()]) == (ALL_DONE, ["rolling_back"])


def test_an_interrupted_commit_is_acknowledged(shop: Shop) -> None:
    """Nobody knows whether it happened: a person decides, and no redelivery runs it again."""

    def charge(ctx: Context[Any, Any]) -> None:
        shop.charged.append("o_1")
        raise OutcomeUnknown("no answer")

    app = App([Workflow("once").commit("charge", charge, once=True)], MemoryStorage())
    handler, batch = flux_aws.handler(app, key=order_id), sqs(message({"order_id": "o_1"}))
    answers = [handler(batch, events.Context()) for _ in range(2)]

    assert (answers, shop.charged) == ([ALL_DONE, ALL_DONE], ["o_1"])


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

    assert "message m-1 is to come again: MalformedBody: the body is not JSON" in caplog.text
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
    with pytest.raises(InvalidWorkflow, match="key=message_id, from the package that serves it"):
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
