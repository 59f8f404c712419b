"""Finding runs: a page of documents after another, in the order of the query, until enough meet it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from google.cloud.firestore import FieldFilter

from flux_core.storage._cursor import Position
from flux_core.storage._rows.finding import found, readable
from flux_gcp._firestore.documents import document_id, row_of, run_id_of
from flux_gcp._firestore.facets import facets_for
from flux_gcp._firestore.indexes import DUE, FACETS, NEWEST
from flux_gcp._firestore.service import call

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.cloud.firestore import Client

    from flux_core.storage import Query, Record, RecordPage
    from flux_core.storage._rows.port import Opened
    from flux_gcp._firestore.documents import Snapshot
    from flux_gcp._firestore.indexes import Index
    from flux_gcp._firestore.service import Service

MOST_AT_ONCE: Final = 100
"""Documents of one answer; each may have 1 MiB."""


class Finder:
    """Finds the runs of a collection.

    The words of `facets` do the work; the conditions that they do not hold are looked at here, in what was read.
    """

    def __init__(self, service: Service[Client], collection: str) -> None:
        self._service = service
        self._collection = collection

    def find(self, query: Query, opened: Opened) -> RecordPage:
        """Return the records that meet every condition of the query."""
        return found(query, partial(self._candidates, query, opened))

    def _candidates(
        self, query: Query, opened: Opened, after: Position | None
    ) -> Iterator[tuple[Position, Record | None]]:
        for entry, snapshot in self._entries(query, after):
            yield entry, readable(entry.id, partial(_record, opened, snapshot))

    def _entries(self, query: Query, after: Position | None) -> Iterator[tuple[Position, Snapshot]]:
        """Yield the documents that may meet the query, in its order, and where each stands."""
        time = _index(query).time
        at_once = min(query.limit + 1, MOST_AT_ONCE)
        while True:
            snapshots = self._page(query, after, at_once)
            for snapshot in snapshots:
                after = Position(snapshot.get(time), run_id_of(snapshot.id))
                yield after, snapshot
            if len(snapshots) < at_once:
                return
            at_once = min(2 * at_once, MOST_AT_ONCE)  # few of them meet the query

    def _page(self, query: Query, after: Position | None, at_once: int) -> list[Snapshot]:
        index = _index(query)

        def select(client: Client) -> list[Snapshot]:
            runs = client.collection(self._collection)
            wanted: Any = runs.where(filter=FieldFilter(FACETS, "array_contains_any", facets_for(query)))
            for operator, bound in _bounds(query):
                wanted = wanted.where(filter=FieldFilter(index.time, operator, bound))
            for field in (index.time, "__name__"):
                wanted = wanted.order_by(field, direction=index.direction)
            if after is not None:
                place = runs.document(document_id(after.id))
                wanted = wanted.start_after({index.time: after.at, "__name__": place})
            return list(wanted.limit(at_once).stream(**call()))

        return self._service.ask("datastore.entities.list", select)


def _record(opened: Opened, snapshot: Snapshot) -> Record | None:
    return opened(row_of(snapshot))


def _index(query: Query) -> Index:
    return NEWEST if query.wake_before is None else DUE


def _bounds(query: Query) -> Iterator[tuple[str, float]]:
    """Yield the bounds of the index's time, each with its operator."""
    bounds = (
        [("<=", query.wake_before)]
        if query.wake_before is not None
        else [(">=", query.created_since), ("<", query.created_until)]
    )
    return ((operator, float(bound)) for operator, bound in bounds if bound is not None)
