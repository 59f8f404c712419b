"""The store in PostgreSQL: durable, for every process that gets through to the database."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from flux_core import BlobNotFound, Conflict, InvalidInput, RunExists, StoreError
from flux_core._status import status_of
from flux_core.storage import Record
from flux_core.storage._cursor import page, start

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from psycopg.sql import Composed

    from flux_core._status import Counts
    from flux_core.storage import Query, RecordPage
    from flux_postgres._pool import Answer

SCHEMA: Final = re.compile(r"(?!pg_)[a-z_][a-z0-9_]{0,62}")
SHORTEST_TIMEOUT: Final = 0.001
LONGEST_TIMEOUT: Final = 2_000_000.0  # PostgreSQL counts milliseconds in 31 bits


class PostgreSQLStorage:
    """Runs in a database of PostgreSQL, in tables of their own; `Storage` says what each method promises.

    `url` is PostgreSQL's own, such as `postgresql://user@host/database?sslmode=require`, or its `host=... dbname=...`;
    what it leaves out comes from the environment, as for psql. `schema` is the PostgreSQL schema of the tables. The
    first call makes both if they are not there and the role may; later calls of a lesser role use them. `connections`
    is how many this process has at most; they are made when they are needed, and none is shared with a forked process.
    `statement_timeout` is how many seconds a statement may take, 0 for what the server says.

    Raises:
        InvalidInput: the URL cannot be read, or an option has a value that it cannot take.
        StoreError: psycopg is not installed.
    """

    def __init__(
        self,
        url: str,
        *,
        schema: str = "flux",
        connections: int = 10,
        statement_timeout: float = 30.0,
    ) -> None:
        if not SCHEMA.fullmatch(schema):
            raise InvalidInput(
                f"{schema!r} is no name of a schema: up to 63 small letters, digits and `_`, not beginning with"
                " a digit or `pg_`",
                path="schema",
            )
        if connections not in range(1, 10_001):
            raise InvalidInput(f"is a whole number from 1 to 10000, not {connections!r}", path="connections")
        if not (statement_timeout == 0 or SHORTEST_TIMEOUT <= statement_timeout <= LONGEST_TIMEOUT):
            raise InvalidInput(
                f"is {SHORTEST_TIMEOUT} to {LONGEST_TIMEOUT:.0f} seconds, or 0 for what the server says,"
                f" not {statement_timeout!r}",
                path="statement_timeout",
            )
        try:
            from flux_postgres._place import place
            from flux_postgres._pool import Pool
            from flux_postgres._schema import migrate
            from flux_postgres._statements import Statements
        except ImportError as error:
            raise StoreError(
                f"a store in PostgreSQL needs psycopg and libpq ({error}); pip install 'flux-serverless[postgres]'"
                " 'psycopg[binary]'"
            ) from error
        self._pool = Pool(place(url, schema=schema, statement_timeout=statement_timeout), most=connections)
        self._statements = Statements(schema)
        self._migrate = migrate
        self._is_ready = False

    @property
    def schema(self) -> str:
        """The name of the PostgreSQL schema that the tables are in."""
        return self._pool.place.schema

    def create_tables(self) -> None:
        """Make the schema and the tables, if they are not there; the first call of any other method does so too.

        Raises:
            StoreError: they cannot be made, or were made by a newer Flux.
        """
        self._migrate(self._pool)
        self._is_ready = True

    def create(self, record: Record) -> None:
        """Store a new run."""
        run_id, workflow, status, *columns, tags = record
        row = (run_id, workflow, status.value, *columns, list(tags) or None)
        while not self._run(f"creating run {run_id!r}", self._statements.create, row, again=False).written:
            stored = self.load(run_id)
            if stored is not None:  # else it was deleted just now
                raise RunExists(f"run {run_id!r} is stored already", record=stored)

    def load(self, run_id: str) -> Record | None:
        """Return the run as the last save left it, or None."""
        rows = self._run(f"loading run {run_id!r}", self._statements.load, (run_id,)).rows
        return _record(rows[0]) if rows else None

    def save(self, record: Record, *, replaces: int) -> None:
        """Replace the run by `record` if the stored revision is `replaces`."""
        run_id, _, status, revision, writer, wake_at, _, updated_at, document, _ = record
        values = (status.value, revision, writer, updated_at, document, wake_at, run_id, replaces)
        if not self._run(f"saving run {run_id!r}", self._statements.save, values, again=False).written:
            raise Conflict(f"run {run_id!r} is not stored at revision {replaces}")

    def find(self, query: Query) -> RecordPage:
        """Return the records that meet every condition of the query."""
        statement, parameters = self._statements.find(query, start(query))
        return page(query, [_record(row) for row in self._run("finding runs", statement, parameters).rows])

    def tally(self, query: Query, edges: Sequence[float]) -> Counts:
        """Return, by status, how many of the query's records were created in each slot of time."""
        slots: Counts = [{} for _ in edges[1:]]
        for slot, status, count in self._run("counting runs", *self._statements.tally(query, edges)).rows:
            slots[slot - 1][status_of(status)] = count
        return slots

    def delete(self, run_id: str) -> None:
        """Remove the run and its blobs in one transaction."""
        self._run(f"deleting run {run_id!r}", self._statements.delete, {"id": run_id})

    def put_blob(self, run_id: str, key: str, value: bytes) -> None:
        """Store a value under the run and the key."""
        self._run(f"storing a blob of run {run_id!r}", self._statements.put_blob, (run_id, key, value))

    def get_blob(self, run_id: str, key: str) -> bytes:
        """Return the value stored under the run and the key."""
        rows = self._run(f"reading a blob of run {run_id!r}", self._statements.get_blob, (run_id, key)).rows
        if not rows:
            raise BlobNotFound(f"run {run_id!r} has no blob {key!r}")
        value: bytes = rows[0][0]
        return value

    def delete_blobs(self, run_id: str, *, keep: Collection[str] = ()) -> None:
        """Remove the run's blobs except those whose keys are in `keep`."""
        self._run(f"deleting blobs of run {run_id!r}", self._statements.delete_blobs, (run_id, list(keep)))

    def close(self) -> None:
        """End the connections; the store is not used after that."""
        self._pool.close()

    def _run(
        self,
        what: str,
        statement: Composed,
        parameters: Sequence[Any] | Mapping[str, Any],
        *,
        again: bool = True,
    ) -> Answer:
        if not self._is_ready:
            self.create_tables()
        return self._pool.run(what, statement, parameters, again=again)


def _record(row: tuple[Any, ...]) -> Record:
    run_id, workflow, status, *columns, tags = row
    return Record._make((run_id, workflow, status_of(status), *columns, tuple(tags or ())))
