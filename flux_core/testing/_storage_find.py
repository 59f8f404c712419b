# ruff: noqa: S101, PLR2004 (a suite of tests: assert is how it speaks, and an expected value is a literal)
"""The part of the storage suite that is about finding runs: conditions, order, pages, and what is due."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flux_core._errors import InvalidInput
from flux_core._status import RunStatus
from flux_core.storage import Query, Record
from flux_core.testing._expect import raises

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flux_core.storage import RecordPage, Storage

RUN: Final = Record(
    id="order-1",
    workflow="order",
    status=RunStatus.RUNNING,
    revision=1,
    writer="worker-1",
    wake_at=160.0,
    created_at=100.0,
    updated_at=100.0,
    document=b'{"step":0}',
)


class FindContract:
    """What `find` promises."""

    def test_an_empty_store_gives_an_empty_page(self, storage: Storage) -> None:
        """Nothing is found where nothing is."""
        assert _is(storage.find(Query()), [], last=True)

    def test_found_records_are_whole(self, storage: Storage) -> None:
        """A found record is the one that `load` gives, document and tags included."""
        storage.create(RUN._replace(tags=("vip", "eu")))
        (found,) = storage.find(Query()).records
        assert found == storage.load(RUN.id) == RUN._replace(tags=("vip", "eu"))

    def test_found_records_are_as_last_saved(self, storage: Storage) -> None:
        """A condition looks at what the last save left."""
        storage.create(RUN)
        storage.save(RUN._replace(status=RunStatus.COMPLETED, revision=2, wake_at=None), replaces=1)
        assert _ids(storage, Query(statuses=frozenset({RunStatus.RUNNING}))) == []
        assert _ids(storage, Query(statuses=frozenset({RunStatus.COMPLETED}))) == [RUN.id]

    def test_by_workflow(self, storage: Storage) -> None:
        """`workflow` matches whole names only."""
        for workflow in ("order", "order-2", "Order", "refund"):
            storage.create(RUN._replace(id=workflow, workflow=workflow))
        assert _ids(storage, Query(workflow="order")) == ["order"]

    def test_by_status(self, storage: Storage) -> None:
        """`statuses` matches any of the statuses given."""
        for at, status in enumerate(RunStatus):
            storage.create(RUN._replace(id=status.value, status=status, created_at=float(at)))
        wanted = frozenset({RunStatus.PENDING, RunStatus.FAILED})
        assert _ids(storage, Query(statuses=wanted)) == ["failed", "pending"]
        assert len(_ids(storage, Query(statuses=frozenset(RunStatus)))) == len(RunStatus)

    def test_by_no_status(self, storage: Storage) -> None:
        """No run has one of no statuses."""
        storage.create(RUN)
        assert _ids(storage, Query(statuses=frozenset())) == []

    def test_by_time_of_creation(self, storage: Storage) -> None:
        """`created_since` includes its instant, `created_until` does not."""
        for at in (1.0, 2.0, 3.0):
            storage.create(RUN._replace(id=f"at-{at:.0f}", created_at=at))
        assert _ids(storage, Query(created_since=2.0)) == ["at-3", "at-2"]
        assert _ids(storage, Query(created_until=2.0)) == ["at-1"]
        assert _ids(storage, Query(created_since=2.0, created_until=3.0)) == ["at-2"]
        assert _ids(storage, Query(created_since=2.0, created_until=2.0)) == []

    def test_by_the_epoch(self, storage: Storage) -> None:
        """Zero is a time like any other, not the absence of a condition."""
        storage.create(RUN._replace(created_at=1.0, wake_at=1.0))
        assert _ids(storage, Query(created_until=0.0)) == []
        assert _ids(storage, Query(wake_before=0.0)) == []

    def test_by_prefix_of_the_id(self, storage: Storage) -> None:
        """`id_prefix` is literal: no wildcard, and upper case is not lower case."""
        for run_id in ("a_1", "ab1", "a%1", "A_1", "b_a_"):
            storage.create(RUN._replace(id=run_id))
        assert _ids(storage, Query(id_prefix="a_")) == ["a_1"]
        assert _ids(storage, Query(id_prefix="a%")) == ["a%1"]
        assert _ids(storage, Query(id_prefix="a")) == ["ab1", "a_1", "a%1"]
        assert len(_ids(storage, Query(id_prefix=""))) == 5

    def test_by_tag(self, storage: Storage) -> None:
        """`tag` matches one whole tag of the run."""
        storage.create(RUN._replace(id="one", tags=("vip",)))
        storage.create(RUN._replace(id="two", tags=("eu", "vip")))
        storage.create(RUN._replace(id="three", tags=("vip-2", "eu")))
        assert _ids(storage, Query(tag="vip")) == ["two", "one"]
        assert _ids(storage, Query(tag="vi")) == []

    def test_a_repeated_tag_finds_its_run_once(self, storage: Storage) -> None:
        """A tag that was given twice is one tag."""
        storage.create(RUN._replace(tags=("vip", "vip")))
        assert _ids(storage, Query(tag="vip")) == [RUN.id]

    def test_a_tag_stays_when_the_run_is_saved(self, storage: Storage) -> None:
        """A saved run is found by the tags that it was created with."""
        tagged = RUN._replace(tags=("vip",))
        storage.create(tagged)
        storage.save(tagged._replace(revision=2), replaces=1)
        assert _ids(storage, Query(tag="vip")) == [RUN.id]

    def test_every_condition_counts(self, storage: Storage) -> None:
        """A record is found only if it meets every condition of the query."""
        match = RUN._replace(id="match-1", tags=("vip",))
        near_misses = [
            match._replace(workflow="refund"),
            match._replace(status=RunStatus.FAILED),
            match._replace(wake_at=160.5),
            match._replace(created_at=99.0),
            match._replace(created_at=101.0),
            match._replace(tags=("eu",)),
        ]
        for number, record in enumerate(near_misses, start=2):
            storage.create(record._replace(id=f"match-{number}"))
        storage.create(match._replace(id="other"))
        storage.create(match)
        query = Query(
            workflow="order",
            statuses=frozenset({RunStatus.RUNNING}),
            wake_before=160.0,
            created_since=100.0,
            created_until=101.0,
            id_prefix="match-",
            tag="vip",
        )
        assert _is(storage.find(query), [match.id], last=True)

    def test_newest_first(self, storage: Storage) -> None:
        """Runs come newest first, those of one instant by descending id, in whatever order they were created."""
        for run_id, at in (("b", 2.0), ("a", 1.0), ("c", 2.0), ("d", 0.5), ("e", 3.0)):
            storage.create(RUN._replace(id=run_id, created_at=at))
        assert _ids(storage, Query()) == ["e", "c", "b", "a", "d"]
        assert _ids(storage, Query(workflow="order")) == ["e", "c", "b", "a", "d"]

    def test_earliest_due_first(self, storage: Storage) -> None:
        """Due runs come earliest `wake_at` first, those of one instant by ascending id."""
        for run_id, at in (("b", 2.0), ("a", 3.0), ("c", 2.0), ("d", 0.5)):
            storage.create(RUN._replace(id=run_id, wake_at=at))
        assert _ids(storage, Query(wake_before=9.0)) == ["d", "b", "c", "a"]
        assert _ids(storage, Query(wake_before=9.0, workflow="order")) == ["d", "b", "c", "a"]

    def test_a_run_is_due_at_its_instant(self, storage: Storage) -> None:
        """A run whose `wake_at` is the asked instant is due; one the smallest step later is not."""
        storage.create(RUN._replace(id="due", wake_at=1_760_000_000.25))
        storage.create(RUN._replace(id="later", wake_at=1_760_000_000.2500002))
        assert _ids(storage, Query(wake_before=1_760_000_000.25)) == ["due"]

    def test_an_ended_run_is_never_due(self, storage: Storage) -> None:
        """A run without `wake_at` is not due, at whatever time."""
        storage.create(RUN._replace(wake_at=None))
        assert _ids(storage, Query(wake_before=1e18)) == []

    def test_a_run_that_ends_is_due_no_more(self, storage: Storage) -> None:
        """The save that takes `wake_at` away takes the run from among the due."""
        storage.create(RUN)
        storage.save(RUN._replace(revision=2, wake_at=None), replaces=1)
        assert _ids(storage, Query(wake_before=1e18)) == []

    def test_a_run_that_is_moved_is_due_later(self, storage: Storage) -> None:
        """The save that moves `wake_at` moves the run among the due, and back again."""
        storage.create(RUN)
        storage.save(RUN._replace(revision=2, wake_at=300.0), replaces=1)
        assert _ids(storage, Query(wake_before=160.0)) == []
        storage.save(RUN._replace(revision=3, wake_at=10.0), replaces=2)
        assert _ids(storage, Query(wake_before=160.0)) == [RUN.id]

    def test_a_page_holds_the_limit_at_most(self, storage: Storage) -> None:
        """A page with more behind it is full and has a cursor."""
        _create(storage, 3)
        assert _is(storage.find(Query(limit=2)), ["run-2", "run-1"], last=False)

    def test_a_full_page_may_be_the_last(self, storage: Storage) -> None:
        """A page with nothing behind it has no cursor, be it as full as it may."""
        _create(storage, 3)
        assert _is(storage.find(Query(limit=3)), ["run-2", "run-1", "run-0"], last=True)
        assert _is(storage.find(Query(limit=1_000_000)), ["run-2", "run-1", "run-0"], last=True)

    def test_a_page_holds_something(self, storage: Storage) -> None:
        """A limit below 1 is an error of the caller, not a page that never ends."""
        for limit in (0, -1):
            with raises(InvalidInput) as caught:
                storage.find(Query(limit=limit))
            assert caught[0].path == "limit"

    def test_pages_of_newest_first_give_each_record_once(self, storage: Storage) -> None:
        """Following the cursors gives each record once, in order, through ties and at any page size."""
        _create(storage, 10, tie=3)
        everything = _ids(storage, Query())
        for limit in (1, 2, 3, 9, 10, 11):
            assert [record.id for record in _follow(storage, Query(limit=limit))] == everything

    def test_pages_of_due_runs_give_each_record_once(self, storage: Storage) -> None:
        """The same holds for due runs."""
        _create(storage, 10, tie=3)
        everything = _ids(storage, Query(wake_before=1e9))
        for limit in (1, 2, 3, 9, 10, 11):
            query = Query(wake_before=1e9, limit=limit)
            assert [record.id for record in _follow(storage, query)] == everything

    def test_pages_keep_to_the_conditions(self, storage: Storage) -> None:
        """A condition holds on every page."""
        _create(storage, 9)
        for number in range(9):
            storage.create(RUN._replace(id=f"other-{number}", workflow="other", created_at=float(number)))
        found = [record.id for record in _follow(storage, Query(workflow="order", id_prefix="run-", limit=2))]
        assert found == [f"run-{number}" for number in reversed(range(9))]

    def test_pages_stay_whole_while_runs_are_created(self, storage: Storage) -> None:
        """Runs that are created between two pages, on whichever side, neither hide nor repeat another."""
        _create(storage, 9)
        seen = []
        for number, record in enumerate(_follow(storage, Query(id_prefix="run-", limit=2))):
            seen.append(record.id)
            storage.create(RUN._replace(id=f"late-new-{number}", created_at=1000.0 + number))
            storage.create(RUN._replace(id=f"late-old-{number}", created_at=-1.0 - number))
        assert seen == [f"run-{number}" for number in reversed(range(9))]

    def test_due_pages_stay_whole_while_runs_are_claimed(self, storage: Storage) -> None:
        """Runs that are taken out of the due between two pages do not hide another."""
        _create(storage, 9)
        seen = []
        for record in _follow(storage, Query(wake_before=1e9, limit=2)):
            seen.append(record.id)
            storage.save(record._replace(revision=2, wake_at=None), replaces=1)
        assert seen == [f"run-{number}" for number in range(9)]

    def test_a_made_up_cursor_is_refused(self, storage: Storage) -> None:
        """A cursor that no store gave is an error that says so."""
        for cursor in (
            "",
            "x",
            "%%%",
            "bm90IGEgY3Vyc29y",
            "été",
            "W10=",
            "WyJuZXdlc3QiLDEsIngiXQ==",
            "A" * 10_000,
        ):
            with raises(InvalidInput) as caught:
                storage.find(Query(cursor=cursor))
            assert caught[0].path == "cursor"

    def test_a_cursor_of_another_order_is_refused(self, storage: Storage) -> None:
        """A cursor from among due runs does not page the newest, nor the other way round."""
        _create(storage, 3)
        due, newest = Query(wake_before=1e9, limit=1), Query(limit=1)
        for query, foreign in ((due, storage.find(newest).cursor), (newest, storage.find(due).cursor)):
            with raises(InvalidInput) as caught:
                storage.find(query._replace(cursor=foreign))
            assert caught[0].path == "cursor"


def _create(storage: Storage, count: int, *, tie: int = 1) -> None:
    """Create runs `run-0`, `run-1` and so on, `tie` of them at each instant."""
    for number in range(count):
        at = float(number // tie)
        storage.create(RUN._replace(id=f"run-{number}", created_at=at, wake_at=at))


def _ids(storage: Storage, query: Query) -> list[str]:
    return [record.id for record in storage.find(query).records]


def _is(page: RecordPage, ids: list[str], *, last: bool) -> bool:
    return [record.id for record in page.records] == ids and (page.cursor is None) is last


def _follow(storage: Storage, query: Query) -> Iterator[Record]:
    """Yield the records of the query's pages, each page found when the one before has been consumed."""
    page = storage.find(query)
    yield from page.records
    while page.cursor is not None:
        page = storage.find(query._replace(cursor=page.cursor))
        yield from page.records
