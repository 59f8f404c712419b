"""The storage port: what a store of runs keeps, and what it promises."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from flux_core._status import Counts, RunStatus


class Record(NamedTuple):
    """One stored run: an opaque document, with the columns that a store may look at beside it."""

    id: str
    workflow: str
    status: RunStatus
    revision: int
    """The compare-and-swap counter: 1 when the run is created, one more at each save."""
    writer: str
    """The token of whoever wrote this revision."""
    wake_at: float | None
    """Unix seconds at which somebody must look at the run; None once it has ended."""
    created_at: float
    updated_at: float
    document: bytes
    tags: tuple[str, ...] = ()
    """Given when the run is created; they never change."""


class Query(NamedTuple):
    """Which records to find; conditions that are None do not count."""

    workflow: str | None = None
    statuses: frozenset[RunStatus] | None = None
    """The record's status is one of these."""
    wake_before: float | None = None
    """`wake_at <= wake_before`, Unix seconds: the runs that are due."""
    created_since: float | None = None
    """`created_at >= created_since`, Unix seconds."""
    created_until: float | None = None
    """`created_at < created_until`, Unix seconds."""
    id_prefix: str | None = None
    tag: str | None = None
    limit: int = 50
    cursor: str | None = None
    """The `cursor` of the page before, from the same query."""

    def meets(self, record: Record) -> bool:
        """Whether the record meets every condition; for stores that look for some of them by another way."""
        return (
            (self.workflow is None or record.workflow == self.workflow)
            and (self.statuses is None or record.status in self.statuses)
            and (self.wake_before is None or _is_due(record, self.wake_before))
            and (self.created_since is None or record.created_at >= self.created_since)
            and (self.created_until is None or record.created_at < self.created_until)
            and (self.id_prefix is None or record.id.startswith(self.id_prefix))
            and (self.tag is None or self.tag in record.tags)
        )


def _is_due(record: Record, time: float) -> bool:
    return record.wake_at is not None and record.wake_at <= time


class RecordPage(NamedTuple):
    """One page of found records."""

    records: Sequence[Record]
    cursor: str | None
    """Where the next page begins; None on the last page."""


class Storage(Protocol):
    """A store of runs, safe to use from many threads; a durable one from many processes too.

    Some attributes are optional; `TallyingStorage` says which method is. `blocking` is False of a store whose methods
    never wait, so that the async engine calls them where it is. `largest` is the most bytes that `put_blob` takes, if
    there is such a limit: a longer value fails the node, or the call, that brings it.

    A method that cannot reach or read the store raises `StoreError`, which names the store and what failed.
    After a `StoreError` from `create` or `save` the write may or may not stand: the caller finds out by
    `writer` and `revision`.
    """

    def create(self, record: Record) -> None:
        """Store a new run.

        Raises:
            RunExists: the id is taken; carries the stored record, and nothing was changed.
        """

    def load(self, run_id: str) -> Record | None:
        """Return the run as the last save left it, or None."""

    def save(self, record: Record, *, replaces: int) -> None:
        """Replace the run by `record` if the stored revision is `replaces`, whole or not at all.

        The caller leaves `id`, `workflow`, `created_at` and `tags` as they were created; they need not be
        written again.

        Raises:
            Conflict: the stored revision is another, or there is no such run; nothing was changed.
        """

    def find(self, query: Query) -> RecordPage:
        """Return the records that meet every condition of the query, `query.limit` of them at most.

        Due runs (`wake_before` given) come earliest `wake_at` first, all others newest `created_at` first;
        ties are broken by id, in the same direction. Following the cursors yields each record that was not
        written meanwhile exactly once.

        Raises:
            InvalidInput: the limit is below 1, or the cursor is not one that the store gave for such a query.
        """

    def delete(self, run_id: str) -> None:
        """Remove the run, its blobs first; a run that is not there is no error."""

    def put_blob(self, run_id: str, key: str, value: bytes) -> None:
        """Store a value under the run and the key; the same key always carries the same value."""

    def get_blob(self, run_id: str, key: str) -> bytes:
        """Return the value stored under the run and the key.

        Raises:
            BlobNotFound: there is none.
        """

    def delete_blobs(self, run_id: str, *, keep: Collection[str] = ()) -> None:
        """Remove the run's blobs except those whose keys are in `keep`."""

    def close(self) -> None:
        """Release connections; the store is not used after that."""


class TallyingStorage(Storage, Protocol):
    """A store that can count."""

    def tally(self, query: Query, edges: Sequence[float]) -> Counts:
        """Return, by status, how many of the query's records were created in each slot of time.

        Args:
            query: its time range, limit and cursor do not count.
            edges: in Unix seconds and in their order; slot `i` is `edges[i] <= created_at < edges[i + 1]`.
        """


def tallied(records: Iterable[tuple[float, RunStatus]], edges: Sequence[float]) -> Counts:
    """Count records, each given as when it was created and its status, by slot and status."""
    slots: Counts = [{} for _ in edges[1:]]
    for created_at, status in records:
        place = bisect_right(edges, created_at) - 1
        if 0 <= place < len(slots):
            slots[place][status] = slots[place].get(status, 0) + 1
    return slots
