"""A message of Queue Storage is deleted when it is done; an error brings it back, until it is poison."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from clouds.shop import order_id

import flux_azure
from flux_core import App, Fatal, InvalidWorkflow, Workflow
from flux_core._serving.delivery import Undone
from flux_core.storage import MemoryStorage

from .triggers import context, functions, queued

if TYPE_CHECKING:
    from collections.abc import Callable

    from clouds.shop import Shop

ORDER = {"order_id": "o_1"}


def serve(app: App, **options: Any) -> Callable[..., Any]:
    """Return the function of the queue."""
    return functions(flux_azure.blueprint(app, queue="orders", **options))["queue_orders"]


def test_a_message_is_run(shop: Shop) -> None:
    """Its body is the input, and the function returns, so that it is deleted."""
    app = shop.app()
    serve(app, key=order_id)(queued(ORDER), context())

    assert [(run.id, run.status) for run in app.list()] == [("o_1", "completed")]


def test_a_redelivery_retries_the_failed_step(shop: Shop) -> None:
    """A failure worth a retry raises, and the message that comes again is the same run."""
    app = shop.app()
    function = serve(app, key=order_id)
    shop.declined["o_1"] = ConnectionError("payment service")
    with pytest.raises(Undone, match="message m-1"):
        function(queued(ORDER), context())
    shop.declined.clear()
    function(queued(ORDER), context())

    assert [(run.id, run.status) for run in app.list()] == [("o_1", "completed")]


def test_a_fatal_failure_is_acknowledged(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """A message that no retry can help is deleted; the log shows it."""
    shop.declined["o_1"] = Fatal("out of stock")
    serve(shop.app(), key=order_id)(queued(ORDER), context())

    assert "message m-1 is acknowledged, since no retry can help: run o_1 failed" in caplog.text


@pytest.mark.parametrize("body", ["{", "", "[1]", "null"])
def test_a_message_that_is_no_order_comes_back(
    shop: Shop, body: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It raises until it is with the poison, and the log says which message and why."""
    with pytest.raises(Undone):
        serve(shop.app(), key=order_id)(queued(body), context())

    assert "message m-1 is to come again" in caplog.text


def test_commits_need_a_key(shop: Shop) -> None:
    """A message put back from the poison queue has a new id, so a workflow with commits says how runs are named."""
    with pytest.raises(InvalidWorkflow, match="key=message_id"):
        serve(shop.app())(queued(ORDER), context())


def test_the_message_id_is_a_key(shop: Shop) -> None:
    """Who says so takes the message's id, for commits too."""
    app = shop.app()
    serve(app, key=flux_azure.message_id)(queued(ORDER), context())

    assert [run.id for run in app.list()] == [flux_azure.message_id(queued(ORDER))]


def test_without_commits_the_message_id_is_the_key() -> None:
    """Steps may run again, so a workflow of steps needs no key."""
    app = App([Workflow("steps").step("step", lambda ctx: 1)], MemoryStorage())
    serve(app)(queued({}), context())

    assert [run.id for run in app.list()] == ["m-1"]


def test_a_control_command_is_an_input(shop: Shop) -> None:
    """What stands in a queue of orders commands nothing: it is an order that cannot be read."""
    app = shop.app()
    app.execute("order", ORDER, id="o_1")
    with pytest.raises(Undone):
        serve(app, key=order_id)(queued({"flux": {"action": "delete", "id": "o_1"}}), context())

    assert app.get("o_1") is not None
