"""A batch of an event hub is run in order, repeated from the first event that is not done, and given up at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from clouds.shop import order_id

import flux_azure
from flux_azure._functions.event_hub import RESERVE, RETRIES
from flux_core import App, Context, Fatal, InvalidInput, StoreError, Workflow
from flux_core._keeping import PAUSES
from flux_core._serving.delivery import Undone
from flux_core.storage import MemoryStorage

from .triggers import context, functions, hub_events

if TYPE_CHECKING:
    from collections.abc import Callable

    from clouds.shop import Shop

    from flux_core.storage import Record

ORDERS = ({"order_id": "o_1"}, {"order_id": "o_2"}, {"order_id": "o_3"})
LAST = (RETRIES, RETRIES)


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
    serve(shop.app())(hub_events(*ORDERS), context(retries=LAST))

    assert shop.charged == ["o_1", "o_3"]
    (lost,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert lost.getMessage() == "1 of 3 events are passed over for good: event orders:3:42"


def test_at_the_last_retry_all_may_be_done(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """Then nothing is lost, and nothing is said."""
    serve(shop.app())(hub_events(*ORDERS), context(retries=LAST))

    lost = [record for record in caplog.records if record.levelname == "ERROR"]
    assert (shop.charged, lost) == (["o_1", "o_2", "o_3"], [])


def test_at_the_last_retry_what_there_is_no_time_for_is_saved(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An invocation that is too short for any event loses none: `tick` goes on with them."""
    monkeypatch.setenv("AzureFunctionsJobHost__functionTimeout", "00:00:01")
    app = shop.app()
    serve(app)(hub_events(*ORDERS), context(retries=LAST))

    assert shop.charged == []
    assert sorted((run.id, run.status.value) for run in app.list()) == [
        (f"orders:3:{number}", "pending") for number in (41, 42, 43)
    ]
    assert app.tick().completed == 3
    assert sorted(shop.charged) == ["o_1", "o_2", "o_3"]
    assert "passed over" not in caplog.text


@pytest.mark.parametrize(("timeout", "reserve"), [("00:05:00", RESERVE), ("00:00:12", 3.0)])
def test_at_the_last_retry_time_is_kept_for_saving(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, timeout: str, reserve: float
) -> None:
    """Seconds, or a quarter of what a short invocation has, are left when the last event must have stopped."""
    monkeypatch.setenv("AzureFunctionsJobHost__functionTimeout", timeout)
    app, remaining = shop.app(), []
    for retries in ((0, RETRIES), LAST):
        serve(app)(hub_events({"order_id": f"o_{retries}"}, first=retries[0]), context(retries=retries))
        assert shop.remaining is not None
        remaining.append(shop.remaining)

    assert remaining[0] - remaining[1] == pytest.approx(reserve, abs=1)


def test_without_a_timeout_there_is_time_for_all(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that ends no invocation leaves nothing to be saved for later."""
    monkeypatch.setenv("AzureFunctionsJobHost__functionTimeout", "-1")
    serve(shop.app())(hub_events(*ORDERS), context(retries=LAST))

    assert shop.charged == ["o_1", "o_2", "o_3"]


def test_at_the_last_retry_a_busy_run_is_not_lost(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever works on it goes on with it; it is not among what is passed over."""
    ran = []

    def charge(ctx: Context[Any, Any]) -> None:
        ran.append(ctx.id)
        if len(ran) == 1:
            serve(app)(hub_events(*ORDERS), context(retries=LAST))

    app = App([Workflow("order").step("charge", charge)], MemoryStorage())
    app.execute("order", ORDERS[1], id="orders:3:42")

    assert ran == ["orders:3:42", "orders:3:41", "orders:3:43"]
    assert "event orders:3:42 is to come again: RunBusy" in caplog.text
    assert "passed over" not in caplog.text


def test_at_the_last_retry_what_failed_in_passing_is_saved(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    """An event whose run the store did not take at first is saved when the others are done."""
    storage = Forgetful()
    app = App([shop.order], storage)
    serve(app)(hub_events(*ORDERS), context(retries=LAST))

    assert shop.charged == ["o_2", "o_3"]
    assert app.tick().completed == 1
    assert shop.charged == ["o_2", "o_3", "o_1"]
    assert "passed over" not in caplog.text


def test_at_the_last_retry_what_cannot_be_read_is_passed_over(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    """No run can be made of it, and the log says why."""
    serve(shop.app())(hub_events("{", *ORDERS), context(retries=LAST))

    assert shop.charged == ["o_1", "o_2", "o_3"]
    assert "event orders:3:41 cannot be started: MalformedBody" in caplog.text
    assert "1 of 4 events are passed over for good: event orders:3:41" in caplog.text


class Forgetful(MemoryStorage):
    """A store that fails when its first run is to be saved, however often that is tried."""

    failures = 1 + len(PAUSES)

    def create(self, record: Record) -> None:
        """Save a run, but for the first."""
        if self.failures:
            self.failures -= 1
            raise StoreError("busy")
        super().create(record)


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
