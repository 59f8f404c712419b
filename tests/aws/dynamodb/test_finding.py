"""Where runs are looked for: what a query reads, and what becomes of entries that are late."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from aws.dynamodb.weather import Network, answered

from benchmarks.capacity import Meter
from flux_core import RunStatus
from flux_core.storage import Query, Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from flux_aws import DynamoDBStorage

pytestmark = pytest.mark.xdist_group("dynamodb-local")

RUN = Record("order-1", "order", RunStatus.SUSPENDED, 1, "w", 160.0, 100.0, 100.0, b"{}")
FAILED = frozenset({RunStatus.FAILED, RunStatus.COMPENSATION_FAILED})


def ids(storage: DynamoDBStorage, query: Query) -> list[str]:
    """Return the ids that the query finds."""
    return [record.id for record in storage.find(query).records]


@pytest.fixture
def failures(storage: DynamoDBStorage) -> DynamoDBStorage:
    """A store with failed runs, one of which is due, among others."""
    for number, (status, wake_at) in enumerate(
        [
            (RunStatus.FAILED, None),
            (RunStatus.COMPLETED, None),
            (RunStatus.FAILED, 500.0),
            (RunStatus.COMPENSATION_FAILED, None),
            (RunStatus.RUNNING, 300.0),
            (RunStatus.FAILED, None),
        ]
    ):
        run = RUN._replace(id=f"run-{number}", status=status, wake_at=wake_at, created_at=float(number))
        storage.create(run)
    return storage


def test_failed_runs_come_newest_first(failures: DynamoDBStorage) -> None:
    """Failed runs are found in the order of all lists, and page like them, those that are due among them."""
    assert ids(failures, Query(statuses=FAILED)) == ["run-5", "run-3", "run-2", "run-0"]
    assert ids(failures, Query(statuses=frozenset({RunStatus.FAILED}), workflow="order", limit=2)) == [
        "run-5",
        "run-2",
    ]
    second = failures.find(
        Query(statuses=FAILED, cursor=failures.find(Query(statuses=FAILED, limit=2)).cursor)
    )
    assert [record.id for record in second.records] == ["run-2", "run-0"]


def test_a_cursor_among_the_failed_pages_all_runs(failures: DynamoDBStorage) -> None:
    """A cursor is a place in the order, whatever was listed up to there."""
    cursor = failures.find(Query(statuses=FAILED, limit=2)).cursor
    assert ids(failures, Query(cursor=cursor)) == ["run-2", "run-1", "run-0"]


def test_failed_runs_are_found_without_the_others(failures: DynamoDBStorage) -> None:
    """A query for failed runs neither scans nor reads a run that has not failed."""
    meter = Meter(failures)
    assert len(ids(failures, Query(statuses=FAILED))) == 4
    requests = meter.take()
    assert {request.operation for request in requests} == {"Query", "BatchGetItem"}
    assert sum(request.units for request in requests if request.operation == "BatchGetItem") == 4 + 1


def test_a_failed_run_is_loaded_as_it_was_stored(failures: DynamoDBStorage) -> None:
    """What a failed run's entry is sorted by is not its `wake_at`."""
    for run_id, wake_at in (("run-0", None), ("run-2", 500.0)):
        record = failures.load(run_id)
        assert record is not None
        assert record.wake_at == wake_at


def test_a_failed_run_that_is_due_is_found_as_such(failures: DynamoDBStorage) -> None:
    """A failed run with a `wake_at` is due like any other, and one without is not."""
    assert ids(failures, Query(wake_before=1e9)) == ["run-4", "run-2"]
    assert ids(failures, Query(wake_before=float("inf"))) == ["run-4", "run-2"]


def test_a_run_that_is_retried_has_failed_no_more(failures: DynamoDBStorage) -> None:
    """The save that takes a run up again takes it out of the failed ones."""
    run = failures.load("run-5")
    assert run is not None
    failures.save(run._replace(revision=2, status=RunStatus.RUNNING, wake_at=900.0), replaces=1)
    assert ids(failures, Query(statuses=FAILED)) == ["run-3", "run-2", "run-0"]
    assert ids(failures, Query(wake_before=1e9)) == ["run-4", "run-2", "run-5"]


def test_an_entry_that_is_late_finds_nothing(opened: Callable[..., DynamoDBStorage]) -> None:
    """A run that has been moved or deleted since the index was read is not on the page."""
    storage, other = opened(), opened()
    for number in range(4):
        storage.create(RUN._replace(id=f"run-{number}", wake_at=float(number)))

    def write_before_read(request: Any) -> None:
        if request.headers["X-Amz-Target"].endswith(b"BatchGetItem"):
            other.delete("run-0")
            other.save(RUN._replace(id="run-1", wake_at=50.0, revision=2), replaces=1)
            other.save(RUN._replace(id="run-2", wake_at=None, revision=2), replaces=1)

    Network(storage, before=write_before_read)
    assert ids(storage, Query(wake_before=100.0)) == ["run-3"]


def test_an_entry_that_is_met_twice_finds_one_run(
    storage: DynamoDBStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that is moved in an index while that is read may be met where it was and where it is, or twice there."""
    for number in range(3):
        storage.create(RUN._replace(id=f"run-{number}", created_at=float(number)))
    pages = storage._requests.pages

    def met_again(operation: str, request: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        for item in pages(operation, request):
            yield from (item, item)
            if "created_at" in item:
                yield {**item, "created_at": {"N": str(float(item["created_at"]["N"]) - 0.5)}}

    monkeypatch.setattr(storage._requests, "pages", met_again)
    assert ids(storage, Query(workflow="order")) == ["run-2", "run-1", "run-0"]
    assert ids(storage, Query(workflow="order", limit=1)) == ["run-2"]


def test_what_a_batch_leaves_undone_is_asked_for_again(storage: DynamoDBStorage) -> None:
    """DynamoDB may give a part of what is asked for; the page is whole all the same."""
    for number in range(3):
        storage.create(RUN._replace(id=f"run-{number}", created_at=float(number)))
    undone = iter([True])

    def leave_undone(request: Any) -> Any:
        if not request.headers["X-Amz-Target"].endswith(b"BatchGetItem") or not next(undone, False):
            return None
        answer = {"Responses": {}, "UnprocessedKeys": json.loads(request.body)["RequestItems"]}
        return answered(200, "application/x-amz-json-1.0", json.dumps(answer).encode())

    network = Network(storage, before=leave_undone)
    assert ids(storage, Query()) == ["run-2", "run-1", "run-0"]
    assert network.sent.count("BatchGetItem") == 2


def test_a_span_that_holds_nothing_is_not_read(storage: DynamoDBStorage) -> None:
    """A cursor that has passed the beginning of what is asked for ends the list."""
    for number in range(3):
        storage.create(RUN._replace(id=f"run-{number}", created_at=float(number)))
    cursor = storage.find(Query(limit=2)).cursor
    network = Network(storage)

    assert ids(storage, Query(cursor=cursor, created_since=2.0, workflow="order")) == []
    assert network.sent == []


def test_a_listing_goes_on_elsewhere(opened: Callable[..., DynamoDBStorage]) -> None:
    """A cursor is taken by any process, be it one that has to look for the workflows first."""
    first, second = opened(), opened()
    for number in range(5):
        first.create(
            RUN._replace(id=f"run-{number}", workflow=f"flow-{number % 3}", created_at=float(number))
        )
    page = first.find(Query(limit=2))
    assert [record.id for record in page.records] == ["run-4", "run-3"]
    assert ids(second, Query(cursor=page.cursor)) == ["run-2", "run-1", "run-0"]
