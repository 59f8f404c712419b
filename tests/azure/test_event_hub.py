"""A batch of an event hub is run in order, repeated from the first event that is not done, and given up at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from clouds.shop import order_id

import flux_azure
from flux_azure._functions.event_hub import RETRIES
from flux_core import Fatal, InvalidInput
from flux_core._serving.delivery import Undone

from .triggers import context, functions, hub_events

if TYPE_CHECKING:
    from collections.abc import Callable

    from clouds.shop import Shop

    from flux_core import App

ORDERS = ({"order_id": "o_1"}, {"order_id": "o_2"}, {"order_id": "o_3"})


def serve(app: App, **options: Any) -> Callable[..., Any]:
    """Return the function of the event hub."""
    return functions(flux_azure.blueprint(app, event_hub="orders", **options))["event_hub_orders"]


def test_partition_and_number_name_the_runs(shop: Shop) -> None:
    """A batch that comes again repeats nothing."""
    app = shop.app()
    for _ in range(2):
        serve(app)(hub_events(*ORDERS), context())

    assert sorted(run.id for run in app.list()) == ["orders:3:41", "orders:3:42", "orders:3:43"]
    assert shop.charged == ["o_1", "o_2", "o_3"]


def test_the_partition_waits_for_an_event_that_failed(shop: Shop) -> None:
    """Those behind it are not run, and the error has the host repeat the batch."""
    shop.declined["o_2"] = ConnectionError("payment service")
    with pytest.raises(Undone, match="2 of 3"):
        serve(shop.app())(hub_events(*ORDERS), context())

    assert shop.charged == ["o_1"]


def test_at_the_last_retry_only_what_cannot_be_done_is_passed_over(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    """Each event is tried, and the log says which one is lost."""
    shop.declined["o_2"] = ConnectionError("payment service")
    serve(shop.app())(hub_events(*ORDERS), context(retries=(RETRIES, RETRIES)))

    assert shop.charged == ["o_1", "o_3"]
    (lost,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert lost.getMessage() == "1 of 3 events are passed over for good: event orders:3:42"


def test_at_the_last_retry_all_may_be_done(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """Then nothing is lost, and nothing is said."""
    serve(shop.app())(hub_events(*ORDERS), context(retries=(RETRIES, RETRIES)))

    lost = [record for record in caplog.records if record.levelname == "ERROR"]
    assert (shop.charged, lost) == (["o_1", "o_2", "o_3"], [])


def test_a_fatal_failure_holds_nothing_up(shop: Shop) -> None:
    """What no retry can help is done, and the partition goes on."""
    shop.declined["o_1"] = Fatal("out of stock")
    serve(shop.app())(hub_events(*ORDERS), context())

    assert shop.charged == ["o_2", "o_3"]


def test_without_its_partition_no_event_is_run(shop: Shop) -> None:
    """Numbers of two partitions are the same, so that one event would be taken for another."""
    with pytest.raises(InvalidInput, match="does not tell the partition"):
        serve(shop.app())(hub_events(*ORDERS, partition=None), context())

    assert shop.charged == []


def test_with_a_key_the_partition_is_not_needed(shop: Shop) -> None:
    """The input names the run, whatever the host tells."""
    app = shop.app()
    serve(app, key=order_id)(hub_events(*ORDERS, partition=None), context())

    assert sorted(run.id for run in app.list()) == ["o_1", "o_2", "o_3"]
