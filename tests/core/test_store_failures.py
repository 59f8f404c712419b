"""A store that fails: lost answers, lost writes, and stores that stay away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from flux_core import Context, RunBusy, StoreError, Workflow
from flux_core.storage import MemoryStorage

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.conftest import Clock, MakeEngine

    from flux_core.storage import Record

Ctx = Context[Any, Any]

LARGE = "x" * 20_000
PAUSES = [0.05, 0.2]


class Failing(MemoryStorage):
    """A store that fails calls of one method: `-` before the write, `+` after it; `.` lets it pass."""

    def __init__(self, method: str, calls: str, *, for_ever: bool = False) -> None:
        super().__init__()
        self.method = method
        self.calls = list(calls)
        self.for_ever = for_ever

    def create(self, record: Record) -> None:
        """Store a new run, or fail."""
        self._call("create", super().create, record)

    def save(self, record: Record, *, replaces: int) -> None:
        """Replace a run, or fail."""
        self._call("save", super().save, record, replaces=replaces)

    def put_blob(self, run_id: str, key: str, value: bytes) -> None:
        """Store a blob, or fail."""
        self._call("put_blob", super().put_blob, run_id, key, value)

    def _call(self, method: str, write: Callable[..., None], *arguments: Any, **options: Any) -> None:
        if method != self.method or not self.calls:
            write(*arguments, **options)
            return
        how = self.calls[0] if self.for_ever else self.calls.pop(0)
        if how != "-":
            write(*arguments, **options)
        if how != ".":
            raise StoreError("the store did not answer")


class Handlers:
    """A workflow of three nodes that counts its calls and stores a large value."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def work(self, ctx: Ctx) -> str:
        """Return a large value of the step's own."""
        self.calls.append(ctx.step)
        return ctx.step + LARGE

    @property
    def flow(self) -> Workflow[Any, Any]:
        """The workflow."""
        return Workflow("w").step("a", self.work).commit("b", self.work).step("c", self.work)


@pytest.mark.parametrize("method", ["create", "save", "put_blob"])
@pytest.mark.parametrize("calls", ["-", "+", "--", "++", "-+", "+-", ".-", ".+", "..+"])
def test_a_write_whose_answer_was_lost_is_sent_again(
    make_engine: MakeEngine, clock: Clock, method: str, calls: str
) -> None:
    """Whether the first one stood or not, the run completes, and each node has run once."""
    handlers = Handlers()
    store = Failing(method, calls)
    result = make_engine(store).execute(handlers.flow, {}, id="x")
    assert (result.status, handlers.calls) == ("completed", ["a", "b", "c"])
    run = make_engine(store).run("x")
    assert (run.revision, [record.output[0] for record in run.history]) == (4, ["a", "b", "c"])


def test_a_write_is_sent_again_after_a_pause(make_engine: MakeEngine, clock: Clock) -> None:
    """The second pause is longer than the first."""
    make_engine(Failing("save", "--")).execute(Handlers().flow, {})
    assert clock.slept == PAUSES


def test_a_lost_answer_costs_no_second_revision(make_engine: MakeEngine) -> None:
    """The write that stood is recognised as one's own, and not written over."""
    store = Failing("save", "+")
    make_engine(store).execute(Handlers().flow, {}, id="x")
    assert store._records["x"].revision == 4


@pytest.mark.parametrize("method", ["create", "put_blob"])
def test_a_store_that_stays_away_at_the_creation_leaves_nothing(
    make_engine: MakeEngine, clock: Clock, method: str
) -> None:
    """After the third try the error is the caller's, no handler has run, and the id is free."""
    handlers = Handlers()
    store = Failing(method, "-", for_ever=True)
    with pytest.raises(StoreError, match="did not answer"):
        make_engine(store).execute(handlers.flow, {"v": LARGE}, id="x")
    assert (store.load("x"), handlers.calls, clock.slept) == (None, [], PAUSES)


@pytest.mark.parametrize("method", ["save", "put_blob"])
def test_a_store_that_stays_away_later_leaves_the_run_as_it_was(
    make_engine: MakeEngine, clock: Clock, method: str
) -> None:
    """Nothing half is written; the run is taken over when the lease has ended."""
    handlers = Handlers()
    store = Failing(method, "-", for_ever=True)
    with pytest.raises(StoreError, match="did not answer"):
        make_engine(store).execute(handlers.flow, {}, id="x")
    assert (store._records["x"].revision, store._records["x"].status) == (1, "running")
    assert (handlers.calls, clock.slept) == (["a"], PAUSES)
    store.calls = []
    clock.advance(60)
    result = make_engine(store).resume(handlers.flow, "x")
    assert (result.status, handlers.calls) == ("completed", ["a", "a", "b", "c"])


def test_a_creation_that_stood_at_the_last_try_is_a_run(make_engine: MakeEngine, clock: Clock) -> None:
    """The caller gets the error; the run is held, and recovered as one whose worker was lost."""
    handlers = Handlers()
    store = Failing("create", "--+")
    engine = make_engine(store)
    with pytest.raises(StoreError):
        engine.execute(handlers.flow, {}, id="x")
    with pytest.raises(RunBusy):
        engine.execute(handlers.flow, {}, id="x")
    clock.advance(60)
    assert engine.tick([handlers.flow]).completed == 1
    assert handlers.calls == ["a", "b", "c"]


def test_a_save_that_stood_at_the_last_try_counts(make_engine: MakeEngine, clock: Clock) -> None:
    """The caller gets the error; the node has completed, and does not run again."""
    handlers = Handlers()
    store = Failing("save", "--+")
    engine = make_engine(store)
    with pytest.raises(StoreError):
        engine.execute(handlers.flow, {}, id="x")
    clock.advance(60)
    assert engine.resume(handlers.flow, "x").status == "completed"
    assert handlers.calls == ["a", "b", "c"]


def test_an_end_that_stood_at_the_last_try_is_found_by_the_next_call(make_engine: MakeEngine) -> None:
    """Delivering the event again returns the result."""
    handlers = Handlers()
    store = Failing("save", "..--+")
    engine = make_engine(store)
    with pytest.raises(StoreError):
        engine.execute(handlers.flow, {}, id="x")
    assert engine.execute(handlers.flow, {}, id="x").status == "completed"
    assert handlers.calls == ["a", "b", "c"]


def test_a_started_run_survives_a_lost_answer(make_engine: MakeEngine) -> None:
    """Its creation is recognised as one's own."""
    handlers = Handlers()
    engine = make_engine(Failing("create", "+"))
    assert engine.start(handlers.flow, {}, id="x").status == "pending"
    assert engine.tick([handlers.flow]).completed == 1


def test_a_failed_save_of_a_failure_is_sent_again(make_engine: MakeEngine) -> None:
    """A run that fails while the store does not answer is stored as failed."""
    store = Failing("save", "+")
    engine = make_engine(store)
    engine.execute(Workflow("w").step("a", lambda ctx: 1 / 0), {}, id="x")
    assert engine.run("x").status == "failed"


def test_an_error_of_a_read_is_the_callers(make_engine: MakeEngine) -> None:
    """A read is not repeated by the engine."""

    class Away(MemoryStorage):
        def load(self, run_id: str) -> Record | None:
            raise StoreError("away")

    with pytest.raises(StoreError, match="away"):
        make_engine(Away()).get("x")
