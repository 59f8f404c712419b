"""The tables: made once, by whoever comes first; found again; and quick to ask."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Barrier
from typing import TYPE_CHECKING, Any

import pytest
from psycopg.sql import SQL, Identifier

from flux_core import StoreError
from flux_core._status import RunStatus
from flux_core.storage import Query
from flux_core.testing._storage_find import RUN
from flux_postgres import PostgreSQLStorage, _schema

if TYPE_CHECKING:
    from collections.abc import Callable

    import psycopg

    from services.postgres import PostgreSQL

pytestmark = pytest.mark.xdist_group("postgres")


def test_runs_are_found_by_the_next_process(opened: Callable[..., PostgreSQLStorage]) -> None:
    """A store that is closed has left its runs behind, for another one."""
    first = opened()
    first.create(RUN._replace(tags=("vip",)))
    first.close()
    assert opened().load(RUN.id) == RUN._replace(tags=("vip",))


def test_a_run_that_is_deleted_while_another_is_created(
    opened: Callable[..., PostgreSQLStorage], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A taken id that is free a moment later is taken."""
    storage, other = opened(), opened()
    other.create(RUN)

    def load(run_id: str) -> None:
        other.delete(run_id)

    monkeypatch.setattr(storage, "load", load)
    storage.create(RUN._replace(writer="worker-2"))
    assert other.load(RUN.id) == RUN._replace(writer="worker-2")


def test_many_first_starts_make_one_store(opened: Callable[..., PostgreSQLStorage]) -> None:
    """Stores that find no tables at the same moment make them once, and all of them work."""
    barrier = Barrier(6)

    def start(number: int) -> None:
        storage = opened()
        barrier.wait()
        storage.create(RUN._replace(id=f"order-{number}"))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(start, range(6)))
    assert len(opened().find(Query()).records) == 6


def test_tables_are_made_as_often_as_one_likes(storage: PostgreSQLStorage) -> None:
    """Making tables that are there changes nothing."""
    storage.create(RUN)
    storage.create_tables()
    assert storage.load(RUN.id) == RUN


def test_schemas_are_apart(opened: Callable[..., PostgreSQLStorage]) -> None:
    """Two stores in one database know nothing of each other."""
    here, there = opened(), opened(schema="user")  # a word of SQL, if it is not quoted
    here.create(RUN)
    assert there.load(RUN.id) is None


def test_a_schema_that_is_there_is_used(
    opened: Callable[..., PostgreSQLStorage], admin: psycopg.Connection[Any]
) -> None:
    """A role that may not make a schema can be given one, in which it makes the tables."""
    storage = opened()
    admin.execute(f"CREATE SCHEMA {storage.schema}".encode())
    storage.create(RUN)
    assert storage.load(RUN.id) == RUN


def test_newer_tables_are_refused(
    opened: Callable[..., PostgreSQLStorage], admin: psycopg.Connection[Any]
) -> None:
    """Tables of a version that is not known are left as they are."""
    storage = opened()
    storage.create_tables()
    newer = SQL("INSERT INTO {schema}.schema_version VALUES (99)").format(schema=Identifier(storage.schema))
    admin.execute(newer)
    with pytest.raises(StoreError, match=r"by a newer Flux \(version 99, this one knows 1\); upgrade"):
        opened().load(RUN.id)


def test_older_tables_are_brought_up(
    opened: Callable[..., PostgreSQLStorage], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A version that was not there before is reached from the one that is, runs included."""
    opened().create(RUN)
    later = (*_schema.MIGRATIONS, ("ALTER TABLE {schema}.runs ADD COLUMN note text",))
    monkeypatch.setattr(_schema, "MIGRATIONS", later)
    storage = opened()
    assert storage.load(RUN.id) == RUN
    with storage._pool.connection() as connection:
        assert _schema.schema_version(connection, storage._pool.place) == 2


def test_another_table_of_that_name_is_left_alone(
    opened: Callable[..., PostgreSQLStorage], admin: psycopg.Connection[Any]
) -> None:
    """A schema with a table `runs` of something else is refused, and nothing is made in it."""
    storage = opened()
    admin.execute(f"CREATE SCHEMA {storage.schema}".encode())
    admin.execute(f"CREATE TABLE {storage.schema}.runs (distance integer)".encode())
    with pytest.raises(StoreError, match=r"has a table of another kind.*name another schema"):
        storage.create(RUN)
    tables = admin.execute(
        "SELECT tablename FROM pg_tables WHERE schemaname = %s", (storage.schema,)
    ).fetchall()
    assert tables == [("runs",)]


@pytest.fixture(scope="module")
def count() -> int:
    """How many runs a large store has."""
    return 10_000


@pytest.fixture
def large(storage: PostgreSQLStorage, admin: psycopg.Connection[Any], count: int) -> PostgreSQLStorage:
    """A store of many runs, most of them ended, several at each instant."""
    storage.create_tables()
    statement = """
        INSERT INTO {schema}.runs
        SELECT 'order-' || n, 'order', 'completed', 1, 'worker', CASE WHEN n %% 100 = 0 THEN n / 7 END,
               n / 7, n / 7, '\\x7b7d', CASE WHEN n %% 50 = 0 THEN ARRAY['vip'] END
        FROM generate_series(1, %s) AS n
    """
    admin.execute(SQL(statement).format(schema=Identifier(storage.schema)), (count,))
    admin.execute(f"ANALYZE {storage.schema}.runs".encode())
    return storage


def plan(storage: PostgreSQLStorage, query: Query) -> str:
    """Return how PostgreSQL goes about a query."""
    statement, parameters = storage._statements.find(query, None)
    with storage._pool.connection() as connection:
        rows = connection.execute(b"EXPLAIN " + statement.as_bytes(connection), parameters).fetchall()
    return "\n".join(line for (line,) in rows)


def test_each_question_has_its_index(large: PostgreSQLStorage) -> None:
    """No query that is asked often reads all runs, or sorts them."""
    for query, index in (
        (Query(wake_before=1e9), "runs_due"),
        (Query(wake_before=1e9, workflow="order"), "runs_due"),
        (Query(), "runs_newest"),
        (Query(workflow="order", statuses=frozenset({RunStatus.COMPLETED})), "runs_newest"),
        (Query(workflow="refund"), "runs_newest_of_workflow"),
        (Query(tag="eu"), "runs_tagged"),
    ):
        how = plan(large, query)
        assert f"{index}" in how, how
        assert "Seq Scan" not in how


def test_ended_runs_cost_what_is_due_nothing(
    large: PostgreSQLStorage, admin: psycopg.Connection[Any], count: int
) -> None:
    """The index of what is due holds the live runs alone."""
    held = admin.execute(
        "SELECT reltuples FROM pg_class WHERE relname = 'runs_due' AND relnamespace = %s::regnamespace",
        (large.schema,),
    )
    assert held.fetchone() == (count / 100,)


def test_pages_give_each_of_many_runs_once(large: PostgreSQLStorage, count: int) -> None:
    """Ten thousand runs in pages of 500 are each given once, newest first, ties by id."""
    found: list[tuple[float, str]] = []
    cursor = None
    while True:
        page = large.find(Query(limit=500, cursor=cursor))
        found += [(record.created_at, record.id) for record in page.records]
        cursor = page.cursor
        if cursor is None:
            break
    assert len(found) == count
    assert found == sorted(set(found), reverse=True)


def test_ids_are_ordered_as_python_orders_them(server: PostgreSQL, admin: psycopg.Connection[Any]) -> None:
    """Ties are broken by code point, whatever language the database speaks."""
    admin.execute(
        "CREATE DATABASE english TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en' LOCALE 'C' ENCODING 'UTF8'"
    )
    ids = ["a", "B", "ä", "Z", "_", "b", "\U0001f680", "\uffee"]
    with closing(PostgreSQLStorage(server.url("english"))) as storage:
        for run_id in ids:
            storage.create(RUN._replace(id=run_id))
        assert [record.id for record in storage.find(Query(wake_before=1e9)).records] == sorted(ids)
