"""Many workers on one table through a bad network: each order is charged once."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from random import Random
from threading import Lock
from typing import TYPE_CHECKING, Any

import pytest
from aws.dynamodb.weather import Network, Storm

from flux_core import Context, Engine, RunBusy, RunStatus, Workflow
from flux_core.storage import Query

if TYPE_CHECKING:
    from collections.abc import Callable

    from flux_aws import DynamoDBStorage

pytestmark = pytest.mark.xdist_group("dynamodb-local")

Ctx = Context[Any, Any]
ORDERS, DELIVERIES, WORKERS = 50, 500, 8


class Bank:
    """Takes money, as often as it is asked to."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.charged: list[str] = []

    def charge(self, ctx: Ctx) -> str:
        """Take the money for an order."""
        with self._lock:
            self.charged.append(ctx.input["order"])
        return ctx.key

    @property
    def order(self) -> Workflow[Any, Any]:
        """The workflow of an order."""
        flow: Workflow[Any, Any] = Workflow("order")
        return (
            flow.step("check", lambda ctx: None)
            .commit("charge", self.charge)
            .step("notify", lambda ctx: None)
        )


def test_each_of_fifty_orders_is_charged_once(opened: Callable[..., DynamoDBStorage]) -> None:
    """Eight workers take 500 deliveries of 50 orders; one request in six is throttled, fails or loses its answer."""
    bank = Bank()
    deliveries = deque(f"order-{number % ORDERS}" for number in range(DELIVERIES))
    Random(4).shuffle(deliveries)

    def work(storm: Storm, storage: DynamoDBStorage) -> dict[str, int]:
        Network(storage, before=storm.before, after=storm.after)
        engine = Engine(storage)
        while True:
            try:
                order = deliveries.popleft()
            except IndexError:
                return storm.struck
            try:
                engine.execute(bank.order, {"order": order}, id=order)
            except RunBusy:
                deliveries.append(order)  # it comes back, as from a queue

    with ThreadPoolExecutor(WORKERS) as pool:
        storms = [Storm(number) for number in range(WORKERS)]
        struck = list(pool.map(work, storms, [opened(patience=60.0) for _ in storms]))

    assert sorted(bank.charged) == sorted(f"order-{number}" for number in range(ORDERS))
    records = opened().find(Query(limit=DELIVERIES)).records
    assert [record.status for record in records] == [RunStatus.COMPLETED] * ORDERS
    for kind in ("throttled", "failed", "unreachable", "lost"):
        assert sum(counts.get(kind, 0) for counts in struck) > 10


def test_one_of_two_workers_runs_a_run(opened: Callable[..., DynamoDBStorage]) -> None:
    """While one worker holds a run, another that starts it is told so, and charges nothing."""
    bank = Bank()
    busy: list[RunBusy] = []

    def meanwhile(ctx: Ctx) -> None:
        with pytest.raises(RunBusy) as caught:
            Engine(opened()).execute(order, {"order": "o_001"}, id="o_001")
        busy.append(caught.value)

    order: Workflow[Any, Any] = Workflow("order").step("check", meanwhile).commit("charge", bank.charge)
    assert Engine(opened()).execute(order, {"order": "o_001"}, id="o_001").status is RunStatus.COMPLETED
    assert len(busy) == 1
    assert bank.charged == ["o_001"]
