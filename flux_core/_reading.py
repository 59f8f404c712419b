"""Looking at stored runs, and removing one."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final, cast

from flux_core._document import UnreadableRun
from flux_core._effects import Delete, Find, Tally
from flux_core._errors import RunNotFound, StoreError
from flux_core._ids import check_id
from flux_core._keeping import load, open_record
from flux_core._listeners import report_failure
from flux_core._outside import hold
from flux_core._views import run_view
from flux_core.storage._port import tallied

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flux_core._effects import Flow
    from flux_core._run import Run
    from flux_core._status import Counts, RunStatus
    from flux_core.storage import Query

MOST_AT_ONCE: Final = 100  # documents that are in memory together
MOST_LOOKED_AT: Final = 1000  # runs of a store that cannot count


def get(run_id: str) -> Flow[Run | None]:
    """Return the stored run, or None."""
    try:
        state = yield from load(check_id(run_id))
    except RunNotFound:  # it was deleted just now
        return None
    return None if state is None else run_view(state)


def find(query: Query) -> Flow[tuple[list[Run], str | None]]:
    """Return the runs that a query finds, and the cursor of the next page; what cannot be read is logged."""
    page, *_ = yield Find(query)
    runs = []
    for record in page.records:
        try:
            runs.append(run_view((yield from open_record(record))))
        except RunNotFound:
            continue  # it was deleted just now
        except StoreError as error:
            report_failure(f"reading run {record.id!r}", error)
    return runs, page.cursor


def tally(query: Query, edges: Sequence[float], *, can_count: bool) -> Flow[Counts]:
    """Return, by status, how many of a query's runs were created in each slot of time.

    Args:
        query: which runs.
        edges: where the slots begin and end, in Unix seconds.
        can_count: whether the store counts them; else the newest of them are looked at.
    """
    if can_count:
        counts, *_ = yield Tally(query, edges)
        return cast("Counts", counts)
    found: list[tuple[float, RunStatus]] = []
    query = query._replace(created_since=edges[0], created_until=edges[-1], limit=MOST_AT_ONCE)
    while len(found) < MOST_LOOKED_AT:
        page, *_ = yield Find(query)
        found += [(record.created_at, record.status) for record in page.records]
        if page.cursor is None:
            break
        query = query._replace(cursor=page.cursor)
    return tallied(found, edges)


def delete(run_id: str, worker: str, lease: float) -> Flow[None]:
    """Remove a run that nobody holds: hold it first, so that nobody else begins to."""
    with suppress(UnreadableRun):  # nobody can work on what cannot be read
        yield from hold(run_id, worker, lease)
    yield Delete(run_id)
