"""Rows and parts in dicts: a service of the smallest kind that a store over rows can stand on."""

from __future__ import annotations

from functools import partial
from heapq import nlargest, nsmallest
from itertools import count
from threading import Lock
from typing import TYPE_CHECKING, Final

from flux_core.storage._cursor import page, position, start
from flux_core.storage._rows.port import Refused, Row

if TYPE_CHECKING:
    from collections.abc import Callable

    from flux_core.storage import Query, Record, RecordPage


class DictRows:
    """Rows that tell with a refusal what stands there, or do not."""

    room: Final = 2_000

    def __init__(self, *, tells: bool) -> None:
        self._versions = count(1)
        self._tells = tells
        self._lock = Lock()
        self.rows: dict[str, Row] = {}
        self.reads = 0
        """How many rows have been read, each by its id."""

    def __str__(self) -> str:
        return "a dict"

    def insert(self, row: Row) -> object:
        """Write a new row."""
        with self._lock:
            if row.record.id in self.rows:
                raise Refused(self.rows[row.record.id] if self._tells else None)
            return self._write(row)

    def replace(self, row: Row, version: object) -> object:
        """Write the row in place of that version of it."""
        with self._lock:
            standing = self.rows.get(row.record.id)
            if standing is None or version != standing.version:
                raise Refused(standing if self._tells else None)
            return self._write(row)

    def read(self, run_id: str) -> Row | None:
        """Return the row."""
        self.reads += 1
        return self.rows.get(run_id)

    def remove(self, run_id: str, life: float | None) -> Row | None:
        """Remove the row."""
        standing = self.rows.get(run_id)
        return self.rows.pop(run_id) if standing is not None and standing.record.created_at == life else None

    def find(self, query: Query, opened: Callable[[Row], Record | None]) -> RecordPage:
        """Return the runs that meet the query."""
        after = start(query)
        with self._lock:
            rows = list(self.rows.values())
        records = [record for record in map(opened, rows) if record is not None and query.meets(record)]
        due = query.wake_before is not None
        behind = [
            record
            for record in records
            if after is None
            or ((position(query, record) > after) is due and position(query, record) != after)
        ]
        first = nsmallest if due else nlargest
        return page(query, first(query.limit + 1, behind, key=partial(position, query)))

    def close(self) -> None:
        """Do nothing."""

    def _write(self, row: Row) -> object:
        version = next(self._versions)
        self.rows[row.record.id] = row._replace(version=version)
        return version


class DictParts:
    """Parts in a dict, with the moments at which they go."""

    def __init__(self) -> None:
        self.values: dict[tuple[str, str], tuple[bytes, int | None]] = {}

    def put(self, run_id: str, name: str, value: bytes, *, expires_at: int | None = None) -> None:
        """Store the value."""
        self.values[run_id, name] = value, expires_at

    def get(self, run_id: str, name: str) -> bytes | None:
        """Return the value."""
        value, _ = self.values.get((run_id, name), (None, None))
        return value

    def delete(self, run_id: str, prefix: str, keeps: Callable[[str], bool]) -> None:
        """Remove values."""
        for owner, name in list(self.values):
            if owner == run_id and name.startswith(prefix) and not keeps(name):
                del self.values[owner, name]

    def expire(self, run_id: str, prefix: str, at: int | None) -> None:
        """Let values go at a moment."""
        for (owner, name), (value, _) in list(self.values.items()):
            if owner == run_id and name.startswith(prefix):
                self.values[owner, name] = value, at

    def close(self) -> None:
        """Do nothing."""
