"""Two workers on one run, in every order that matters."""

from __future__ import annotations

from typing import Any

import pytest
from crash.shop import ORDER, Shop, Violation, WatchedStorage

from flux_core import Engine, LeaseLost, Result, RunBusy, RunStatus
from flux_core.testing import Schedule, interleavings

SAMPLES = 5_000


def check(schedule: Schedule, shop: Shop, commits: list[str]) -> None:
    """Nothing was lost and nothing done twice, and each worker either has the result or was told why not."""
    runs = list(schedule.engine.list())
    assert [run.status for run in runs] == [RunStatus.COMPLETED], schedule.order
    assert [shop.effects_of(commit) for commit in commits] == [1] * len(commits), schedule.order
    assert runs[0].data["reserved"] == ["mug"], schedule.order
    for outcome in schedule.outcomes:
        if isinstance(outcome, Exception):
            assert isinstance(outcome, (RunBusy, LeaseLost)), (schedule.order, outcome)
        else:
            assert isinstance(outcome, Result), (schedule.order, outcome)


def test_every_order_of_two_workers_on_a_flow_of_two_nodes() -> None:
    """Two workers start the same run, and twice somewhere in between the time of a lease passes."""
    shop = Shop()
    flow = shop.two_nodes()

    def work(engine: Engine) -> object:
        return engine.execute(flow, ORDER, id="o_001")

    orders = set()
    for schedule in interleavings(
        [work, work], [flow], lapses=2, reset=shop.clear, storage=WatchedStorage, max_interruptions=50
    ):
        check(schedule, shop, ["charge"])
        orders.add(schedule.order)
    assert len(orders) > 300
    assert any(order.count(0) > 2 and order.count(1) > 2 for order in orders)


@pytest.mark.parametrize("seed", range(4))
def test_random_orders_of_two_workers_on_the_order_flow(seed: int) -> None:
    """Of 20,000 random orders in four parts, none completes a node twice, and none loses one."""
    shop = Shop()
    flow = shop.order_flow()

    def work(engine: Engine) -> object:
        return engine.execute(flow, ORDER, id="o_001")

    taken_over = 0
    for schedule in interleavings(
        [work, work],
        [flow],
        lapses=3,
        samples=SAMPLES,
        seed=seed,
        reset=shop.clear,
        storage=WatchedStorage,
        max_interruptions=50,
    ):
        check(schedule, shop, ["charge", "reserve", "notify"])
        taken_over += any(isinstance(outcome, LeaseLost) for outcome in schedule.outcomes)
    assert taken_over > SAMPLES / 10


def test_the_watched_store_notices_a_second_completion() -> None:
    """The oracle can fail: a save that drops or changes a completed node is refused."""
    shop = Shop()
    flow = shop.two_nodes()
    store = WatchedStorage()
    engine = Engine(store)
    engine.execute(flow, ORDER, id="o_001")
    record: Any = store.load("o_001")
    forged = record.document.replace(b'"name":"count"', b'"name":"other"')
    with pytest.raises(Violation, match="lost or completed again"):
        store.save(record._replace(document=forged, revision=4), replaces=3)
