"""The store in an SQLite file: durable, for all threads and processes of one machine, nothing to operate."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from flux_core._errors import BlobNotFound, Conflict, InvalidInput, RunExists, StoreError
from flux_core._status import RunStatus, status_of
from flux_core.storage._cursor import page, start
from flux_core.storage._port import Record, tallied
from flux_core.storage._sqlite_session import File, Session, close

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from flux_core._status import Counts
    from flux_core.storage._cursor import Position
    from flux_core.storage._port import Query, RecordPage

Synchronous: TypeAlias = Literal["NORMAL", "FULL"]

OLDEST_SQLITE: Final = (3, 24, 0)  # ON CONFLICT DO
LONGEST_TIMEOUT: Final = 1_000_000.0  # SQLite counts milliseconds in 31 bits

CREATE: Final = """
    INSERT INTO flux_runs
        (id, workflow, status, revision, writer, wake_at, created_at, updated_at, document, tags)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING
"""
LOAD: Final = """
    SELECT id, workflow, status, revision, writer, wake_at, created_at, updated_at, document, tags
    FROM flux_runs WHERE id = ?
"""
# SQLite writes an index when an UPDATE names its column, changed or not. Most saves leave wake_at as it is:
# this statement is for those, and takes two thirds of the other's time.
SAVE: Final = """
    UPDATE flux_runs SET status = ?, revision = ?, writer = ?, updated_at = ?, document = ?
    WHERE id = ? AND revision = ? AND wake_at IS ?
"""
SAVE_AND_RESCHEDULE: Final = """
    UPDATE flux_runs SET status = ?, revision = ?, writer = ?, updated_at = ?, document = ?, wake_at = ?
    WHERE id = ? AND revision = ?
"""
DELETE: Final = "DELETE FROM flux_runs WHERE id = ?"
TAG: Final = "INSERT OR IGNORE INTO flux_tags (tag, run_id) VALUES (?, ?)"
UNTAG: Final = "DELETE FROM flux_tags WHERE run_id = ?"
PUT_BLOB: Final = "INSERT OR REPLACE INTO flux_blobs (run_id, key, value) VALUES (?, ?, ?)"
GET_BLOB: Final = "SELECT value FROM flux_blobs WHERE run_id = ? AND key = ?"
BLOB_KEYS: Final = "SELECT key FROM flux_blobs WHERE run_id = ?"
DELETE_BLOB: Final = "DELETE FROM flux_blobs WHERE run_id = ? AND key = ?"
DELETE_BLOBS: Final = "DELETE FROM flux_blobs WHERE run_id = ?"
BEGIN: Final = "BEGIN IMMEDIATE"

FIND: Final = """
    SELECT id, workflow, status, revision, writer, wake_at, created_at, updated_at, document, tags
    FROM flux_runs WHERE TRUE
"""
STATUS_IS_ONE_OF: Final = f"status IN ({', '.join('?' * len(RunStatus))})"
CREATED: Final = "SELECT created_at, status FROM flux_runs WHERE TRUE"
AFTER_DUE: Final = "(wake_at, id) > (?, ?)"
AFTER_NEWEST: Final = "(created_at, id) < (?, ?)"
DUE_FIRST: Final = " ORDER BY wake_at, id LIMIT ?"
NEWEST_FIRST: Final = " ORDER BY created_at DESC, id DESC LIMIT ?"


class SQLiteStorage:
    """Runs in the file at `path`, which is created if need be, in tables whose names begin with `flux_`.

    The file may hold other tables beside them; it is switched to a write-ahead log. What was saved outlasts a
    crash of the process, and with `synchronous="FULL"` one of the machine. `busy_timeout` is how many seconds
    a call waits for a lock that another process holds. `Storage` says what each method promises.

    Raises:
        InvalidInput: the path is empty or `:memory:`, or an option has a value that it cannot take.
        StoreError: the file cannot be opened, is no database, or was written by a newer Flux.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        synchronous: Synchronous = "NORMAL",
        busy_timeout: float = 30.0,
    ) -> None:
        name = os.fspath(path)
        if name in {"", ":memory:"}:
            raise InvalidInput(f"{name!r} is no file; for a store in memory use MemoryStorage()", path="path")
        if synchronous not in {"NORMAL", "FULL"}:
            raise InvalidInput(f"is NORMAL or FULL, not {synchronous!r}", path="synchronous")
        if not 0 <= busy_timeout <= LONGEST_TIMEOUT:
            raise InvalidInput(
                f"is 0 to {LONGEST_TIMEOUT:.0f} seconds, not {busy_timeout}", path="busy_timeout"
            )
        if sqlite3.sqlite_version_info < OLDEST_SQLITE:
            raise StoreError(f"this Python has SQLite {sqlite3.sqlite_version}; a store needs 3.24 or newer")
        self._file = File(str(Path(name).absolute()), synchronous=synchronous, busy_timeout=busy_timeout)
        self._local = _Local(self._file)
        with self._local.session:
            pass

    @property
    def path(self) -> str:
        """The absolute path of the file."""
        return self._file.path

    def create(self, record: Record) -> None:
        """Store a new run."""
        while not self._insert(record):
            stored = self.load(record.id)
            if stored is not None:  # else it was deleted just now
                raise RunExists(f"run {record.id!r} is stored already", record=stored)

    def load(self, run_id: str) -> Record | None:
        """Return the run as the last save left it, or None."""
        with self._local.session as connection:
            row = connection.execute(LOAD, (run_id,)).fetchone()
        return None if row is None else _record(row)

    def save(self, record: Record, *, replaces: int) -> None:
        """Replace the run by `record` if the stored revision is `replaces`."""
        run_id, _, status, revision, writer, wake_at, _, updated_at, document, _ = record
        values = (status.value, revision, writer, updated_at, document)
        with self._local.session as connection:
            ended = wake_at is None  # had a wake_at until now, so that SAVE would not meet it
            if not ended and connection.execute(SAVE, (*values, run_id, replaces, wake_at)).rowcount:
                return
            if connection.execute(SAVE_AND_RESCHEDULE, (*values, wake_at, run_id, replaces)).rowcount:
                return
        raise Conflict(f"run {run_id!r} is not stored at revision {replaces}")

    def find(self, query: Query) -> RecordPage:
        """Return the records that meet every condition of the query."""
        statement, parameters = _select(query, start(query))
        with self._local.session as connection:
            rows = connection.execute(statement, parameters).fetchall()
        return page(query, [_record(row) for row in rows])

    def tally(self, query: Query, edges: Sequence[float]) -> Counts:
        """Return, by status, how many of the query's records were created in each slot of time."""
        wanted = query._replace(created_since=edges[0], created_until=edges[-1])
        conditions, parameters = _conditions(wanted, None)
        with self._local.session as connection:
            rows = connection.execute(CREATED + conditions, parameters)
            return tallied(((created_at, status_of(status)) for created_at, status in rows), edges)

    def delete(self, run_id: str) -> None:
        """Remove the run, its blobs and its tags in one transaction."""
        with self._local.session as connection, connection:
            connection.execute(BEGIN)
            for statement in (DELETE_BLOBS, UNTAG, DELETE):
                connection.execute(statement, (run_id,))

    def put_blob(self, run_id: str, key: str, value: bytes) -> None:
        """Store a value under the run and the key."""
        with self._local.session as connection:
            connection.execute(PUT_BLOB, (run_id, key, value))

    def get_blob(self, run_id: str, key: str) -> bytes:
        """Return the value stored under the run and the key."""
        with self._local.session as connection:
            row: tuple[bytes] | None = connection.execute(GET_BLOB, (run_id, key)).fetchone()
        if row is None:
            raise BlobNotFound(f"run {run_id!r} has no blob {key!r}")
        return row[0]

    def delete_blobs(self, run_id: str, *, keep: Collection[str] = ()) -> None:
        """Remove the run's blobs except those whose keys are in `keep`."""
        with self._local.session as connection, connection:
            keys = [key for (key,) in connection.execute(BLOB_KEYS, (run_id,)) if key not in keep]
            if keys:
                connection.execute(BEGIN)
                connection.executemany(DELETE_BLOB, [(run_id, key) for key in keys])

    def close(self) -> None:
        """Close every thread's connection; the store is not used after that."""
        close(self._file)

    def _insert(self, record: Record) -> bool:
        """Store the run and its tags; return whether its id was free."""
        run_id, workflow, status, *columns, tags = record
        row = (run_id, workflow, status.value, *columns, json.dumps(tags) if tags else None)
        with self._local.session as connection:
            if not tags:
                return connection.execute(CREATE, row).rowcount == 1
            with connection:
                connection.execute(BEGIN)
                free = connection.execute(CREATE, row).rowcount == 1
                connection.executemany(TAG, [(tag, run_id) for tag in tags if free])
                return free


class _Local(threading.local):
    """Gives each thread a session of its own, which ends when the thread does."""

    def __init__(self, file: File) -> None:
        self.session = Session(file)


def _select(query: Query, after: Position | None) -> tuple[str, list[Any]]:
    """Return the statement that finds the query's records, one more than its limit, and its parameters."""
    conditions, parameters = _conditions(query, after)
    order = NEWEST_FIRST if query.wake_before is None else DUE_FIRST
    return FIND + conditions + order, [*parameters, query.limit + 1]


def _conditions(query: Query, after: Position | None) -> tuple[str, list[Any]]:
    """Return what is to be true of the query's records, each condition after an AND, and its parameters."""
    due = query.wake_before is not None
    statuses = query.statuses
    conditions = {
        "workflow = ?": query.workflow,
        STATUS_IS_ONE_OF: None if statuses is None else _one_for_each(statuses),
        "wake_at <= ?": query.wake_before,
        "created_at >= ?": query.created_since,
        "created_at < ?": query.created_until,
        "instr(id, ?) = 1": query.id_prefix,
        "id IN (SELECT run_id FROM flux_tags WHERE tag = ?)": query.tag,
        AFTER_DUE if due else AFTER_NEWEST: after,
    }
    given = {condition: value for condition, value in conditions.items() if value is not None}
    parameters = chain.from_iterable(
        value if isinstance(value, tuple) else (value,) for value in given.values()
    )
    return "".join(f" AND {condition}" for condition in given), [*parameters]


def _one_for_each(statuses: frozenset[RunStatus]) -> tuple[str | None, ...]:
    """Return a parameter for each status there is, so that one statement serves every choice of them."""
    return tuple(status.value if status in statuses else None for status in RunStatus)


def _record(row: tuple[Any, ...]) -> Record:
    run_id, workflow, status, *columns, tags = row
    return Record._make(
        (run_id, workflow, status_of(status), *columns, tuple(json.loads(tags)) if tags else ())
    )
