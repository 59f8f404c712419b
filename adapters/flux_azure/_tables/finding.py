"""Finding runs: entries of one order, merged over the shards, then the runs themselves."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from heapq import merge
from itertools import chain
from typing import TYPE_CHECKING, Final, TypeVar

from flux_azure._tables.keys import BEHIND, DUE, FAILURES, NEWEST, SHARDS, newest_of
from flux_core.storage._rows.finding import FAILED, batches, behind, found, in_order, readable, span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from flux_azure._tables.keys import Order
    from flux_azure._tables.requests import Requests
    from flux_core.storage import Query, Record, RecordPage
    from flux_core.storage._cursor import Position
    from flux_core.storage._rows.port import Opened, Row

T = TypeVar("T")

CONNECTIONS: Final = 8
"""Requests that are made at once; a page of runs takes one for each run, and one for each shard."""
FEWEST_AT_ONCE: Final = 8  # entries of one shard
MOST_AT_ONCE: Final = 1_000


class Finder:
    """Finds the runs of a table; `read` reads one.

    An entry is written with its run, so that it is where the run is; a run that is written while it is looked for is
    looked at again.
    """

    def __init__(self, requests: Requests, read: Callable[[str], Row | None]) -> None:
        self._requests = requests
        self._read = read
        self._pool = ThreadPoolExecutor(CONNECTIONS, "flux-azure")  # which starts threads when there is work

    def find(self, query: Query, opened: Opened) -> RecordPage:
        """Return the records that meet every condition of the query."""
        return found(query, partial(self._candidates, query, opened))

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown()

    def _candidates(
        self, query: Query, opened: Opened, after: Position | None
    ) -> Iterator[tuple[Position, Record | None]]:
        for batch in batches(query, self._entries(query, after)):
            reads = [partial(readable, entry.id, partial(self._record, opened, entry.id)) for entry in batch]
            yield from zip(batch, self._at_once(reads), strict=True)

    def _entries(self, query: Query, after: Position | None) -> Iterator[Position]:
        """Yield where runs stand that may meet the query, in its order."""
        order = _order(query)
        low, high = span(query, after)
        if low > high:
            return
        first, last = (high, low) if order.newest_first else (low, high)
        # Runs are spread evenly: twice its share of the page is nearly always all that is wanted of a shard.
        at_once = min(2 * query.limit // len(SHARDS) + FEWEST_AT_ONCE, MOST_AT_ONCE)
        pages = [
            self._requests.between(
                shard, order.at(first), order.at(last) + BEHIND, select=["RowKey"], at_once=at_once
            )
            for shard in SHARDS
        ]
        heads = self._at_once([partial(next, entities, None) for entities in pages])  # their first pages
        sources = [
            in_order(
                (order.position(entity["RowKey"]) for entity in chain([head], entities)),
                newest_first=order.newest_first,
            )
            for head, entities in zip(heads, pages, strict=True)
            if head is not None
        ]
        yield from behind(query, after, merge(*sources, reverse=order.newest_first))

    def _record(self, opened: Opened, run_id: str) -> Record | None:
        """Return a run, None if it has just been deleted."""
        row = self._read(run_id)
        return None if row is None else opened(row)

    def _at_once(self, calls: Sequence[Callable[[], T]]) -> list[T]:
        """Make the calls, several at once, and return what they return; each knows the invocation that is served."""
        made = [self._pool.submit(copy_context().run, call) for call in calls]
        return [call.result() for call in made]


def _order(query: Query) -> Order:
    """Return the order in which the entries are those of the query, with as few others among them as can be."""
    if query.wake_before is not None:
        return DUE
    if query.statuses is not None and query.statuses <= FAILED:
        return FAILURES
    return NEWEST if query.workflow is None else newest_of(query.workflow)
