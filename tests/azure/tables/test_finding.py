"""Where runs are looked for: what a query reads, and in which order it finds."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from flux_azure._tables.entities import entity_of
from flux_azure._tables.keys import SHARDS, entries_of, run_key, shard_of
from flux_azure._tables.requests import Change
from flux_core import RunStatus
from flux_core.storage import Query, Record
from flux_core.storage._rows.attached import NOTHING

from .weather import tables

if TYPE_CHECKING:
    from collections.abc import Callable

    from requests import PreparedRequest

    from flux_azure import TableStorage
    from flux_core.storage._rows.port import Row

pytestmark = pytest.mark.xdist_group("azurite")

RUN = Record("order-1", "order", RunStatus.SUSPENDED, 1, "w", 160.0, 100.0, 100.0, b"{}")
FAILED = frozenset({RunStatus.FAILED, RunStatus.COMPENSATION_FAILED})


def ids(storage: TableStorage, query: Query) -> list[str]:
    """Return the ids that the query finds."""
    return [record.id for record in storage.find(query).records]


@pytest.fixture
def failures(storage: TableStorage) -> TableStorage:
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
        storage.create(
            RUN._replace(id=f"run-{number}", status=status, wake_at=wake_at, created_at=float(number))
        )
    return storage


def test_failed_runs_come_newest_first(failures: TableStorage) -> None:
    """Failed runs are found in the order of all lists, and page like them, those that are due among them."""
    assert ids(failures, Query(statuses=FAILED)) == ["run-5", "run-3", "run-2", "run-0"]
    only = frozenset({RunStatus.FAILED})
    assert ids(failures, Query(statuses=only, workflow="order", limit=2)) == ["run-5", "run-2"]
    cursor = failures.find(Query(statuses=FAILED, limit=2)).cursor
    assert ids(failures, Query(statuses=FAILED, cursor=cursor)) == ["run-2", "run-0"]
    assert ids(failures, Query(cursor=cursor)) == ["run-2", "run-1", "run-0"]


def test_failed_runs_are_found_without_the_others(failures: TableStorage) -> None:
    """A query for failed runs reads each shard once, and no run that has not failed."""
    network = tables(failures)
    assert len(ids(failures, Query(statuses=FAILED))) == 4
    assert len(network.sent) == len(SHARDS) + 4


def test_due_runs_are_found_without_the_others(failures: TableStorage) -> None:
    """A tick with nothing to do reads each shard once, and no run."""
    network = tables(failures)
    assert ids(failures, Query(wake_before=299.0)) == []
    assert len(network.sent) == len(SHARDS)
    assert ids(failures, Query(wake_before=float("inf"))) == ["run-4", "run-2"]


def test_no_status_is_no_run(failures: TableStorage) -> None:
    """A query that no status meets asks nobody."""
    network = tables(failures)
    assert ids(failures, Query(statuses=frozenset())) == []
    assert network.sent == []


def test_a_span_that_holds_nothing_is_not_read(failures: TableStorage) -> None:
    """A cursor that has passed the beginning of what is asked for ends the list."""
    cursor = failures.find(Query(limit=3)).cursor
    network = tables(failures)
    assert ids(failures, Query(cursor=cursor, created_since=5.0)) == []
    assert network.sent == []


def test_times_before_the_epoch_and_beyond_all_times_are_in_order(storage: TableStorage) -> None:
    """An order of instants is one of numbers, whatever their signs and sizes."""
    instants = [float("-inf"), -1e300, -2.5, -0.0, 1e-300, 2.5, 1e300, float("inf")]
    for number, instant in enumerate(instants):
        storage.create(RUN._replace(id=f"run-{number}", wake_at=instant, created_at=instant))
    in_order = [f"run-{number}" for number in range(len(instants))]
    assert ids(storage, Query(wake_before=float("inf"))) == in_order
    assert ids(storage, Query()) == in_order[::-1]
    assert ids(storage, Query(created_since=-2.5, created_until=2.5)) == ["run-4", "run-3", "run-2"]


def test_a_workflow_may_be_called_anything(storage: TableStorage) -> None:
    """Names that no key takes, or that begin one another, are told apart."""
    names = ["a/b\\c#d?e\t%", "a", "a|b", "x" * 5_000, "déjà vu"]
    for number, name in enumerate(names):
        storage.create(RUN._replace(id=f"run-{number}", workflow=name))
    for number, name in enumerate(names):
        assert ids(storage, Query(workflow=name)) == [f"run-{number}"]


def test_a_run_that_is_written_while_it_is_looked_for_is_not_on_the_page(
    opened: Callable[..., TableStorage],
) -> None:
    """A run that has been moved or deleted since its entry was read is not where the page's cursor would be."""
    storage, other = opened(), opened()
    for number in range(4):
        storage.create(RUN._replace(id=f"run-{number}", wake_at=float(number)))
    late: list[bool] = []

    def write_before_read(request: PreparedRequest) -> None:
        if "run%7Crun-" in str(request.url) and not late:
            late.append(True)
            other.delete("run-0")
            other.save(RUN._replace(id="run-1", wake_at=50.0, revision=2), replaces=1)
            other.save(RUN._replace(id="run-2", wake_at=None, revision=2), replaces=1)

    storage._rows._finder._pool._max_workers = 1  # type: ignore[attr-defined]
    tables(storage, before=write_before_read)
    assert ids(storage, Query(wake_before=100.0)) == ["run-3"]


def test_a_run_that_cannot_be_read_hides_no_other(
    storage: TableStorage, caplog: pytest.LogCaptureFixture
) -> None:
    """A run that a newer Flux wrote is logged, and passed over."""
    for number in range(3):
        storage.create(RUN._replace(id=f"run-{number}", created_at=float(number)))
    storage._requests._client.update_entity(
        {"PartitionKey": shard_of("run-1"), "RowKey": run_key("run-1"), "v": 2}
    )
    with caplog.at_level(logging.ERROR, "flux"):
        assert ids(storage, Query()) == ["run-2", "run-0"]
    assert "run 'run-1'" in caplog.text


def test_a_cursor_gives_each_of_a_thousand_runs_once(storage: TableStorage) -> None:
    """Pages of a list of 1,000 runs, many of one instant, hold each of them once, in order; the last is found too."""
    runs = [RUN._replace(id=f"run-{number:04}", created_at=float(number // 7)) for number in range(1_000)]
    rows = [storage._packed(run, NOTHING) for run in runs]
    fill(storage, rows)
    found: list[str] = []
    cursor = None
    while True:
        page = storage.find(Query(limit=150, cursor=cursor))
        found += [record.id for record in page.records]
        cursor = page.cursor
        if cursor is None:
            break
    assert found == [run.id for run in reversed(runs)]
    assert ids(storage, Query(id_prefix="run-0000", limit=1)) == ["run-0000"]


def fill(storage: TableStorage, rows: list[Row]) -> None:
    """Write runs with their entries, some twenty of one shard at once."""
    shards: dict[str, list[Change]] = {}
    for row in rows:
        shard = shard_of(row.record.id)
        entries = entries_of(row.record)
        shards.setdefault(shard, []).append(Change("create", entity_of(row)))
        shards[shard] += [Change("create", {"PartitionKey": shard, "RowKey": key}) for key in entries]
    for changes in shards.values():
        for first in range(0, len(changes), 100):
            storage._requests.submit(changes[first : first + 100])
