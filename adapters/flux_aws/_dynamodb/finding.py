"""Finding runs: entries of an index, merged over its partitions in the order of the query, then the runs themselves."""

from __future__ import annotations

from functools import partial
from heapq import merge
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from flux_aws._dynamodb.items import DUE_FAILED, failed_in, key_of, number, row_of, runs_of
from flux_aws._dynamodb.requests import READ_AT_ONCE
from flux_aws._dynamodb.table import ATTENTION, RUNS, Index
from flux_core.storage._cursor import Position, position
from flux_core.storage._rows.finding import FAILED, batches, behind, found, in_order, readable, span

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from flux_aws._dynamodb.requests import Requests
    from flux_core.storage import Query, Record, RecordPage
    from flux_core.storage._rows.port import Opened

EARLIEST: Final = -9e125  # about the numbers that DynamoDB takes
LATEST: Final = 9e125
FEWEST_AT_ONCE: Final = 8  # entries of one partition
MOST_AT_ONCE: Final = 1_000


class Stretch(NamedTuple):
    """The stretch of an index's partitions that a query looks at."""

    of: Index
    low: float
    high: float
    """The bounds of the range key, both included."""
    forward: bool
    """Whether the smallest range key comes first."""


class Listing(NamedTuple):
    """A listing of all workflows' runs that goes on behind the cursor, and where it looks for them."""

    cursor: str | None
    partitions: Sequence[str]


class Finder:
    """Finds the runs of a table.

    An index follows its table after a moment, so that an entry is no more than a hint: the run is read, and looked
    at again. A query that names no workflow
    reads the keys of all runs once, to know which workflows there are.
    """

    def __init__(self, requests: Requests, shards: int) -> None:
        self._requests = requests
        self._shards = range(shards)
        self._listing = Listing(None, ())

    def find(self, query: Query, opened: Opened) -> RecordPage:
        """Return the records that meet every condition of the query; `opened` makes them of rows."""
        index, partitions = self._where(query)
        result = found(query, partial(self._candidates, query, opened, index, partitions))
        if index is RUNS and query.workflow is None:
            self._listing = Listing(result.cursor, partitions)
        return result

    def _where(self, query: Query) -> tuple[Index, Sequence[str]]:
        """Return the partitions of an index in which the runs are that may meet the query, in its order."""
        if query.wake_before is not None:
            return ATTENTION, [*map(str, self._shards), DUE_FAILED]
        if query.statuses is not None and query.statuses <= FAILED:
            return ATTENTION, [failed_in(shard) for shard in self._shards]
        if query.workflow is None:
            return RUNS, self._partitions(query)
        return RUNS, [runs_of(query.workflow, shard) for shard in self._shards]

    def _candidates(
        self, query: Query, opened: Opened, index: Index, partitions: Sequence[str], after: Position | None
    ) -> Iterator[tuple[Position, Record | None]]:
        low, high = span(query, after)
        due = query.wake_before is not None
        stretch = Stretch(index, max(low, EARLIEST), min(high, LATEST), forward=due)
        sources: list[Iterable[Position]] = list(self._sources(query, stretch, partitions))
        if index is ATTENTION and not due:
            sources.append(self._failed_and_due(query, opened))
        # An entry that is moved while the partitions are read, one after the other, is met in two of them.
        entries = (entry for entry, _ in groupby(merge(*sources, reverse=not due)))
        for batch in batches(query, behind(query, after, entries)):
            records = {record.id: record for record in self._records(batch, opened)}
            for entry in batch:
                yield entry, records.get(entry.id)

    def _sources(
        self, query: Query, stretch: Stretch, partitions: Sequence[str]
    ) -> Iterator[Iterator[Position]]:
        """Yield the entries of each partition, in the query's order."""
        # Runs are spread evenly: twice its share of the page is nearly always all that is wanted of a partition.
        at_once = min(2 * query.limit // max(1, len(partitions)) + FEWEST_AT_ONCE, MOST_AT_ONCE)
        for partition in partitions:
            entries = self._partition(stretch, partition, at_once)
            yield in_order(entries, newest_first=not stretch.forward)

    def _partition(self, stretch: Stretch, partition: str, at_once: int) -> Iterator[Position]:
        """Yield the entries of one partition in the order of the range key, those of one instant in none."""
        if stretch.low > stretch.high:
            return
        index = stretch.of
        request = {
            "IndexName": index.name,
            "KeyConditionExpression": f"{index.hash_key} = :partition AND {index.range_key} BETWEEN :low AND :high",
            "ExpressionAttributeValues": {
                ":partition": {"S": partition},
                ":low": number(stretch.low),
                ":high": number(stretch.high),
            },
            "ScanIndexForward": stretch.forward,
            "Limit": at_once,
        }
        for item in self._requests.pages("Query", request):
            yield Position(float(item[index.range_key]["N"]), item["id"]["S"])

    def _failed_and_due(self, query: Query, opened: Opened) -> list[Position]:
        """Return where the failed runs stand that are entered by when they are due; they are few."""
        stretch = Stretch(ATTENTION, EARLIEST, LATEST, forward=False)
        entries = list(self._partition(stretch, DUE_FAILED, MOST_AT_ONCE))
        return sorted((position(query, record) for record in self._records(entries, opened)), reverse=True)

    def _partitions(self, query: Query) -> Sequence[str]:
        """Return the partitions of all workflows."""
        listing = self._listing
        if query.cursor is not None and query.cursor == listing.cursor:
            return listing.partitions
        request = {"IndexName": RUNS.name, "ProjectionExpression": RUNS.hash_key}
        return sorted({item[RUNS.hash_key]["S"] for item in self._requests.pages("Scan", request)})

    def _records(self, entries: Sequence[Position], opened: Opened) -> Iterator[Record]:
        for first in range(0, len(entries), READ_AT_ONCE):
            wanted = dict.fromkeys(entry.id for entry in entries[first : first + READ_AT_ONCE])
            for item in self._requests.get_many([key_of(run_id) for run_id in wanted]):
                record = readable(item["id"]["S"], partial(_record, opened, item))
                if record is not None:
                    yield record


def _record(opened: Opened, item: Mapping[str, Any]) -> Record | None:
    return opened(row_of(item))
