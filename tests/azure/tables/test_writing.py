"""What a write sends: one request, in which a run and its entries are changed together."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
from requests import ReadTimeout

from flux_azure._tables.keys import entries_of, run_key, shard_of
from flux_core import Conflict, Context, Engine, RunExists, RunStatus, StoreError, Workflow
from flux_core.storage import Query, Record

from .weather import Sent, answers, row_keys, tables

if TYPE_CHECKING:
    from collections.abc import Callable

    from requests import PreparedRequest, Response

    from flux_azure import TableStorage

pytestmark = pytest.mark.xdist_group("azurite")

RUN = Record("order-1", "order", RunStatus.RUNNING, 1, "w", 160.0, 100.0, 100.0, b"{}", ("vip",))
NEXT = RUN._replace(revision=2, writer="w2", document=b"next")
READ, ALONE = Sent("GET", batch=False, entities=0), Sent("PUT", batch=False, entities=1)


def together(entities: int) -> Sent:
    """Return the request that writes so many entities, all or none."""
    return Sent("POST", batch=True, entities=entities)


def keys(record: Record) -> list[str]:
    """Return the row keys that a table has that holds this run alone."""
    return sorted([run_key(record.id), *entries_of(record)])


def order() -> Workflow[Any, Any]:
    """Return a workflow of four nodes, two of them commits."""

    def done(ctx: Context[Any, Any]) -> str:
        return "done"

    flow: Workflow[Any, Any] = Workflow("order")
    return flow.step("check", done).commit("charge", done).step("pack", done).commit("ship", done)


def test_a_four_step_run_is_five_requests(storage: TableStorage) -> None:
    """A run of four nodes writes nine entities in five requests: created with its entries, ended with one less."""
    network = tables(storage)
    assert Engine(storage).execute(order(), {}, id="order-1").status is RunStatus.COMPLETED
    assert network.sent == [together(4), ALONE, ALONE, ALONE, together(2)]


def test_a_run_that_notes_commits_only_is_three_requests(storage: TableStorage) -> None:
    """Where only commits are noted, the same run writes seven entities in three requests."""
    network = tables(storage)
    Engine(storage, checkpoint="commit").execute(order(), {}, id="order-1")
    assert network.sent == [together(4), ALONE, together(2)]


def test_a_request_is_not_logged_unasked(storage: TableStorage, caplog: pytest.LogCaptureFixture) -> None:
    """A function app, which sends on what is logged at INFO, is not made to send thirty lines a request."""
    with caplog.at_level(logging.INFO):
        storage.create(RUN)
    assert caplog.records == []


def test_a_run_that_is_moved_takes_its_entry_along(storage: TableStorage) -> None:
    """A save that moves `wake_at` writes the run, its new entry and the end of its old one, at once."""
    storage.create(RUN)
    network = tables(storage)
    moved = NEXT._replace(wake_at=500.0)
    storage.save(moved, replaces=1)
    assert network.sent == [together(3)]
    assert row_keys(storage) == keys(moved)


def test_a_failed_run_has_an_entry_until_it_is_retried(storage: TableStorage) -> None:
    """A run that waits for a person is among the failed ones, and is so no more once it goes on."""
    storage.create(RUN)
    failed = NEXT._replace(status=RunStatus.FAILED, wake_at=None)
    storage.save(failed, replaces=1)
    assert row_keys(storage) == keys(failed)
    assert any(key.startswith("failed|") for key in keys(failed))

    again = RUN._replace(revision=3)
    storage.save(again, replaces=2)
    assert row_keys(storage) == keys(again)


def test_a_deleted_run_leaves_nothing(storage: TableStorage) -> None:
    """A run goes in one request with all its entries, be they of a failed run that is due."""
    storage.create(RUN._replace(status=RunStatus.FAILED))
    storage.delete(RUN.id)
    assert row_keys(storage) == []


def test_a_run_that_was_not_seen_is_read_before_it_is_saved(opened: Callable[..., TableStorage]) -> None:
    """A process that has never seen a run's version looks it up, and compares the revision itself."""
    opened().create(RUN)
    stranger = opened()
    network = tables(stranger)
    with pytest.raises(Conflict):
        stranger.save(NEXT._replace(revision=8), replaces=7)
    assert network.sent == [READ]
    stranger.save(NEXT, replaces=1)
    assert network.sent == [READ, READ, ALONE]
    assert stranger.load(RUN.id) == NEXT._replace(tags=("vip",))


def lose_the_answer_to(storage: TableStorage, method: str) -> None:
    """Have the first answer to a request of that kind lost."""
    lost: list[str] = []

    def lose(request: PreparedRequest) -> None:
        if request.method == method and not lost:
            lost.append(str(request.url))
            raise ReadTimeout("injected")

    tables(storage, after=lose)


def test_a_run_whose_answers_break_off_ends_well(storage: TableStorage) -> None:
    """Of a run's first and last write, each a batch, the answer ends midway: each is recognised when it is repeated."""
    seen: list[bool] = []

    def cuts(request: PreparedRequest) -> bool:
        seen.append(request.method == "POST")
        return seen[-1] and seen.count(True) % 2 == 1

    network = tables(storage, cuts=cuts)
    charged: list[str] = []
    flow: Workflow[Any, Any] = Workflow("order")
    result = Engine(storage).execute(
        flow.commit("charge", lambda ctx: charged.append(ctx.key)), {}, id=RUN.id
    )
    assert (result.status, len(charged), network.sent.count(together(4))) == (RunStatus.COMPLETED, 1, 2)
    stored = storage.load(RUN.id)
    assert stored is not None
    assert stored.status is RunStatus.COMPLETED


def test_a_read_whose_answer_breaks_off_is_repeated(storage: TableStorage) -> None:
    """A single entity of which half has come is asked for again."""
    storage.create(RUN)
    cuts = iter([True])
    network = tables(storage, cuts=lambda request: next(cuts, False))
    assert storage.load(RUN.id) == RUN
    assert network.sent == [READ, READ]


def test_a_creation_whose_answer_is_lost_is_recognised(storage: TableStorage) -> None:
    """A run that is created twice, because the answer was lost, is refused by itself: revision and writer say so."""
    lose_the_answer_to(storage, "POST")
    with pytest.raises(RunExists) as caught:
        storage.create(RUN)
    assert caught.value.record == RUN


@pytest.mark.parametrize(("wake_at", "method"), [(160.0, "PUT"), (500.0, "POST")])
def test_a_save_whose_answer_is_lost_is_recognised(
    storage: TableStorage, wake_at: float, method: str
) -> None:
    """A save that is sent again, because its answer was lost, is a conflict; the writer that stands is its own."""
    storage.create(RUN)
    lose_the_answer_to(storage, method)
    record = NEXT._replace(wake_at=wake_at)
    with pytest.raises(Conflict):
        storage.save(record, replaces=1)
    assert storage.load(RUN.id) == record
    assert row_keys(storage) == keys(record)


def test_a_run_that_is_saved_while_it_is_deleted_is_deleted_whole(
    opened: Callable[..., TableStorage],
) -> None:
    """A run that is moved between the look at it and its deletion leaves no entry behind."""
    storage, other = opened(), opened()
    storage.create(RUN)
    moved: list[bool] = []

    def move(request: PreparedRequest) -> None:
        if request.method == "POST" and not moved:
            moved.append(True)
            other.save(NEXT._replace(wake_at=500.0), replaces=1)

    tables(storage, before=move)
    storage.delete(RUN.id)
    assert row_keys(storage) == []


def remove(storage: TableStorage, prefix: str) -> None:
    """Remove an entry of the run by hand."""
    (key,) = (key for key in row_keys(storage) if key.startswith(prefix))
    storage._requests.delete(shard_of(RUN.id), key)


def test_a_run_whose_entry_was_removed_by_hand_goes_on(storage: TableStorage) -> None:
    """An entry that somebody has taken out of the table keeps no save from taking it out, and comes back."""
    storage.create(RUN)
    remove(storage, "due|")
    moved = NEXT._replace(wake_at=500.0)
    storage.save(moved, replaces=1)
    assert row_keys(storage) == keys(moved)
    assert storage.find(Query(wake_before=1e9)).records == [moved]


def test_a_run_whose_entry_was_removed_by_hand_is_deleted(storage: TableStorage) -> None:
    """An entry that somebody has taken out of the table keeps no run from being deleted."""
    storage.create(RUN)
    remove(storage, "new|")
    storage.delete(RUN.id)
    assert row_keys(storage) == []


def test_a_run_that_cannot_be_read_is_deleted_whole(storage: TableStorage) -> None:
    """What a newer Flux has written can be deleted, with its entries; and what is none of Flux, alone."""
    storage.create(RUN)
    run = {"PartitionKey": shard_of(RUN.id), "RowKey": run_key(RUN.id)}
    storage._requests._client.update_entity({**run, "v": 2})
    storage.delete(RUN.id)
    assert row_keys(storage) == []
    storage._requests.put({**run, "price": 3})
    storage.delete(RUN.id)
    assert row_keys(storage) == []


def test_a_run_that_is_always_in_the_way_is_told(storage: TableStorage) -> None:
    """A service that refuses a write, and says that nothing has changed, is not asked for ever."""
    storage.create(RUN)

    def refuse(request: PreparedRequest) -> Response | None:
        return None if request.method == "GET" else answers(412, "UpdateConditionNotSatisfied")

    network = tables(storage, before=refuse)
    told = "run 'order-1' was changed each of the 10 times when it was to be written; try again"
    with pytest.raises(StoreError, match=told):
        storage.save(NEXT, replaces=1)
    assert network.sent == [ALONE, READ] * 10
    with pytest.raises(StoreError, match=told):
        storage.delete(RUN.id)
    assert storage.load(RUN.id) == RUN


def test_a_run_that_a_newer_flux_has_taken_over_is_a_conflict(opened: Callable[..., TableStorage]) -> None:
    """A save over what this Flux cannot read is refused like any other, and overwrites nothing."""
    storage = opened()
    storage.create(RUN)
    newer = {"PartitionKey": shard_of(RUN.id), "RowKey": run_key(RUN.id), "v": 2}
    opened()._requests._client.update_entity(newer)
    with pytest.raises(Conflict):
        storage.save(NEXT, replaces=1)
    with pytest.raises(StoreError, match="newer Flux"):
        storage.load(RUN.id)


def test_a_run_that_is_deleted_while_it_is_saved_is_a_conflict(opened: Callable[..., TableStorage]) -> None:
    """A save of a run that has gone creates nothing."""
    storage = opened()
    storage.create(RUN)
    opened().delete(RUN.id)
    for wake_at in (160.0, 500.0):
        with pytest.raises(Conflict):
            storage.save(NEXT._replace(wake_at=wake_at), replaces=1)
    assert row_keys(storage) == []
