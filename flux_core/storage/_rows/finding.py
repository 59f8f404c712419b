"""Finding runs by the entries of an index: what the finders of all services do alike, whatever they look into."""

from __future__ import annotations

import math
from itertools import groupby, islice
from typing import TYPE_CHECKING, Final

from flux_core._document import UnreadableRun
from flux_core._listeners import report_failure
from flux_core._status import RunStatus
from flux_core.storage._cursor import page, position, start

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from flux_core.storage import Query, Record, RecordPage
    from flux_core.storage._cursor import Position

FAILED: Final = frozenset({RunStatus.FAILED, RunStatus.COMPENSATION_FAILED})
"""The statuses that wait for a person, by which an index has an order of its own."""
READ_AT_ONCE: Final = 100
"""Runs that are read at once, at most."""


def found(
    query: Query, candidates: Callable[[Position | None], Iterable[tuple[Position, Record | None]]]
) -> RecordPage:
    """Return the page of the runs that meet the query.

    Args:
        query: what is looked for.
        candidates: gives runs that may meet it and come behind a position, in the query's order, each with where it
            was found; None stands for one that has been deleted, or cannot be read. No more are taken than needed.
    """
    after = start(query)
    records: list[Record] = []
    if query.statuses is None or query.statuses:
        for entry, record in candidates(after):
            # One that has been moved is not where the page's cursor would be: it has been written meanwhile.
            if record is not None and position(query, record) == entry and query.meets(record):
                records.append(record)
                if len(records) > query.limit:  # one more than the page holds tells that another page follows
                    break
    return page(query, records)


def batches(query: Query, entries: Iterator[Position]) -> Iterator[list[Position]]:
    """Yield the entries in batches of as many as a page takes, within reason."""
    at_once = min(READ_AT_ONCE, query.limit + 1)
    while batch := list(islice(entries, at_once)):
        yield batch


def in_order(entries: Iterable[Position], *, newest_first: bool) -> Iterator[Position]:
    """Put the entries of one instant into the order of their ids; the instants are in order."""
    for _, tied in groupby(entries, key=lambda entry: entry.at):
        yield from sorted(tied, reverse=newest_first)


def behind(query: Query, after: Position | None, entries: Iterable[Position]) -> Iterator[Position]:
    """Leave out the entries that the cursor has passed, and those whose ids do not begin as the query has it."""
    newest_first = query.wake_before is None
    for entry in entries:
        passed = after is not None and (entry >= after if newest_first else entry <= after)
        if not passed and (query.id_prefix is None or entry.id.startswith(query.id_prefix)):
            yield entry


def span(query: Query, after: Position | None) -> tuple[float, float]:
    """Return the instants between which the entries are that come behind the position, both included."""
    if query.wake_before is not None:
        return -math.inf if after is None else after.at, query.wake_before
    low = -math.inf if query.created_since is None else query.created_since
    high = math.inf if query.created_until is None else query.created_until
    return low, high if after is None else min(high, after.at)


def readable(run_id: str, read: Callable[[], Record | None]) -> Record | None:
    """Return the run; one that cannot be read is logged, and passed over: it hides no other."""
    try:
        return read()
    except UnreadableRun as error:
        report_failure(f"reading run {run_id!r}", error)
        return None
