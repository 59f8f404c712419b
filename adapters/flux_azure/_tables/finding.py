"""Finding runs: entries of one order, merged over the shards, then the runs themselves."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from heapq import merge
from itertools import chain, groupby, islice
from typing import TYPE_CHECKING, Final, TypeVar

from flux_azure._tables.keys import BEHIND, DUE, FAILED, FAILURES, NEWEST, SHARDS, newest_of
from flux_core._document import UnreadableRun
from flux_core._listeners import report_failure
from flux_core.storage._cursor import Position, page, position, start

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from flux_azure._tables.keys import Order
    from flux_azure._tables.requests import Requests
    from flux_core.storage import Query, Record, RecordPage
    from flux_core.storage._rows.port import Row

T = TypeVar("T")

CONNECTIONS: Final = 8
"""Requests that are made at once; a page of runs takes one for each run, and one for each shard."""
FEWEST_AT_ONCE: Final = 8  # entries of one shard
MOST_AT_ONCE: Final = 1_000
READ_AT_ONCE: Final = 100


class Finder:
    """Finds the runs of a table; `read` reads one.

    An entry is written with its run, so that it is where the run is; a run that is written while it is looked for is
    looked at again. One that cannot be read is logged, and passed over: it hides no other.
    """

    def __init__(self, requests: Requests, read: Callable[[str], Row | None]) -> None:
        self._requests = requests
        self._read = read
        self._pool = ThreadPoolExecutor(CONNECTIONS, "flux-azure")  # which starts threads when there is work

    def find(self, query: Query, opened: Callable[[Row], Record | None]) -> RecordPage:
        """Return the records that meet every condition of the query."""
        after = start(query)
        if query.statuses is not None and not query.statuses:
            return page(query, [])
        entries = self._entries(query, after)
        found: list[Record] = []
        while len(found) <= query.limit:  # one more than the page holds tells that another page follows
            batch = list(islice(entries, min(READ_AT_ONCE, query.limit + 1)))
            if not batch:
                break
            records = self._at_once([partial(self._record, opened, entry.id) for entry in batch])
            for entry, record in zip(batch, records, strict=True):
                # One that has been moved is not where the page's cursor would be: it has been written meanwhile.
                if record is not None and position(query, record) == entry and query.meets(record):
                    found.append(record)
        return page(query, found)

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown()

    def _entries(self, query: Query, after: Position | None) -> Iterator[Position]:
        """Yield where runs stand that may meet the query, in its order."""
        order = _order(query)
        low, high = _span(query, after)
        if low > high:
            return
        first, last = (high, low) if order.newest_first else (low, high)
        # Runs are spread evenly: twice its share of the page is nearly always all that is wanted of a shard.
        at_once = min(2 * query.limit // len(SHARDS) + FEWEST_AT_ONCE, MOST_AT_ONCE)
        found = [
            self._requests.between(
                shard, order.at(first), order.at(last) + BEHIND, select=["RowKey"], at_once=at_once
            )
            for shard in SHARDS
        ]
        heads = self._at_once([partial(next, entities, None) for entities in found])  # their first pages
        sources = [
            _ordered((order.position(entity["RowKey"]) for entity in chain([head], entities)), order)
            for head, entities in zip(heads, found, strict=True)
            if head is not None
        ]
        for entry in merge(*sources, reverse=order.newest_first):
            behind = after is None or (entry < after if order.newest_first else entry > after)
            if behind and (query.id_prefix is None or entry.id.startswith(query.id_prefix)):
                yield entry

    def _record(self, opened: Callable[[Row], Record | None], run_id: str) -> Record | None:
        """Return a run, None if it has just been deleted, or cannot be read."""
        try:
            row = self._read(run_id)
            return None if row is None else opened(row)
        except UnreadableRun as error:
            report_failure(f"reading run {run_id!r}", error)
            return None

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


def _span(query: Query, after: Position | None) -> tuple[float, float]:
    """Return the instants between which the entries are, both included."""
    if query.wake_before is not None:
        return -math.inf if after is None else after.at, query.wake_before
    low = -math.inf if query.created_since is None else query.created_since
    high = math.inf if query.created_until is None else query.created_until
    return low, high if after is None else min(high, after.at)


def _ordered(entries: Iterator[Position], order: Order) -> Iterator[Position]:
    """Put the entries of one instant into the order of their ids; the instants are in order."""
    for _, tied in groupby(entries, key=lambda entry: entry.at):
        yield from sorted(tied, reverse=order.newest_first)
