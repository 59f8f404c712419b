"""Looking at runs, listing them, deleting them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from core.conftest import START, Death, die

from flux_core import Conflict, Context, InvalidInput, RunBusy, RunNotFound, RunStatus, StoreError, Workflow
from flux_core.storage import MemoryStorage
from flux_core.testing._stepping import SteppingEngine

if TYPE_CHECKING:
    from core.conftest import AnyEngine, Clock, MakeEngine

    from flux_core.storage import Record, Storage

Ctx = Context[Any, Any]

LARGE = "x" * 20_000


def one(ctx: Ctx) -> int:
    """Return 1."""
    return 1


@pytest.fixture
def filled(make_engine: MakeEngine, any_store: Storage, clock: Clock) -> AnyEngine:
    """Give an engine over runs w0 completed, v1 failed, w2 pending, w3 running, a second apart."""
    engine = make_engine(any_store)
    engine.execute(Workflow("w").step("a", one), {}, id="w0")
    clock.advance(1)
    engine.execute(Workflow("v").step("a", lambda ctx: 1 / 0), {}, id="v1")
    clock.advance(1)
    engine.start(Workflow("w").step("a", one), {}, id="w2")
    clock.advance(1)
    with pytest.raises(Death):
        engine.execute(Workflow("w").step("a", die), {}, id="w3")
    return engine


def test_a_run_that_is_not_there_is_none(engine: AnyEngine) -> None:
    """`get` raises nothing."""
    assert engine.get("x") is None


def test_a_held_run_says_until_when(filled: AnyEngine, clock: Clock) -> None:
    """The lease of the worker is seen from outside."""
    run = filled.run("w3")
    assert (run.status, run.held_until, run.wake_at) == ("running", clock.time() + 60, clock.time() + 60)


def test_runs_come_newest_first(filled: AnyEngine) -> None:
    """Without a filter every run is listed."""
    page = filled.list()
    assert ([run.id for run in page], len(page), page.cursor) == (["w3", "w2", "v1", "w0"], 4, None)


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        ({"workflow": "v"}, ["v1"]),
        ({"workflow": "u"}, []),
        ({"status": "completed"}, ["w0"]),
        ({"status": RunStatus.FAILED}, ["v1"]),
        ({"status": ["failed", RunStatus.RUNNING]}, ["w3", "v1"]),
        ({"status": []}, []),
        ({"workflow": "w", "status": "pending"}, ["w2"]),
        ({"since": START + 1}, ["w3", "w2", "v1"]),
        ({"until": START + 1}, ["w0"]),
        ({"since": START + 1, "until": START + 3}, ["w2", "v1"]),
        ({"since": datetime.fromtimestamp(START + 2, UTC)}, ["w3", "w2"]),
        ({"until": datetime.fromtimestamp(START + 2, UTC)}, ["v1", "w0"]),
    ],
)
def test_runs_are_filtered(filled: AnyEngine, options: dict[str, Any], ids: list[str]) -> None:
    """By workflow, by one status or several, and by the time of their creation."""
    assert [run.id for run in filled.list(**options)] == ids


def test_pages_follow_one_another(filled: AnyEngine) -> None:
    """Following the cursors gives each run once."""
    first = filled.list(limit=3)
    second = filled.list(limit=3, cursor=first.cursor)
    assert ([run.id for run in first], [run.id for run in second]) == (["w3", "w2", "v1"], ["w0"])
    assert (first.cursor is None, second.cursor) == (False, None)


def test_a_page_says_how_much_it_is(filled: AnyEngine) -> None:
    """The repr counts, and says whether there is more."""
    assert repr(filled.list(limit=3)) == "<Page of 3 runs, more follow>"
    assert repr(filled.list()) == "<Page of 4 runs>"


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": -1}, "limit"),
        ({"cursor": "nonsense"}, "cursor"),
        ({"cursor": ""}, "cursor"),
        ({"status": "done"}, "status"),
        ({"status": ["completed", "done"]}, "status"),
    ],
)
def test_a_query_that_cannot_be_is_refused(filled: AnyEngine, options: dict[str, Any], path: str) -> None:
    """The error names the option."""
    with pytest.raises(InvalidInput) as caught:
        filled.list(**options)
    assert caught.value.path == path


def test_an_unknown_status_is_named_with_those_there_are(engine: AnyEngine) -> None:
    """The error lists the statuses."""
    with pytest.raises(
        InvalidInput, match="pending, running, suspended, paused, completed, failed, cancelled"
    ):
        engine.list(status="done")


@pytest.mark.parametrize("id", ["w0", "v1", "w2"])
def test_a_run_that_nobody_holds_is_deleted(filled: AnyEngine, id: str) -> None:
    """It is gone, and its id is free."""
    filled.delete(id)
    assert filled.get(id) is None
    assert filled.execute(Workflow("u").step("a", one), {"other": True}, id=id).status == "completed"


def test_a_held_run_is_not_deleted(filled: AnyEngine, clock: Clock) -> None:
    """Until its lease ends a worker may be at it."""
    clock.advance(59)
    with pytest.raises(RunBusy, match=r"run 'w3' is held by worker \w+ until 13:47:43Z") as caught:
        filled.delete("w3")
    assert caught.value.until == clock.time() + 1
    clock.advance(1)
    filled.delete("w3")
    assert filled.get("w3") is None


def test_a_run_that_is_not_there_is_not_deleted(engine: AnyEngine) -> None:
    """The error says where to look."""
    with pytest.raises(RunNotFound, match=r"no run 'x' in the store"):
        engine.delete("x")


class Restless(MemoryStorage):
    """A store in which a run's blobs go, and something else happens, when a run is being read."""

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile: list[Record | None] = []

    def get_blob(self, run_id: str, key: str) -> bytes:
        """Lose the blob while there is something that happens meanwhile."""
        if self.meanwhile:
            later = self.meanwhile.pop()
            self._records.pop(run_id)
            if later is not None:
                self._records[run_id] = later
            self._blobs.get(run_id, {}).pop(key)
        return super().get_blob(run_id, key)


def test_a_reader_that_misses_a_blob_reads_the_run_again(make_engine: MakeEngine) -> None:
    """A later revision, which does not refer to the blob any more, is what it gets."""
    store = Restless()
    engine = make_engine(store)
    workflow = Workflow("w").step("a", lambda ctx: ctx.data.update(v=LARGE)).step("b", die)
    with pytest.raises(Death):
        engine.execute(workflow, {}, id="x")
    engine.start(Workflow("w").step("a", one), {}, id="y")
    store.meanwhile = [store._records["y"]._replace(id="x", revision=9)]
    assert engine.run("x").revision == 9


def test_a_reader_of_a_run_that_is_being_deleted_finds_none(make_engine: MakeEngine) -> None:
    """What is gone when its blobs are looked for is gone."""
    store = Restless()
    engine = make_engine(store)
    engine.execute(Workflow("w").step("a", lambda ctx: LARGE), {}, id="x")
    store.meanwhile = [None]
    assert engine.get("x") is None


def test_a_blob_that_is_gone_for_good_is_an_error_of_the_store(make_engine: MakeEngine) -> None:
    """The error names the run and the blob."""
    store = MemoryStorage()
    engine = make_engine(store)
    engine.execute(Workflow("w").step("a", lambda ctx: LARGE), {}, id="x")
    store.delete_blobs("x")
    with pytest.raises(StoreError, match=r"run 'x' cannot be read: .*has no blob"):
        engine.get("x")


def test_a_run_that_is_deleted_while_it_is_listed_is_left_out(make_engine: MakeEngine) -> None:
    """What was found and is gone when its blobs are looked for is not there."""
    store = Restless()
    engine = make_engine(store)
    engine.execute(Workflow("w").step("a", lambda ctx: LARGE), {}, id="x")
    store.meanwhile = [None]
    assert list(engine.list()) == []


def test_a_run_that_moves_on_while_it_is_being_deleted_is_looked_at_again(make_engine: MakeEngine) -> None:
    """Who deletes must have seen what is deleted."""
    store = MemoryStorage()
    engine = make_engine(store)
    engine.start(Workflow("w").step("a", lambda ctx: 1), {}, id="x")
    delete: Any = SteppingEngine(store).delete
    call = delete("x")
    call.step()
    assert engine.resume(Workflow("w").step("a", lambda ctx: 1), "x").status == "completed"
    call.finish()
    assert engine.get("x") is None


def test_a_run_that_moves_on_again_and_again_is_not_deleted(make_engine: MakeEngine) -> None:
    """Whoever deletes gives up after a while, and says so."""

    class Contended(MemoryStorage):
        def save(self, record: Record, *, replaces: int) -> None:
            raise Conflict("somebody else was faster")

    engine = make_engine(Contended())
    engine.start(Workflow("w").step("a", lambda ctx: 1), {}, id="x")
    with pytest.raises(RunBusy, match="again and again"):
        engine.delete("x")


@pytest.mark.parametrize("condition", ["workflow", "tag", "id_prefix"])
def test_a_condition_on_text_takes_nothing_else(engine: AnyEngine, condition: str) -> None:
    """A number for a name is refused, and named."""
    with pytest.raises(InvalidInput, match=f"{condition}: expected a str, got 5"):
        engine.list(**{condition: 5})
