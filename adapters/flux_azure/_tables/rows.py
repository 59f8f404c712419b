"""The rows of runs as entities of an Azure table, each written together with its entries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flux_azure._tables.entities import ROOM, Version, entity_of, entries_in, row_of
from flux_azure._tables.finding import Finder
from flux_azure._tables.keys import entries_of, run_key, shard_of
from flux_azure._tables.requests import Change, Unmet
from flux_core import StoreError
from flux_core._document import UnreadableRun
from flux_core.storage._rows.port import Refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from azure.data.tables import TableEntity

    from flux_azure._tables.requests import Requests
    from flux_core.storage import Query, RecordPage
    from flux_core.storage._rows.port import Opened, Row

TRIES: Final = 10
"""How often a write is made of a run that others write at the same time."""


class Entities:
    """Fills the port `Rows`; a run and its entries are written together, or not at all."""

    def __init__(self, requests: Requests) -> None:
        self.room: Final = ROOM
        self._requests = requests
        self._finder = Finder(requests, self.read)

    def __str__(self) -> str:
        return str(self._requests.place)

    def insert(self, row: Row) -> Version:
        """Write a new run, with its entries."""
        entries = entries_of(row.record)
        shard = shard_of(row.record.id)
        changes = [Change("create", entity_of(row)), *_entries("upsert", shard, entries)]
        try:
            return Version(self._requests.submit(changes), entries)
        except Unmet:
            raise Refused from None

    def replace(self, row: Row, version: object) -> Version:
        """Write the run in place of the one at that revision; a request of one entity, if its entries stay."""
        run_id = row.record.id
        before = _version_of(version)
        after = entries_of(row.record)
        shard = shard_of(run_id)
        left = before.entries - after
        for _ in range(TRIES):
            changes = [
                Change("update", entity_of(row), before.etag),
                *_entries("upsert", shard, after - before.entries),
                *_entries("delete", shard, left),
            ]
            try:
                return Version(self._requests.submit(changes), after)
            except Unmet:
                self._refuse_unless(before, run_id)
                left = self._there(shard, left)
        raise StoreError(_disturbed(run_id))

    def read(self, run_id: str) -> Row | None:
        """Return the run as it stands now."""
        entity = self._requests.get(shard_of(run_id), run_key(run_id))
        return None if entity is None else _row(entity)

    def remove(self, run_id: str, life: float | None) -> Row | None:
        """Remove the run with its entries, and return what stood there."""
        shard, key = shard_of(run_id), run_key(run_id)
        gone: Row | None = None
        tried = False
        for _ in range(TRIES):
            standing = self._requests.get(shard, key)
            row = _readable(standing)
            if standing is None or (None if row is None else row.record.created_at) != life:
                return gone  # it was removed, and the answer lost
            entries = entries_in(standing)
            changes = [
                Change("delete", {"PartitionKey": shard, "RowKey": key}, _etag(standing)),
                *_entries("delete", shard, self._there(shard, entries) if tried else entries),
            ]
            try:
                self._requests.submit(changes)
            except Unmet:
                gone, tried = row, True
            else:
                return row
        raise StoreError(_disturbed(run_id))

    def find(self, query: Query, opened: Opened) -> RecordPage:
        """Return the runs that meet the query."""
        return self._finder.find(query, opened)

    def close(self) -> None:
        """Close the connections."""
        self._finder.close()
        self._requests.close()

    def _refuse_unless(self, version: Version, run_id: str) -> None:
        """Refuse a write that has met another version of the run: its own, if an answer was lost."""
        try:
            standing = self.read(run_id)
        except UnreadableRun:
            raise Refused from None
        if standing is None or _version_of(standing.version).etag != version.etag:
            raise Refused(standing) from None

    def _there(self, shard: str, entries: frozenset[str]) -> frozenset[str]:
        """Return those of a run's entries that nobody has removed by hand; others cannot be removed with it."""
        return frozenset(key for key in entries if self._requests.get(shard, key) is not None)


def _etag(entity: TableEntity) -> str:
    return str(entity.metadata["etag"])


def _row(entity: TableEntity) -> Row:
    return row_of(entity, _etag(entity))


def _readable(entity: TableEntity | None) -> Row | None:
    """Return the run of an entity, None if it cannot be read."""
    try:
        return None if entity is None else _row(entity)
    except UnreadableRun:
        return None


def _version_of(version: object) -> Version:
    assert isinstance(version, Version)  # noqa: S101 (what `row_of` has given the row)
    return version


def _entries(operation: str, shard: str, keys: Iterable[str]) -> Iterator[Change]:
    """Yield the changes of entries, which are nothing but their keys."""
    for key in sorted(keys):
        yield Change(operation, {"PartitionKey": shard, "RowKey": key})


def _disturbed(run_id: str) -> str:
    return f"run {run_id!r} was changed each of the {TRIES} times when it was to be written; try again"
