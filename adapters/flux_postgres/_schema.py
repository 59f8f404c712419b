"""The tables of a store in PostgreSQL, and how those that an older Flux made are brought up to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import psycopg
from psycopg.sql import SQL, Identifier

from flux_core import StoreError
from flux_postgres._refusals import refusal

if TYPE_CHECKING:
    from flux_postgres._place import Place
    from flux_postgres._pool import Connection, Pool

# Ids are ordered by code point, as Python orders them: cursors and prefixes rely on it.
MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (
    (
        "CREATE TABLE {schema}.schema_version (version integer PRIMARY KEY)",
        # Saves that leave wake_at as it is write no index if their page has room.
        """
        CREATE TABLE {schema}.runs (
            id text COLLATE "C" PRIMARY KEY,
            workflow text COLLATE "C" NOT NULL,
            status text COLLATE "C" NOT NULL,
            revision bigint NOT NULL,
            writer text NOT NULL,
            wake_at double precision,
            created_at double precision NOT NULL,
            updated_at double precision NOT NULL,
            document bytea NOT NULL,
            tags text[]
        ) WITH (fillfactor = 80)
        """,
        "CREATE INDEX runs_due ON {schema}.runs (wake_at, id) WHERE wake_at IS NOT NULL",
        "CREATE INDEX runs_newest ON {schema}.runs (created_at, id)",
        "CREATE INDEX runs_newest_of_workflow ON {schema}.runs (workflow, created_at, id)",
        "CREATE INDEX runs_tagged ON {schema}.runs USING gin (tags) WHERE tags IS NOT NULL",
        """
        CREATE TABLE {schema}.blobs (
            run_id text COLLATE "C",
            key text COLLATE "C",
            value bytea NOT NULL,
            PRIMARY KEY (run_id, key)
        )
        """,
    ),
)
"""The statements that lead from each version of the tables to the next, the first from none at all."""

LOCK: Final = 0x666C7578  # "flux"; an advisory lock of this number is held while tables are made
HAS_SCHEMA: Final = "SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = %s"
HAS_TABLES: Final = (
    "SELECT 1 FROM pg_catalog.pg_tables WHERE schemaname = %s AND tablename = 'schema_version'"
)
NOT_ALLOWED: Final = "42501"
TAKEN: Final = "42P07"
TOLD: Final = {
    NOT_ALLOWED: "the role {place.user!r} may not make the tables of Flux in the schema {place.schema!r} of {place}"
    " ({error}); have a role that may call create_tables() there, or allow it:"
    " GRANT CREATE ON DATABASE {place.sql_database} TO {place.sql_user}",
    TAKEN: "the schema {place.schema!r} of {place} has a table of another kind ({error}); name another schema",
}


def migrate(pool: Pool) -> None:
    """Bring the tables up to the present version, one version a transaction; others may do so at the same time.

    Raises:
        StoreError: they cannot be made, or have a version that this Flux does not know yet.
    """
    place = pool.place
    with pool.connection() as connection:
        while (version := schema_version(connection, place)) < len(MIGRATIONS):
            try:
                _make(connection, place.schema, version)
            except psycopg.Error as error:
                raise _not_made(place, error) from error
    if version > len(MIGRATIONS):
        raise StoreError(
            f"the schema {place.schema!r} of {place} was written by a newer Flux (version {version}, this one knows"
            f" {len(MIGRATIONS)}); upgrade flux-serverless"
        )


def schema_version(connection: Connection, place: Place) -> int:
    """Return the version of the place's tables, 0 if there are none.

    Raises:
        StoreError: it cannot be read.
    """
    try:
        return _version(connection, place.schema)
    except psycopg.Error as error:
        raise refusal(place, f"reading the version of the schema {place.schema!r}", error) from error


def _version(connection: Connection, schema: str) -> int:
    if connection.execute(HAS_TABLES, (schema,)).fetchone() is None:
        return 0
    version = SQL("SELECT max(version) FROM {schema}.schema_version").format(schema=Identifier(schema))
    return max(number or 0 for (number,) in connection.execute(version))


def _make(connection: Connection, schema: str, version: int) -> None:
    name = Identifier(schema)
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        if _version(connection, schema) != version:  # somebody else was faster
            return
        # Even IF NOT EXISTS asks for the right to make one.
        if connection.execute(HAS_SCHEMA, (schema,)).fetchone() is None:
            connection.execute(SQL("CREATE SCHEMA {schema}").format(schema=name))
        for statement in MIGRATIONS[version]:
            connection.execute(SQL(statement).format(schema=name))
        reached = SQL("INSERT INTO {schema}.schema_version (version) VALUES (%s)").format(schema=name)
        connection.execute(reached, (version + 1,))


def _not_made(place: Place, error: psycopg.Error) -> Exception:
    if error.sqlstate not in TOLD:
        return refusal(place, f"making the tables of Flux in the schema {place.schema!r}", error)
    return StoreError(TOLD[error.sqlstate].format(place=place, error=error.diag.message_primary))
