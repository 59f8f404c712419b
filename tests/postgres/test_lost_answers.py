"""Writes that get no answer: before they are committed, and after; each order is charged once all the same."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from random import Random
from threading import Lock
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from postgres.network import Storm

from flux_core import Context, Engine, RunBusy, RunExists, RunStatus, StoreError, Workflow
from flux_core.storage import Query
from flux_core.testing._storage_find import RUN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flux_postgres import PostgreSQLStorage

    from services.postgres import PostgreSQL

pytestmark = pytest.mark.xdist_group("postgres")

Ctx = Context[Any, Any]
ORDERS, DELIVERIES, WORKERS = 50, 500, 8
WAITING = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"


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


@pytest.fixture
def made(storage: PostgreSQLStorage) -> None:
    """Have the tables there before commits wait."""
    storage.create_tables()


@pytest.fixture
def deaf(server: PostgreSQL, admin: psycopg.Connection[Any]) -> Iterator[None]:
    """Have each commit wait, once it stands, for a second server that there is not."""
    admin.execute("CREATE TABLE IF NOT EXISTS probe (value integer)")
    admin.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
    admin.execute("SELECT pg_reload_conf()")

    def probe() -> None:
        with (
            suppress(psycopg.OperationalError),
            closing(psycopg.connect(server.url(), autocommit=True)) as writer,
        ):
            writer.execute("INSERT INTO probe VALUES (1)")

    try:
        with ThreadPoolExecutor(1) as pool:
            while not end_waiting(admin, pool.submit(probe)):
                pass  # the server takes notice in its own time
        yield
    finally:
        admin.execute("ALTER SYSTEM RESET synchronous_standby_names")
        admin.execute("SELECT pg_reload_conf()")


def end_waiting(admin: psycopg.Connection[Any], writing: Future[Any]) -> int:
    """End each session that has committed and not answered, until the writing is over; return how many there were."""
    ended = set()
    while not writing.done():
        for (pid,) in admin.execute(WAITING).fetchall():
            admin.execute("SELECT pg_terminate_backend(%s, 1000)", (pid,))
            ended.add(pid)
    return len(ended)


def test_a_save_that_stands_without_an_answer(
    storage: PostgreSQLStorage, made: None, deaf: None, admin: psycopg.Connection[Any]
) -> None:
    """A session that ends after the commit is a `StoreError`; the stored writer shows that the save stood."""
    with ThreadPoolExecutor(1) as pool:
        for writing in (
            lambda: storage.create(RUN),
            lambda: storage.save(RUN._replace(revision=2, writer="worker-2"), replaces=1),
        ):
            written = pool.submit(writing)
            assert end_waiting(admin, written) == 1
            with pytest.raises(StoreError, match="got no answer"):
                written.result()
    assert storage.load(RUN.id) == RUN._replace(revision=2, writer="worker-2")
    with pytest.raises(RunExists):
        storage.create(RUN)


def test_a_save_that_was_not_committed(storage: PostgreSQLStorage, admin: psycopg.Connection[Any]) -> None:
    """A session that ends before the commit is a `StoreError` too, and nothing was changed."""
    storage.create(RUN)
    with storage._pool.connection() as connection:
        pid = connection.info.backend_pid
    with ThreadPoolExecutor(1) as pool:
        with admin.transaction():
            admin.execute(f"LOCK TABLE {storage.schema}.runs".encode())
            saving = pool.submit(storage.save, RUN._replace(revision=2), replaces=1)
            while not admin.execute(
                "SELECT 1 FROM pg_locks WHERE pid = %s AND NOT granted", (pid,)
            ).fetchone():
                pass
            admin.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
        with pytest.raises(StoreError, match="got no answer"):
            saving.result()
    assert storage.load(RUN.id) == RUN


def test_an_order_whose_every_write_gets_no_answer_is_charged_once(
    storage: PostgreSQLStorage, made: None, deaf: None, admin: psycopg.Connection[Any]
) -> None:
    """The engine finds out of each of its writes that it stood, and ends the run."""
    bank = Bank()
    with ThreadPoolExecutor(1) as pool:
        ordering = pool.submit(Engine(storage).execute, bank.order, {"order": "o_001"}, id="o_001")
        ended = end_waiting(admin, ordering)
    assert ordering.result().status is RunStatus.COMPLETED
    assert ended >= 4
    assert bank.charged == ["o_001"]


def test_each_of_fifty_orders_is_charged_once(opened: Callable[..., PostgreSQLStorage]) -> None:
    """Eight workers of two processes take 500 deliveries of 50 orders; one statement in six loses its connection."""
    bank = Bank()
    deliveries = deque(f"order-{number % ORDERS}" for number in range(DELIVERIES))
    Random(4).shuffle(deliveries)
    opened().create_tables()
    storms = [Storm(number) for number in range(2)]
    stores = [storm.over(opened(connections=3)) for storm in storms]

    def work(number: int) -> None:
        engine = Engine(stores[number % 2])
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
        list(pool.map(work, range(WORKERS)))

    assert sorted(bank.charged) == sorted(f"order-{number}" for number in range(ORDERS))
    records = opened().find(Query(limit=DELIVERIES)).records
    assert [record.status for record in records] == [RunStatus.COMPLETED] * ORDERS
    for storm in storms:
        assert min(storm.struck.values()) > 10


def test_one_of_two_workers_runs_a_run(opened: Callable[..., PostgreSQLStorage]) -> None:
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
