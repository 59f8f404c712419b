"""Which runs a trace tells of, and where in it: a database in a temporary file, so that memory stays flat."""

from __future__ import annotations

import sqlite3
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from flux_core._retold import Outline, outlined
from flux_core._status import RunStatus
from flux_core.storage._cursor import Position, decode, encode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from flux_core import TraceEvent

CACHE: Final = 4 << 10  # KiB of the database that are held in memory
SCHEMA: Final = """
CREATE TABLE runs (
    key INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, workflow TEXT NOT NULL, status TEXT NOT NULL,
    created INTEGER NOT NULL, updated INTEGER NOT NULL, began INTEGER NOT NULL, events INTEGER NOT NULL
);
CREATE INDEX newest ON runs (created, id, status, workflow);
CREATE TABLE spans (
    run INTEGER NOT NULL, at INTEGER NOT NULL, length INTEGER NOT NULL, PRIMARY KEY (run, at)
) WITHOUT ROWID;
"""
FIND: Final = "SELECT key, id, workflow, status, created, updated, began, events FROM runs"
SAVE: Final = (
    "INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET workflow = excluded.workflow,"
    " status = excluded.status, created = excluded.created, updated = excluded.updated, began = excluded.began,"
    " events = excluded.events"
)


class Place(NamedTuple):
    """Where in the trace an event stands: the offset of its line, and the bytes of that with its end."""

    at: int
    length: int
    event: TraceEvent


class Filter(NamedTuple):
    """What runs must be like; times are Unix seconds, None lets every run through."""

    workflow: str | None = None
    status: tuple[str, ...] | None = None
    since: float | None = None
    until: float | None = None
    id_prefix: str | None = None

    def sql(self) -> tuple[str, list[Any]]:
        """Return the condition, and its parameters."""
        parts: list[tuple[str, list[Any]]] = [("1", [])]
        if self.workflow is not None:
            parts.append(("workflow = ?", [self.workflow]))
        if self.status is not None:
            parts.append((f"status IN ({', '.join('?' for _ in self.status)})", [*self.status]))
        if self.since is not None:
            parts.append(("created >= ?", [self.since * 1000]))
        if self.until is not None:
            parts.append(("created < ?", [self.until * 1000]))
        if self.id_prefix:
            parts.append(("id >= ? AND id < ?", [self.id_prefix, f"{self.id_prefix}\U0010ffff"]))
        return " AND ".join(text for text, _ in parts), [value for _, values in parts for value in values]


class Known(NamedTuple):
    """A run of the index."""

    key: int
    outline: Outline
    events: int
    """How many events of it are known."""


class Index:
    """The runs of a trace, and the spans of bytes in which their events stand.

    Args:
        ordered: whether the events of a run stand in the order in which they happened.
    """

    def __init__(self, *, ordered: bool) -> None:
        self._ordered = ordered
        # a database without a name is in a temporary file that SQLite removes, also if the process is killed
        self._connection = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        self._connection.execute(f"PRAGMA cache_size = -{CACHE}")
        self._connection.execute("PRAGMA journal_mode = OFF")
        self._connection.execute("PRAGMA synchronous = OFF")
        self._connection.executescript(SCHEMA)
        self._next = 1

    def add(self, places: Iterable[Place]) -> None:
        """Take in events, which stand behind all that are known."""
        runs: dict[str, Known] = {}
        spans: dict[int, list[list[int]]] = {}
        for at, length, event in places:
            run_id = event.workflow_id
            known = runs.get(run_id) or self.find(run_id)
            outline = self._outlined(known, event)
            if known is None:
                known = Known(self._next, outline, 0)
                self._next += 1
            runs[run_id] = Known(known.key, outline, known.events + 1)
            own = spans.setdefault(known.key, [])
            if own and sum(own[-1]) == at:
                own[-1][1] += length
            else:
                own.append([at, length])
        execute = self._connection.executemany
        self._connection.execute("BEGIN")
        execute(SAVE, (_row(known) for known in runs.values()))
        execute(
            "INSERT INTO spans VALUES (?, ?, ?)", ((key, *span) for key, own in spans.items() for span in own)
        )
        self._connection.execute("COMMIT")

    def find(self, run_id: str) -> Known | None:
        """Return what is known of the run, or None."""
        row = self._connection.execute(f"{FIND} WHERE id = ?", [run_id]).fetchone()
        return None if row is None else _known(row)

    def page(self, chosen: Filter, limit: int, cursor: str | None) -> tuple[list[Known], str | None]:
        """Return so many runs that the filter lets through, newest first, and the cursor of what comes after them.

        Raises:
            InvalidInput: the cursor is none of `page`.
        """
        where, values = chosen.sql()
        if cursor is not None:
            after = decode("newest", cursor)
            where, values = f"{where} AND (created, id) < (?, ?)", [*values, after.at, after.id]
        rows = self._connection.execute(
            f"{FIND} WHERE {where} ORDER BY created DESC, id DESC LIMIT ?", [*values, limit + 1]
        ).fetchall()
        found = [_known(row) for row in rows[:limit]]
        if len(rows) <= limit:
            return found, None
        last = found[-1].outline
        return found, encode("newest", Position(float(last.created_at), last.id))

    def tally(self, chosen: Filter, edges: Sequence[float]) -> list[dict[RunStatus, int]]:
        """Return how many runs that the filter lets through were created in each slot, by status."""
        slots: list[dict[RunStatus, int]] = []
        for since, until in pairwise(edges):
            where, values = chosen._replace(since=since, until=until).sql()
            rows = self._connection.execute(
                f"SELECT status, COUNT(*) FROM runs WHERE {where} GROUP BY status",  # noqa: S608 (of constants)
                values,
            )
            slots.append({RunStatus(status): count for status, count in rows})
        return slots

    def spans(self, known: Known, begin: int) -> Iterator[tuple[int, int]]:
        """Give where the run's events stand, from that offset on."""
        query = "SELECT at, length FROM spans WHERE run = ? AND at >= ? ORDER BY at"
        yield from self._connection.execute(query, [known.key, begin]).fetchall()

    def clear(self) -> None:
        """Forget everything."""
        self._connection.execute("DELETE FROM runs")
        self._connection.execute("DELETE FROM spans")

    def close(self) -> None:
        """Remove the database."""
        self._connection.close()

    def _outlined(self, known: Known | None, event: TraceEvent) -> Outline:
        if known is None:
            return outlined(None, event)
        told = outlined(known.outline, event)
        if self._ordered or event.timestamp >= known.outline.updated_at:
            return told
        return told._replace(status=known.outline.status, updated_at=known.outline.updated_at)


def _row(known: Known) -> tuple[object, ...]:
    run = known.outline
    return (
        known.key,
        run.id,
        run.workflow,
        str(run.status),
        run.created_at,
        run.updated_at,
        run.began,
        known.events,
    )


def _known(row: tuple[Any, ...]) -> Known:
    key, run_id, workflow, status, created, updated, began, events = row
    return Known(key, Outline(run_id, workflow, RunStatus(status), created, updated, bool(began)), events)
