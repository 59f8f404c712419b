"""Connections: kept while they are good, replaced once they are not, never shared with a forked process."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from threading import Event
from typing import TYPE_CHECKING, Any

import pytest

from flux_core import Conflict, StoreError
from flux_core.testing._storage_find import RUN
from flux_postgres import PostgreSQLStorage, _pool

from services.postgres import PostgreSQL

if TYPE_CHECKING:
    from collections.abc import Callable

    import psycopg

pytestmark = pytest.mark.xdist_group("postgres")


def session(storage: PostgreSQLStorage) -> int:
    """Return the server's process behind the connection that the store would use next."""
    with storage._pool.connection() as connection:
        return connection.info.backend_pid


def end(admin: psycopg.Connection[Any], *sessions: int) -> None:
    """Have the server end sessions, and wait until they are."""
    for pid in sessions:
        assert admin.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,)).fetchone() == (True,)


def test_a_connection_is_used_again(storage: PostgreSQLStorage) -> None:
    """One call after the other uses one connection."""
    storage.create(RUN)
    first = session(storage)
    storage.save(RUN._replace(revision=2), replaces=1)
    with pytest.raises(Conflict):
        storage.save(RUN._replace(revision=2), replaces=1)
    assert session(storage) == first


def test_no_more_connections_than_allowed(
    opened: Callable[..., PostgreSQLStorage], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread that finds all connections lent waits for one, and is told if none comes back."""
    storage = opened(connections=2)
    with storage._pool.connection(), storage._pool.connection():
        monkeypatch.setattr(_pool, "PATIENCE", 0.01)
        with pytest.raises(StoreError, match=r"all 2 connections .* were in use"):
            storage.load(RUN.id)
        monkeypatch.setattr(_pool, "PATIENCE", 30.0)
        with ThreadPoolExecutor(1) as waiting, closing(storage):
            loading = waiting.submit(session, storage)
            with pytest.raises(TimeoutError):
                loading.result(0.05)
            storage._pool._room.release()
            assert loading.result(5) > 0
        storage._pool._room.acquire()


def test_threads_have_connections_of_their_own(opened: Callable[..., PostgreSQLStorage]) -> None:
    """What one thread has borrowed no other is lent."""
    storage = opened()
    with storage._pool.connection() as first, storage._pool.connection() as second:
        assert first is not second
    assert len(storage._pool._idle) == 2


def test_a_connection_that_the_server_has_ended_is_replaced(
    storage: PostgreSQLStorage, admin: psycopg.Connection[Any]
) -> None:
    """A write does not run into a connection that was ended since it was last used."""
    storage.create_tables()
    end(admin, session(storage))
    storage.create(RUN)
    assert storage.load(RUN.id) == RUN


def test_a_connection_that_was_idle_for_long_is_replaced(
    storage: PostgreSQLStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a gateway may have forgotten is not trusted; it is neither before its time."""
    first = session(storage)
    since, connection = storage._pool._idle[0]
    monkeypatch.setattr(time, "time", lambda: since + _pool.KEPT - 0.01)
    assert session(storage) == first
    storage._pool._idle[0] = (since, connection)
    monkeypatch.setattr(time, "time", lambda: since + _pool.KEPT)
    assert session(storage) != first
    assert connection.closed


def break_connections(storage: PostgreSQLStorage, admin: psycopg.Connection[Any], *, times: int) -> list[int]:
    """Have the server end so many of the sessions that the store is about to use; return which."""
    pool, ended = storage._pool, list[int]()
    take = pool._take

    def take_and_break() -> psycopg.Connection[Any]:
        connection = take()
        if len(ended) < times:
            ended.append(connection.info.backend_pid)
            end(admin, ended[-1])
        return connection

    pool._take = take_and_break  # type: ignore[method-assign]
    return ended


def test_a_read_is_sent_again(storage: PostgreSQLStorage, admin: psycopg.Connection[Any]) -> None:
    """A read whose connection is lost under way is answered over another one."""
    storage.create(RUN)
    ended = break_connections(storage, admin, times=1)
    assert storage.load(RUN.id) == RUN
    assert len(ended) == 1


def test_a_read_is_sent_again_once(storage: PostgreSQLStorage, admin: psycopg.Connection[Any]) -> None:
    """A second loss is told, with what was to be done."""
    storage.create(RUN)
    break_connections(storage, admin, times=2)
    with pytest.raises(
        StoreError, match=r"loading run 'order-1' got no answer, the connection to .* was lost"
    ):
        storage.load(RUN.id)


def test_a_write_is_not_sent_again(storage: PostgreSQLStorage, admin: psycopg.Connection[Any]) -> None:
    """The store does not know whether a save stands that got no answer; whoever asked for it finds out."""
    storage.create(RUN)
    ended = break_connections(storage, admin, times=1)
    with pytest.raises(StoreError, match=r"saving run 'order-1' got no answer"):
        storage.save(RUN._replace(revision=2), replaces=1)
    assert len(ended) == 1
    assert storage.load(RUN.id) == RUN


def test_a_connection_that_ends_takes_the_idle_ones_along(
    storage: PostgreSQLStorage, admin: psycopg.Connection[Any]
) -> None:
    """After one loss the other connections are not tried in turn."""
    storage.create(RUN)
    with storage._pool.connection() as first, storage._pool.connection() as second:
        pass
    break_connections(storage, admin, times=1)
    storage.load(RUN.id)
    assert first.closed
    assert second.closed


def test_an_interrupted_statement_leaves_no_connection(storage: PostgreSQLStorage) -> None:
    """A connection that is left in the middle of something is not lent again."""
    with suppress(KeyboardInterrupt), storage._pool.connection() as connection:
        connection.execute("BEGIN")
        raise KeyboardInterrupt
    assert connection.closed
    assert storage._pool._idle == []


def test_a_deadlock_is_tried_again(storage: PostgreSQLStorage, admin: psycopg.Connection[Any]) -> None:
    """A delete that PostgreSQL ends to resolve a deadlock is sent again."""
    storage.create(RUN)
    storage.put_blob(RUN.id, "a", b"value")
    schema = storage.schema
    admin.execute(
        f"""
        CREATE SEQUENCE {schema}.calls;
        CREATE FUNCTION {schema}.once() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF nextval('{schema}.calls') = 1 THEN RAISE SQLSTATE '40P01'; END IF; RETURN OLD;
        END $$;
        CREATE TRIGGER once BEFORE DELETE ON {schema}.blobs FOR EACH ROW EXECUTE FUNCTION {schema}.once()
        """.encode()
    )
    storage.delete(RUN.id)
    assert storage.load(RUN.id) is None


def test_a_closed_store_says_so(storage: PostgreSQLStorage) -> None:
    """After closing there is no connection, lent ones included once they are back, and none is made."""
    with storage._pool.connection(), storage._pool.connection() as lent:
        storage.close()
    assert lent.closed
    with pytest.raises(StoreError, match="was closed; open another one"):
        storage.load(RUN.id)


def test_a_restart_of_the_server_goes_unnoticed() -> None:
    """Between two calls the server may be restarted; while it is down that is said, and nothing is stored twice."""
    with PostgreSQL() as server, closing(PostgreSQLStorage(server.url())) as storage:
        storage.create(RUN)
        server.stop()
        with pytest.raises(StoreError, match="see that a server runs there"):
            storage.load(RUN.id)
        server.start()
        storage.save(RUN._replace(revision=2), replaces=1)
        server.stop()
        server.start()
        storage.save(RUN._replace(revision=3), replaces=2)
        assert storage.load(RUN.id) == RUN._replace(revision=3)


def test_a_store_is_used_on_both_sides_of_a_fork(
    opened: Callable[..., PostgreSQLStorage], server: PostgreSQL
) -> None:
    """A forked child has connections of its own, and the parent keeps those it has."""
    storage = opened()
    script = """
        import os, sys
        from flux_postgres import PostgreSQLStorage
        from flux_core.testing._storage_find import RUN
        storage = PostgreSQLStorage(sys.argv[1], schema=sys.argv[2], connections=1)
        def session():
            with storage._pool.connection() as connection:
                return connection.info.backend_pid
        storage.create(RUN)
        parents = session()
        with storage._pool.connection():  # as another thread may hold it just then
            storage._pool._idle.clear()
            if os.fork() == 0:
                storage.save(RUN._replace(revision=2), replaces=1)
                childs = session()
                storage.close()
                os._exit(0 if childs != parents else 1)
            print(os.wait()[1])
        print(session() == parents)
        if os.fork() == 0:
            storage.save(RUN._replace(revision=3), replaces=2)
            childs = session()
            storage.close()
            sys.exit(0 if childs != parents else 1)  # as a worker ends that lets Python clean up
        print(os.wait()[1])
        storage.save(RUN._replace(revision=4), replaces=3)
        print(session() == parents)
        storage.close()
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), server.url(), storage.schema],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.stdout, done.stderr) == ("0\nTrue\n0\nTrue\n", "")
    assert storage.load(RUN.id) == RUN._replace(revision=4)


def test_a_child_begins_without_connections(storage: PostgreSQLStorage) -> None:
    """What a forked child does first: it forgets the idle connections, without ending them, and has all its room."""
    storage.create(RUN)
    idle = [connection for _, connection in storage._pool._idle]
    with storage._pool.connection():
        _pool._after_fork()
        room = storage._pool._room
        assert all(room.acquire(blocking=False) for _ in range(10))
        for _ in range(10):
            room.release()
    storage.close()
    for connection in idle:
        connection.close()
    _pool._inherited.clear()


def test_many_threads_share_few_connections(opened: Callable[..., PostgreSQLStorage]) -> None:
    """More threads than connections get on, each with its own answers."""
    storage, started = opened(connections=3), Event()
    storage.create_tables()

    def work(number: int) -> bool:
        started.wait()
        runs = [RUN._replace(id=f"order-{number}-{index}") for index in range(10)]
        for run in runs:
            storage.create(run)
        return [storage.load(run.id) for run in runs] == runs

    with ThreadPoolExecutor(12) as pool:
        done = [pool.submit(work, number) for number in range(12)]
        started.set()
        assert all(future.result() for future in done)
    assert 1 <= len(storage._pool._idle) <= 3
