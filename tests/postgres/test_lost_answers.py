"""Writes that get no answer: before they are committed, and after; each order is charged once all the same."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from contract.storm import Bank, StormContract, Stormy
from postgres.network import PostgreSQLStorm

from flux_core import Engine, RunExists, RunStatus, StoreError
from flux_core.testing._storage_find import RUN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from flux_postgres import PostgreSQLStorage

    from services.postgres import PostgreSQL

pytestmark = pytest.mark.xdist_group("postgres")

WAITING = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"


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


class TestShop(StormContract):
    """The shop over two stores, as of two processes, whose connections are lost."""

    @pytest.fixture
    def stormy(self, opened: Callable[..., PostgreSQLStorage]) -> Sequence[Stormy]:
        """Give the workers two stores, each with a storm."""
        opened().create_tables()
        storms = [PostgreSQLStorm(number) for number in range(2)]
        return [Stormy(storm.over(opened(connections=3)), storm) for storm in storms]
