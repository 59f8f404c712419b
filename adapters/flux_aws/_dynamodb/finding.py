"""Finding runs: entries of an index, merged over its partitions in the order of the query, then the runs themselves."""

from __future__ import annotations

from heapq import merge
from itertools import groupby, islice
from typing import TYPE_CHECKING, Final, NamedTuple

from flux_aws._dynamodb.items import DUE_FAILED, FAILED, failed_in, key_of, number, row_of, runs_of
from flux_aws._dynamodb.requests import READ_AT_ONCE
from flux_aws._dynamodb.table import ATTENTION, RUNS, Index
from flux_core._document import UnreadableRun
from flux_core._listeners import report_failure
from flux_core.storage._cursor import Position, page, position, start

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import TypeAlias

    from flux_aws._dynamodb.requests import Requests
    from flux_core.storage import Query, Record, RecordPage
    from flux_core.storage._rows.port import Row

    Opened: TypeAlias = Callable[[Row], Record | None]

EARLIEST: Final = -9e125  # about the numbers that DynamoDB takes
LATEST: Final = 9e125
FEWEST_AT_ONCE: Final = 8  # entries of one partition
MOST_AT_ONCE: Final = 1_000


class Span(NamedTuple):
    """The part of an index that a query looks at."""

    of: Index
    partitions: Sequence[str]
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
    at again; one that cannot be read is logged, and passed over: it hides no other. A query that names no workflow
    reads the keys of all runs once, to know which workflows there are.
    """

    def __init__(self, requests: Requests, shards: int) -> None:
        self._requests = requests
        self._shards = range(shards)
        self._listing = Listing(None, ())

    def find(self, query: Query, opened: Opened) -> RecordPage:
        """Return the records that meet every condition of the query; `opened` makes them of rows."""
        after = start(query)
        if query.statuses is not None and not query.statuses:
            return page(query, [])
        span = self._span(query, after)
        entries = self._entries(query, after, span, opened)
        found: list[Record] = []
        while len(found) <= query.limit:  # one more than the page holds tells that another page follows
            batch = list(islice(entries, min(READ_AT_ONCE, query.limit + 1)))
            if not batch:
                break
            found += [record for record in self._read(query, batch, opened) if query.meets(record)]
        result = page(query, found)
        if span.of is RUNS and query.workflow is None:
            self._listing = Listing(result.cursor, span.partitions)
        return result

    def _span(self, query: Query, after: Position | None) -> Span:
        """Return where the runs are that may meet the query."""
        if query.wake_before is not None:
            low = EARLIEST if after is None else after.at
            due = [*map(str, self._shards), DUE_FAILED]
            return Span(ATTENTION, due, low, min(query.wake_before, LATEST), forward=True)
        low = EARLIEST if query.created_since is None else query.created_since
        high = LATEST if query.created_until is None else query.created_until
        index, partitions = self._newest(query)
        return Span(index, partitions, low, high if after is None else min(high, after.at), forward=False)

    def _newest(self, query: Query) -> tuple[Index, Sequence[str]]:
        """Return the partitions in which the entries are in the order of the runs' creation."""
        if query.statuses is not None and query.statuses <= FAILED:
            return ATTENTION, [failed_in(shard) for shard in self._shards]
        if query.workflow is None:
            return RUNS, self._partitions(query)
        return RUNS, [runs_of(query.workflow, shard) for shard in self._shards]

    def _entries(
        self, query: Query, after: Position | None, span: Span, opened: Opened
    ) -> Iterator[Position]:
        """Yield where runs stand that may meet the query, in its order, each place once.

        An entry that is moved while the partitions are read, one after the other, is met in two of them.
        """
        # Runs are spread evenly: twice its share of the page is nearly always all that is wanted of a partition.
        at_once = min(2 * query.limit // max(1, len(span.partitions)) + FEWEST_AT_ONCE, MOST_AT_ONCE)
        sources: list[Iterable[Position]] = [
            _ordered(self._partition(span, partition, at_once), forward=span.forward)
            for partition in span.partitions
        ]
        if span.of is ATTENTION and not span.forward:
            sources.append(self._failed_and_due(query, opened))
        for entry, _ in groupby(merge(*sources, reverse=not span.forward)):
            behind = after is None or (entry > after if span.forward else entry < after)
            if behind and (query.id_prefix is None or entry.id.startswith(query.id_prefix)):
                yield entry

    def _partition(self, span: Span, partition: str, at_once: int) -> Iterator[Position]:
        """Yield the entries of one partition in the order of the range key, those of one instant in none."""
        if span.low > span.high:
            return
        index = span.of
        request = {
            "IndexName": index.name,
            "KeyConditionExpression": f"{index.hash_key} = :partition AND {index.range_key} BETWEEN :low AND :high",
            "ExpressionAttributeValues": {
                ":partition": {"S": partition},
                ":low": number(span.low),
                ":high": number(span.high),
            },
            "ScanIndexForward": span.forward,
            "Limit": at_once,
        }
        for item in self._requests.pages("Query", request):
            yield Position(float(item[index.range_key]["N"]), item["id"]["S"])

    def _failed_and_due(self, query: Query, opened: Opened) -> list[Position]:
        """Return where the failed runs stand that are entered by when they are due; they are few."""
        span = Span(ATTENTION, [], EARLIEST, LATEST, forward=False)
        entries = list(self._partition(span, DUE_FAILED, MOST_AT_ONCE))
        return sorted((position(query, record) for record in self._records(entries, opened)), reverse=True)

    def _partitions(self, query: Query) -> Sequence[str]:
        """Return the partitions of all workflows."""
        listing = self._listing
        if query.cursor is not None and query.cursor == listing.cursor:
            return listing.partitions
        request = {"IndexName": RUNS.name, "ProjectionExpression": RUNS.hash_key}
        return sorted({item[RUNS.hash_key]["S"] for item in self._requests.pages("Scan", request)})

    def _read(self, query: Query, entries: Sequence[Position], opened: Opened) -> Iterator[Record]:
        """Yield the runs that still stand where their entries say, in the order of these.

        One that has been moved is not where the page's cursor would be: it has been written meanwhile.
        """
        records = {record.id: record for record in self._records(entries, opened)}
        for entry in entries:
            record = records.get(entry.id)
            if record is not None and position(query, record) == entry:
                yield record

    def _records(self, entries: Sequence[Position], opened: Opened) -> Iterator[Record]:
        for first in range(0, len(entries), READ_AT_ONCE):
            wanted = dict.fromkeys(entry.id for entry in entries[first : first + READ_AT_ONCE])
            for item in self._requests.get_many([key_of(run_id) for run_id in wanted]):
                try:
                    record = opened(row_of(item))
                except UnreadableRun as error:
                    report_failure(f"reading run {item['id']['S']!r}", error)
                    continue
                if record is not None:
                    yield record


def _ordered(entries: Iterator[Position], *, forward: bool) -> Iterator[Position]:
    """Put the entries of one instant into the order of their ids; the instants are in order."""
    for _, tied in groupby(entries, key=lambda entry: entry.at):
        yield from sorted(tied, reverse=not forward)
