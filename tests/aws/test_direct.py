"""A direct invocation is an input, or a word to the control plane."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from aws import events
from clouds.shop import order_id

import flux_aws
from flux_core import Fatal, InputMismatch, InvalidInput, RunBusy

if TYPE_CHECKING:
    from clouds.shop import Shop


def test_a_completed_run_is_answered(shop: Shop) -> None:
    """The answer is the run's status, id and data."""
    answer = flux_aws.handler(shop.app(), key=order_id)({"order_id": "o_1"}, events.Context())

    assert json.loads(json.dumps(answer)) == {
        "status": "completed",
        "id": "o_1",
        "data": {"payment_id": "pay-o_1"},
    }


def test_a_failed_run_is_answered_with_its_error(shop: Shop) -> None:
    """A failing step is no exception: the answer says what happened, and whether trying again helps."""
    shop.declined["o_1"] = Fatal("out of stock")
    answer = flux_aws.handler(shop.app(), key=order_id)({"order_id": "o_1"}, events.Context())

    assert answer == {
        "status": "failed",
        "id": "o_1",
        "data": {"payment_id": None},
        "error": {"type": "Fatal", "message": "out of stock", "code": "FATAL", "retryable": False},
    }


def test_invocations_without_a_key_are_runs_of_their_own(shop: Shop) -> None:
    """The same input twice, in two invocations, is two runs."""
    handler = flux_aws.handler(shop.app())
    handler({"order_id": "o_1"}, events.Context())
    handler({"order_id": "o_1"}, events.Context())

    assert shop.charged == ["o_1", "o_1"]


def test_a_repeated_invocation_is_one_run(shop: Shop) -> None:
    """Lambda repeats an asynchronous invocation under its request id, and so under the run's id."""
    handler, context = flux_aws.handler(shop.app()), events.Context()
    handler({"order_id": "o_1"}, context)
    answer = handler({"order_id": "o_1"}, context)

    assert answer["id"] == context.aws_request_id
    assert shop.charged == ["o_1"]


@pytest.mark.parametrize("event", [None, [], "o_1", {"order_id": 1}])
def test_an_input_of_the_wrong_shape_is_an_exception(shop: Shop, event: object) -> None:
    """What is no order is refused, and nothing is saved."""
    app = shop.app()
    with pytest.raises(InvalidInput):
        flux_aws.handler(app)(event, events.Context())

    assert not list(app.list())


def test_another_input_under_the_same_key_is_an_exception(shop: Shop) -> None:
    """One key is one input."""
    handler = flux_aws.handler(shop.app(), key=lambda order: "one")
    handler({"order_id": "o_1"}, None)

    with pytest.raises(InputMismatch):
        handler({"order_id": "o_2"}, None)


def test_a_run_that_is_held_is_an_exception(shop: Shop) -> None:
    """Lambda repeats an asynchronous invocation that meets another worker's run."""
    handler = flux_aws.handler(shop.app(), key=order_id)
    lose_a_worker(shop, handler)

    with pytest.raises(RunBusy):
        handler({"order_id": "o_1"}, events.Context())


def test_a_message_is_no_command(shop: Shop) -> None:
    """What stands in a queue is always an input."""
    app = shop.app()
    app.start("order", {"order_id": "o_1"})
    handler = flux_aws.handler(app, key=flux_aws.message_id)
    answer = handler(events.sqs(events.message({"flux": {"action": "tick"}}, "m-1")), events.Context())

    assert answer == events.failures("m-1")
    assert shop.charged == []


def test_an_http_body_is_no_command(shop: Shop) -> None:
    """What comes over HTTP is always an input."""
    app = shop.app()
    app.start("order", {"order_id": "o_1"})
    answer = flux_aws.handler(app)(events.http_api({"flux": {"action": "tick"}}), events.Context())

    assert answer["statusCode"] == 422
    assert shop.charged == []


def lose_a_worker(shop: Shop, handler: Any) -> None:
    """Let the process of a worker end in the middle of order `o_1`."""
    shop.declined["o_1"] = SystemExit("the process ends")
    with pytest.raises(SystemExit):
        handler({"order_id": "o_1"}, events.Context())
