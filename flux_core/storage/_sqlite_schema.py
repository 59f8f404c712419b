"""The tables of a store in SQLite, and how a file that an older Flux wrote is brought up to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flux_core._errors import StoreError

if TYPE_CHECKING:
    import sqlite3

MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (
    (
        "CREATE TABLE flux_schema (version INTEGER PRIMARY KEY)",
        # The document comes last: a large one goes on in overflow pages, the columns stay in front of them.
        """
        CREATE TABLE flux_runs (
            id TEXT NOT NULL PRIMARY KEY,
            workflow TEXT NOT NULL,
            status TEXT NOT NULL,
            revision INTEGER NOT NULL,
            writer TEXT NOT NULL,
            wake_at REAL,
            created_at REAL NOT NULL,
            updated_at REAL NOT NULL,
            tags TEXT,
            document BLOB NOT NULL
        )
        """,
        "CREATE INDEX flux_runs_due ON flux_runs (workflow, wake_at, id) WHERE wake_at IS NOT NULL",
        "CREATE INDEX flux_runs_newest ON flux_runs (created_at, id)",
        "CREATE INDEX flux_runs_newest_of_workflow ON flux_runs (workflow, created_at, id)",
        """
        CREATE TABLE flux_tags (
            tag TEXT NOT NULL,
            run_id TEXT NOT NULL,
            PRIMARY KEY (tag, run_id)
        ) WITHOUT ROWID
        """,
        "CREATE INDEX flux_tags_of_run ON flux_tags (run_id)",
        """
        CREATE TABLE flux_blobs (
            run_id TEXT NOT NULL,
            key TEXT NOT NULL,
            value BLOB NOT NULL,
            PRIMARY KEY (run_id, key)
        ) WITHOUT ROWID
        """,
    ),
)
"""The statements that lead from each version of the schema to the next, the first from no tables at all."""


def migrate(connection: sqlite3.Connection, path: str) -> None:
    """Bring the file's tables up to the present schema, one version a transaction; others may do so too.

    Raises:
        StoreError: the file has a schema that this Flux does not know yet.
    """
    while (version := schema_version(connection)) < len(MIGRATIONS):
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            if schema_version(connection) == version:  # nobody else was faster
                for statement in MIGRATIONS[version]:
                    connection.execute(statement)
                connection.execute("INSERT INTO flux_schema (version) VALUES (?)", (version + 1,))
    if version > len(MIGRATIONS):
        raise StoreError(
            f"{path} was written by a newer Flux (schema {version}, this one knows {len(MIGRATIONS)}); "
            "upgrade flux-serverless"
        )


def schema_version(connection: sqlite3.Connection) -> int:
    """Return the version of the file's tables, 0 if there are none."""
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'flux_schema'").fetchone() is None:
        return 0
    (version,) = connection.execute("SELECT max(version) FROM flux_schema").fetchone()
    return int(version)
