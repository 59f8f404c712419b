"""A shop behind a bad network: many deliveries of few orders to many workers, and each order is charged once."""

from __future__ import annotations

from collections import Counter, deque
from concurrent.futures import ThreadPoolExecutor
from random import Random
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pytest

from flux_core import Context, Engine, RunBusy, RunStatus, Workflow
from flux_core.storage import Query

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flux_core.storage import Storage

Ctx = Context[Any, Any]
ORDERS: Final = 50
DELIVERIES: Final = 500
WORKERS: Final = 8
OFTEN: Final = 10
"""How many times each kind of failure must have come, for the storm to have been one."""


class Storm:
    """Strikes one request in six, by one of the kinds of failure that it knows; which, its seed says."""

    def __init__(self, seed: int, kinds: Sequence[str]) -> None:
        self._random = Random(seed)
        self._lock = Lock()
        self._kinds = kinds
        self.struck = dict.fromkeys(kinds, 0)
        """How often each kind of failure has come."""

    def strikes(self) -> str | None:
        """Return what the next request is struck by, None if it is spared."""
        with self._lock:
            if self._random.randrange(6):
                return None
            kind = self._random.choice(self._kinds)
            self.struck[kind] += 1
            return kind


class Stormy(NamedTuple):
    """A store, and the storm between it and its service."""

    storage: Storage
    storm: Storm


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


class StormContract:
    """What holds of a store that workers share, whatever becomes of their requests.

    A subclass gives two fixtures: `opened` opens one store after another over the same runs, and `stormy` gives
    stores over them that are each behind a storm; eight workers share these.
    """

    @pytest.fixture
    def stormy(self) -> Sequence[Stormy]:
        """Give stores behind storms."""
        raise NotImplementedError

    def test_each_of_fifty_orders_is_charged_once(
        self, opened: Callable[[], Storage], stormy: Sequence[Stormy]
    ) -> None:
        """Eight workers take 500 deliveries of 50 orders; one request in six fails, or loses its answer."""
        bank = Bank()
        deliveries = deque(f"order-{number % ORDERS}" for number in range(DELIVERIES))
        Random(4).shuffle(deliveries)

        def work(storage: Storage) -> None:
            engine = Engine(storage)
            while True:
                try:
                    order = deliveries.popleft()
                except IndexError:
                    return
                try:
                    engine.execute(bank.order, {"order": order}, id=order)
                except RunBusy:
                    deliveries.append(order)  # it comes back, as from a queue

        with ThreadPoolExecutor(WORKERS) as pool:
            list(pool.map(work, (stormy[number % len(stormy)].storage for number in range(WORKERS))))

        assert sorted(bank.charged) == sorted(f"order-{number}" for number in range(ORDERS))
        records = opened().find(Query(limit=DELIVERIES)).records
        assert [record.status for record in records] == [RunStatus.COMPLETED] * ORDERS
        struck = Counter[str]()
        for _, storm in stormy:
            struck.update(storm.struck)
        assert min(struck.values()) > OFTEN, struck

    def test_one_of_two_workers_runs_a_run(self, opened: Callable[[], Storage]) -> None:
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
