"""How runs are found: what a query reads, and what it looks at once it has."""

from __future__ import annotations

from collections import Counter
from hashlib import shake_128
from typing import TYPE_CHECKING, Any

import pytest
from gcp.firestore.stored import fields_at, reference
from gcp.firestore.weather import Network

from flux_core import RunStatus
from flux_core.storage import Query, Record
from flux_core.storage._rows.attached import Attached
from flux_core.storage._rows.port import Row
from flux_gcp._firestore.documents import fields_of
from flux_gcp._firestore.facets import MOST_FACETS, SHARDS, facets_for
from flux_gcp._firestore.indexes import COMPOSITE, FACETS, RUN_FIELDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from flux_gcp import FirestoreStorage

pytestmark = pytest.mark.xdist_group("firestore")

RUN = Record("order-1", "order", RunStatus.SUSPENDED, 1, "w", 160.0, 100.0, 100.0, b"{}")
FAILED = frozenset({RunStatus.FAILED, RunStatus.COMPENSATION_FAILED})


def ids(storage: FirestoreStorage, query: Query) -> list[str]:
    """Return the ids that the query finds."""
    return [record.id for record in storage.find(query).records]


class Reads:
    """Counts the documents that queries read."""

    def __init__(self, storage: FirestoreStorage) -> None:
        self.queries: list[Any] = []
        Network(storage, before=self._see)

    def _see(self, method: str, request: Any) -> None:
        if method == "RunQuery":
            self.queries.append(request.structured_query)


def create(storage: FirestoreStorage, records: list[Record]) -> None:
    """Store new runs, many at once."""
    client = storage._service._client()
    for start in range(0, len(records), 500):
        batch = client.batch()
        for record in records[start : start + 500]:
            packed = record._replace(document=b"x\x9c\x03\x00\x00\x00\x00\x01")  # nothing, compressed
            batch.set(reference(storage, record.id), fields_of(Row(packed, Attached())))
        batch.commit()


def test_failed_runs_are_found_without_the_others(opened: Callable[..., FirestoreStorage]) -> None:
    """A query for failed runs reads them alone, be they due, or wait for a person without a moment."""
    storage = opened()
    for number, (status, wake_at) in enumerate(
        [
            (RunStatus.FAILED, None),
            (RunStatus.COMPLETED, None),
            (RunStatus.FAILED, 500.0),
            (RunStatus.COMPENSATION_FAILED, None),
            (RunStatus.RUNNING, 300.0),
        ]
    ):
        run = RUN._replace(id=f"run-{number}", status=status, wake_at=wake_at, created_at=float(number))
        storage.create(run)
    opens: Counter[str] = Counter()

    def see(row: Row) -> Record:
        opens[row.record.id] += 1
        return row.record

    finder = storage._rows._finder  # type: ignore[attr-defined]
    page = finder.find(Query(statuses=FAILED), see)
    assert [record.id for record in page.records] == ["run-3", "run-2", "run-0"]
    assert set(opens) == {"run-3", "run-2", "run-0"}
    assert ids(storage, Query(statuses=FAILED, workflow="order", wake_before=500.0)) == ["run-2"]


def test_a_thousand_runs_are_listed_by_cursor(storage: FirestoreStorage) -> None:
    """Pages give each of 1,050 runs of two workflows once, the newest first, through ties."""
    runs = [
        RUN._replace(id=f"run-{number:04}", workflow=f"flow-{number % 2}", created_at=float(number // 7))
        for number in range(1050)
    ]
    create(storage, runs)
    everything = [run.id for run in reversed(runs)]
    seen: list[str] = []
    query = Query(limit=500)
    while True:
        page = storage.find(query)
        seen += [record.id for record in page.records]
        if page.cursor is None:
            break
        query = query._replace(cursor=page.cursor)
    assert seen == everything
    assert len(ids(storage, Query(workflow="flow-1", limit=1000))) == 525


def test_a_condition_without_an_index_is_looked_at_here(storage: FirestoreStorage) -> None:
    """Runs that meet it are found behind as many others as there are."""
    create(storage, [RUN._replace(id=f"run-{number}", created_at=float(number)) for number in range(260)])
    create(storage, [RUN._replace(id="odd-one", created_at=-1.0)])
    reads = Reads(storage)
    assert ids(storage, Query(id_prefix="odd-", limit=1)) == ["odd-one"]
    assert [query.limit for query in reads.queries] == [2, 4, 8, 16, 32, 64, 100, 100]


def test_more_statuses_than_a_query_takes_are_looked_at_here(storage: FirestoreStorage) -> None:
    """Any set of statuses can be asked for."""
    statuses = frozenset(RunStatus) - {RunStatus.COMPLETED}
    assert len(statuses) > MOST_FACETS // SHARDS
    storage.create(RUN)
    storage.create(RUN._replace(id="done", status=RunStatus.COMPLETED, wake_at=None))
    assert ids(storage, Query(statuses=statuses)) == [RUN.id]


@pytest.mark.parametrize(
    "query",
    [
        Query(),
        Query(workflow="order", statuses=FAILED),
        Query(statuses=frozenset(RunStatus)),
        Query(tag="vip", workflow="order", statuses=frozenset(RunStatus)),
        *(Query(statuses=frozenset(list(RunStatus)[:count])) for count in range(1, len(RunStatus))),
    ],
)
def test_no_query_asks_for_more_than_firestore_takes(query: Query) -> None:
    """Thirty words are the most."""
    assert 0 < len(facets_for(query)) <= MOST_FACETS


def test_a_tag_of_any_length_is_found(storage: FirestoreStorage) -> None:
    """An index sees the beginning of a long tag; two of one beginning are told apart all the same."""
    long = "customer:" + "é" * 2000
    storage.create(RUN._replace(id="one", tags=(f"{long}-1", "vip")))
    storage.create(RUN._replace(id="two", tags=(f"{long}-2", "vip")))
    assert ids(storage, Query(tag=f"{long}-1")) == ["one"]
    assert ids(storage, Query(tag="vip")) == ["two", "one"]


def test_every_id_that_flux_gives_is_one_of_firestore(storage: FirestoreStorage) -> None:
    """Ids that Firestore refuses are written otherwise, and found, paged and removed under their own names."""
    odd = [".", "..", "__", "____", "__order__", "a.b", "a:b@c-d_e"]
    for run_id in odd:
        storage.create(RUN._replace(id=run_id))
        loaded = storage.load(run_id)
        assert loaded is not None
        assert loaded.id == run_id
    first = storage.find(Query(limit=3))
    rest = storage.find(Query(cursor=first.cursor))
    assert sorted(record.id for record in (*first.records, *rest.records)) == sorted(odd)
    for run_id in odd:
        storage.delete(run_id)
    assert ids(storage, Query()) == []


def test_every_query_has_an_index_that_is_declared(storage: FirestoreStorage) -> None:
    """Firestore's emulator makes up what the service would refuse: each query is one of the two that are declared."""
    reads = Reads(storage)
    for query in (
        Query(),
        Query(wake_before=1.0),
        Query(workflow="order", statuses=FAILED, tag="vip", created_since=1.0, created_until=2.0),
        Query(workflow="order", statuses=FAILED, wake_before=1.0, created_since=1.0, id_prefix="a"),
    ):
        storage.find(query)
    assert len(reads.queries) == 4
    declared = {((index.time, index.direction), ("__name__", index.direction)) for index in COMPOSITE}
    for asked in reads.queries:
        orders = tuple((order.field.field_path, order.direction.name) for order in asked.order_by)
        filters = asked.where.composite_filter.filters
        fields = {part.field_filter.field.field_path for part in filters} or {
            asked.where.field_filter.field.field_path
        }
        assert orders in declared
        assert {FACETS} <= fields <= {FACETS, orders[0][0]}


def test_every_field_of_a_run_is_declared(opened: Callable[..., FirestoreStorage]) -> None:
    """Each field that a run may have is one whose own index the deployment switches off."""
    storage = opened(ttl=30 * 86400)
    storage.put_blob(RUN.id, "key", b"value")
    storage.create(RUN._replace(tags=("vip",)))
    written = set(fields_at(storage, RUN.id))
    large = shake_128(b"large").digest(1_200_000)
    storage.create(RUN._replace(id="done", status=RunStatus.COMPLETED, wake_at=None, document=large))
    written |= set(fields_at(storage, "done"))
    assert written == set(RUN_FIELDS)
