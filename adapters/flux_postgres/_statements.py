"""What is asked of PostgreSQL, each as one statement, which is a transaction of its own."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from psycopg.sql import SQL, Composed, Identifier

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flux_core.storage import Query
    from flux_core.storage._cursor import Position

CREATE: Final = """
    INSERT INTO {schema}.runs
        (id, workflow, status, revision, writer, wake_at, created_at, updated_at, document, tags)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (id) DO NOTHING
"""
LOAD: Final = """
    SELECT id, workflow, status, revision, writer, wake_at, created_at, updated_at, document, tags
    FROM {schema}.runs WHERE id = %s
"""
SAVE: Final = """
    UPDATE {schema}.runs
    SET status = %s, revision = %s, writer = %s, updated_at = %s, document = %s, wake_at = %s
    WHERE id = %s AND revision = %s
"""
DELETE: Final = """
    WITH blobs AS (DELETE FROM {schema}.blobs WHERE run_id = %(id)s) DELETE FROM {schema}.runs WHERE id = %(id)s
"""
PUT_BLOB: Final = """
    INSERT INTO {schema}.blobs (run_id, key, value) VALUES (%s, %s, %s)
    ON CONFLICT (run_id, key) DO UPDATE SET value = excluded.value
"""
GET_BLOB: Final = "SELECT value FROM {schema}.blobs WHERE run_id = %s AND key = %s"
DELETE_BLOBS: Final = "DELETE FROM {schema}.blobs WHERE run_id = %s AND key <> ALL (%s::text[])"

FIND: Final = """
    SELECT id, workflow, status, revision, writer, wake_at, created_at, updated_at, document, tags
    FROM {schema}.runs WHERE TRUE
"""
TALLY: Final = """
    SELECT width_bucket(created_at, %s::double precision[]), status, count(*) FROM {schema}.runs WHERE TRUE
"""
BY_SLOT: Final = " GROUP BY 1, 2"
AFTER_DUE: Final = "(wake_at, id) > (%s, %s)"
AFTER_NEWEST: Final = "(created_at, id) < (%s, %s)"
DUE_FIRST: Final = " ORDER BY wake_at, id LIMIT %s"
NEWEST_FIRST: Final = " ORDER BY created_at DESC, id DESC LIMIT %s"


class Statements:
    """The statements on the tables of one schema."""

    def __init__(self, schema: str) -> None:
        name = Identifier(schema)
        self.create: Final = SQL(CREATE).format(schema=name)
        self.load: Final = SQL(LOAD).format(schema=name)
        self.save: Final = SQL(SAVE).format(schema=name)
        self.delete: Final = SQL(DELETE).format(schema=name)
        self.put_blob: Final = SQL(PUT_BLOB).format(schema=name)
        self.get_blob: Final = SQL(GET_BLOB).format(schema=name)
        self.delete_blobs: Final = SQL(DELETE_BLOBS).format(schema=name)
        self._find: Final = SQL(FIND).format(schema=name)
        self._tally: Final = SQL(TALLY).format(schema=name)

    def find(self, query: Query, after: Position | None) -> tuple[Composed, list[Any]]:
        """Return the statement that finds the query's records, one more than its limit, and its parameters."""
        order = SQL(NEWEST_FIRST if query.wake_before is None else DUE_FIRST)
        conditions, parameters = _conditions(query, after)
        return self._find + conditions + order, [*parameters, query.limit + 1]

    def tally(self, query: Query, edges: Sequence[float]) -> tuple[Composed, list[Any]]:
        """Return the statement that counts the query's records by slot (from 1 on) and status, and its parameters."""
        within = query._replace(created_since=edges[0], created_until=edges[-1])
        conditions, parameters = _conditions(within, None)
        return self._tally + conditions + SQL(BY_SLOT), [list(edges), *parameters]


def _conditions(query: Query, after: Position | None) -> tuple[Composed, list[Any]]:
    """Return what is to be true of the query's records, each condition after an AND, and its parameters."""
    due = query.wake_before is not None
    statuses = query.statuses
    conditions = (
        (SQL("workflow = %s"), query.workflow),
        (SQL("status = ANY (%s)"), None if statuses is None else [status.value for status in statuses]),
        (SQL("wake_at <= %s"), query.wake_before),
        (SQL("created_at >= %s"), query.created_since),
        (SQL("created_at < %s"), query.created_until),
        (SQL("starts_with(id, %s)"), query.id_prefix),
        (SQL("tags @> ARRAY[%s]"), query.tag),
        (SQL(AFTER_DUE if due else AFTER_NEWEST), after),
    )
    given = [(condition, value) for condition, value in conditions if value is not None]
    parameters = chain.from_iterable(value if isinstance(value, tuple) else (value,) for _, value in given)
    return SQL("").join([SQL(" AND ") + condition for condition, _ in given]), [*parameters]
