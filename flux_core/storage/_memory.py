"""The store that lives and dies with the process: for tests, and for runs that need not outlast it."""

from __future__ import annotations

from functools import partial
from heapq import nlargest, nsmallest
from threading import Lock
from typing import TYPE_CHECKING, ClassVar

from flux_core._errors import BlobNotFound, Conflict, RunExists
from flux_core.storage._cursor import page, position, start
from flux_core.storage._port import tallied

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from flux_core._status import Counts
    from flux_core.storage._cursor import Position
    from flux_core.storage._port import Query, Record, RecordPage


class MemoryStorage:
    """Runs in a dict, safe to use from many threads; `Storage` says what each method promises."""

    blocking: ClassVar[bool] = False
    """No call ever waits for anything, so an event loop may make it itself."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._records: dict[str, Record] = {}
        self._blobs: dict[str, dict[str, bytes]] = {}

    def create(self, record: Record) -> None:
        """Store a new run."""
        with self._lock:
            stored = self._records.get(record.id)
            if stored is None:
                self._records[record.id] = record
                return
        raise RunExists(f"run {record.id!r} is stored already", record=stored)

    def load(self, run_id: str) -> Record | None:
        """Return the run as the last save left it, or None."""
        return self._records.get(run_id)

    def save(self, record: Record, *, replaces: int) -> None:
        """Replace the run by `record` if the stored revision is `replaces`."""
        with self._lock:
            stored = self._records.get(record.id)
            if stored is None or stored.revision != replaces:
                raise Conflict(f"run {record.id!r} is not stored at revision {replaces}")
            self._records[record.id] = record

    def find(self, query: Query) -> RecordPage:
        """Return the records that meet every condition of the query."""
        after = start(query)
        with self._lock:
            records = list(self._records.values())
        found = [record for record in records if query.meets(record) and _comes_after(after, query, record)]
        first = nlargest if query.wake_before is None else nsmallest
        return page(query, first(query.limit + 1, found, key=partial(position, query)))

    def tally(self, query: Query, edges: Sequence[float]) -> Counts:
        """Return, by status, how many of the query's records were created in each slot of time."""
        with self._lock:
            records = list(self._records.values())
        wanted = query._replace(created_since=None, created_until=None)
        return tallied(((found.created_at, found.status) for found in records if wanted.meets(found)), edges)

    def delete(self, run_id: str) -> None:
        """Remove the run and its blobs."""
        with self._lock:
            self._blobs.pop(run_id, None)
            self._records.pop(run_id, None)

    def put_blob(self, run_id: str, key: str, value: bytes) -> None:
        """Store a value under the run and the key."""
        with self._lock:
            self._blobs.setdefault(run_id, {})[key] = value

    def get_blob(self, run_id: str, key: str) -> bytes:
        """Return the value stored under the run and the key."""
        try:
            return self._blobs[run_id][key]
        except KeyError:
            raise BlobNotFound(f"run {run_id!r} has no blob {key!r}") from None

    def delete_blobs(self, run_id: str, *, keep: Collection[str] = ()) -> None:
        """Remove the run's blobs except those whose keys are in `keep`."""
        with self._lock:
            blobs = self._blobs.get(run_id, {})
            for key in blobs.keys() - set(keep):
                del blobs[key]

    def close(self) -> None:
        """Do nothing: there is no connection to release."""


def _comes_after(after: Position | None, query: Query, record: Record) -> bool:
    if after is None:
        return True
    here = position(query, record)
    return here < after if query.wake_before is None else here > after
