"""The same id twice is one run, wherever it stands; starting, resuming, and delivering again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from core.conftest import Death, die

from flux_core import (
    Context,
    DefinitionChanged,
    Engine,
    Fatal,
    InputMismatch,
    InvalidId,
    Retry,
    RunBusy,
    RunNotFound,
    StoreError,
    Workflow,
)
from flux_core.storage import MemoryStorage

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.conftest import AnyEngine, Clock, MakeEngine

    from flux_core.storage import Record, Storage

Ctx = Context[Any, Any]


class Counted:
    """A handler that counts its calls, and fails the first so many of them."""

    def __init__(self, failures: int = 0, error: type[Exception] = ValueError) -> None:
        self.calls = 0
        self.failures = failures
        self.error = error

    def __call__(self, ctx: Ctx) -> int:
        """Return the number of the call, or fail."""
        self.calls += 1
        if self.calls <= self.failures:
            raise self.error
        return self.calls


def test_a_completed_run_is_not_run_again(make_engine: MakeEngine, any_store: Storage) -> None:
    """The second call gets the result of the first, also in another process."""
    handler = Counted()
    workflow = Workflow("w").step("a", handler)
    first = make_engine(any_store).execute(workflow, {"k": 1}, id="x")
    second = make_engine(any_store).execute(workflow, {"k": 1}, id="x")
    assert (second.status, second.results, second.data) == (first.status, first.results, first.data)
    assert handler.calls == 1


def test_a_failed_run_is_not_run_again(engine: AnyEngine) -> None:
    """The second call gets the failure of the first."""
    handler = Counted(failures=1)
    workflow = Workflow("w").step("a", handler)
    first = engine.execute(workflow, {}, id="x")
    second = engine.execute(workflow, {}, id="x")
    assert (second.status, second.error, handler.calls) == ("failed", first.error, 1)


def test_a_failed_run_is_retried_for_a_source_that_delivers_again(engine: AnyEngine) -> None:
    """With `retry_failed` the failed step runs again, and what completed before does not."""
    before, handler = Counted(), Counted(failures=1)
    workflow = Workflow("w").step("a", before).step("b", handler)
    engine.execute(workflow, {}, id="x", retry_failed=True)
    result = engine.execute(workflow, {}, id="x", retry_failed=True)
    assert (result.status, result.results, before.calls) == ("completed", {"a": 1, "b": 2}, 1)


def test_a_fatal_failure_is_not_retried_for_a_source_that_delivers_again(engine: AnyEngine) -> None:
    """What no retry can help is acknowledged."""
    handler = Counted(failures=1, error=Fatal)
    workflow = Workflow("w").step("a", handler)
    engine.execute(workflow, {}, id="x")
    assert engine.execute(workflow, {}, id="x", retry_failed=True).status == "failed"
    assert handler.calls == 1


def test_a_completed_run_is_not_retried_for_a_source_that_delivers_again(engine: AnyEngine) -> None:
    """`retry_failed` means failed runs alone."""
    handler = Counted()
    workflow = Workflow("w").step("a", handler)
    engine.execute(workflow, {}, id="x")
    assert engine.execute(workflow, {}, id="x", retry_failed=True).results == {"a": 1}
    assert handler.calls == 1


class Overtaken(MemoryStorage):
    """A store in which somebody else does something, once, just before a run is loaded or saved."""

    def __init__(self) -> None:
        super().__init__()
        self.overtake: Callable[[], object] | None = None

    def load(self, run_id: str) -> Record | None:
        """Let the other do it first."""
        self._let()
        return super().load(run_id)

    def save(self, record: Record, *, replaces: int) -> None:
        """Let the other do it first."""
        self._let()
        super().save(record, replaces=replaces)

    def _let(self) -> None:
        overtake, self.overtake = self.overtake, None
        if overtake is not None:
            overtake()


@pytest.mark.parametrize("kind", ["step", "commit"])
def test_two_redeliveries_retry_a_failed_step_once(clock: Clock, kind: str) -> None:
    """Whoever finds the run completed by the other returns it, and runs nothing."""
    store, handler = Overtaken(), Counted(failures=1)
    workflow = getattr(Workflow("w"), kind)("a", handler)
    engine = Engine(store, clock=clock)
    engine.execute(workflow, {}, id="x")
    store.overtake = lambda: engine.execute(workflow, {}, id="x", retry_failed=True)
    result = engine.execute(workflow, {}, id="x", retry_failed=True)
    assert (result.status, handler.calls) == ("completed", 2)


def test_a_redelivery_that_loses_every_race_is_told_to_come_back(clock: Clock) -> None:
    """After ten lost races the caller is told to try again."""

    class Contended(MemoryStorage):
        def save(self, record: Record, *, replaces: int) -> None:
            stored = self._records[record.id]
            if stored.status == "failed":
                self._records[record.id] = stored._replace(revision=stored.revision + 1, writer="other")
            super().save(record, replaces=replaces)

    workflow = Workflow("w").step("a", Counted(failures=9))
    engine = Engine(Contended(), clock=clock)
    engine.execute(workflow, {}, id="x")
    with pytest.raises(RunBusy, match="again and again"):
        engine.execute(workflow, {}, id="x", retry_failed=True)


def test_a_redelivery_under_another_definition_is_refused(engine: AnyEngine) -> None:
    """A failed step that stands no more is named, as by any other way to go on."""
    engine.execute(Workflow("w").step("a", Counted(failures=1)), {}, id="x")
    with pytest.raises(DefinitionChanged, match="ran step 'a' as node 1"):
        engine.execute(Workflow("w").step("b", Counted()), {}, id="x", retry_failed=True)


def test_a_run_that_another_worker_holds_is_busy(
    make_engine: MakeEngine, any_store: Storage, clock: Clock
) -> None:
    """The error says until when, and how to look at the run."""
    with pytest.raises(Death):
        make_engine(any_store).execute(Workflow("w").step("a", die), {}, id="x")
    with pytest.raises(RunBusy, match="flux show x") as caught:
        make_engine(any_store).execute(Workflow("w").step("a", die), {}, id="x")
    assert caught.value.until == clock.time() + 60


def test_a_lost_run_is_taken_over_by_the_same_call(engine: AnyEngine, clock: Clock) -> None:
    """Delivering the event again is recovery enough."""
    with pytest.raises(Death):
        engine.execute(Workflow("w").step("a", die), {}, id="x")
    clock.advance(60)
    assert engine.execute(Workflow("w").step("a", Counted()), {}, id="x").results == {"a": 1}


def test_a_suspended_run_that_is_not_due_is_returned_as_it_stands(engine: AnyEngine, clock: Clock) -> None:
    """It is not woken before its time."""
    handler = Counted(failures=1)
    workflow = Workflow("w").step("a", handler, retries=Retry(1, initial=60, jitter="none"))
    first = engine.execute(workflow, {}, id="x")
    clock.advance(59)
    second = engine.execute(workflow, {}, id="x")
    assert (second.status, second.wake_at, handler.calls) == ("suspended", first.wake_at, 1)
    clock.advance(1)
    assert engine.execute(workflow, {}, id="x").status == "completed"


def test_a_pending_run_is_run(engine: AnyEngine) -> None:
    """A run that was started, and not run yet, is run by whoever comes first."""
    workflow = Workflow("w").step("a", Counted())
    engine.start(workflow, {"k": 1}, id="x")
    assert engine.execute(workflow, {"k": 1}, id="x").status == "completed"


@pytest.mark.parametrize("method", ["execute", "start"])
def test_another_input_under_the_same_id_is_refused(engine: AnyEngine, method: str) -> None:
    """The same id must mean the same input."""
    workflow = Workflow("w").step("a", Counted())
    engine.execute(workflow, {"k": 1}, id="x")
    with pytest.raises(InputMismatch, match=r"run 'x' was started with a different input"):
        getattr(engine, method)(workflow, {"k": 2}, id="x")


@pytest.mark.parametrize("method", ["execute", "start"])
def test_the_id_of_another_workflow_is_refused(engine: AnyEngine, method: str) -> None:
    """Ids are the store's, not a workflow's."""
    engine.execute(Workflow("w").step("a", Counted()), {}, id="x")
    with pytest.raises(InputMismatch, match=r"the id 'x' is taken by a run of workflow 'w'"):
        getattr(engine, method)(Workflow("v").step("a", Counted()), {}, id="x")


@dataclass
class Order:
    """An input."""

    id: str


@dataclass
class LaterOrder:
    """The same, with a field that came later."""

    id: str
    gift: bool = False


def test_a_field_that_came_later_is_no_other_input(engine: AnyEngine) -> None:
    """Both inputs are compared under the type as it is now."""
    engine.execute(Workflow("w", input=Order).step("a", Counted()), {"id": "o"}, id="x")
    later = Workflow("w", input=LaterOrder).step("a", Counted())
    assert engine.execute(later, {"id": "o"}, id="x").status == "completed"
    with pytest.raises(InputMismatch):
        engine.execute(later, {"id": "o", "gift": True}, id="x")


def test_the_order_of_keys_is_no_other_input(engine: AnyEngine) -> None:
    """Inputs are compared as values, not as text."""
    workflow = Workflow("w").step("a", Counted())
    engine.execute(workflow, {"a": 1, "b": 2}, id="x")
    assert engine.execute(workflow, {"b": 2, "a": 1}, id="x").status == "completed"


def test_a_started_run_waits_for_a_tick(make_engine: MakeEngine, any_store: Storage, clock: Clock) -> None:
    """It is stored as pending, due at once, held by nobody, and nothing has run."""
    handler = Counted()
    engine = make_engine(any_store)
    result = engine.start(Workflow("w").step("a", handler), {}, id="x", tags=["t"])
    run = engine.run("x")
    assert (result.status, result.results, result.data, result.wake_at) == ("pending", {}, {}, clock.time())
    assert (run.status, run.held_until, run.tags, run.history) == ("pending", None, ("t",), ())
    assert handler.calls == 0


def test_starting_twice_is_one_run(engine: AnyEngine) -> None:
    """The second call returns the run as it stands."""
    workflow = Workflow("w").step("a", Counted())
    engine.start(workflow, {}, id="x")
    assert engine.start(workflow, {}, id="x").status == "pending"
    engine.tick([workflow])
    assert engine.start(workflow, {}, id="x").results == {"a": 1}


def test_resume_runs_what_was_started(engine: AnyEngine) -> None:
    """A pending run can go on."""
    workflow = Workflow("w").step("a", Counted())
    engine.start(workflow, {}, id="x")
    assert engine.resume(workflow, "x").status == "completed"


@pytest.mark.parametrize("failures", [0, 1])
def test_resume_returns_what_has_ended(engine: AnyEngine, failures: int) -> None:
    """A completed or failed run is returned, and nothing runs."""
    handler = Counted(failures)
    workflow = Workflow("w").step("a", handler)
    first = engine.execute(workflow, {}, id="x")
    again = engine.resume(workflow, "x")
    assert (again.status, again.results, again.error) == (first.status, first.results, first.error)
    assert handler.calls == 1


def test_resume_returns_what_is_not_due(engine: AnyEngine) -> None:
    """A suspended run is left alone until its time."""
    workflow = Workflow("w").step("a", Counted(1), retries=Retry(1, initial=60, jitter="none"))
    engine.execute(workflow, {}, id="x")
    assert engine.resume(workflow, "x").status == "suspended"


@pytest.mark.parametrize("method", ["resume", "retry_step"])
def test_a_run_that_is_not_there_is_not_found(engine: AnyEngine, method: str) -> None:
    """The error says where to look."""
    arguments = ["a"] if method == "retry_step" else []
    with pytest.raises(RunNotFound, match=r"no run 'x' in the store"):
        getattr(engine, method)(Workflow("w").step("a", Counted()), "x", *arguments)


def test_a_run_of_another_workflow_is_not_found(engine: AnyEngine) -> None:
    """Whose run it is is said."""
    engine.execute(Workflow("w").step("a", Counted()), {}, id="x")
    with pytest.raises(RunNotFound, match=r"run 'x' is one of workflow 'w', not of 'v'"):
        engine.resume(Workflow("v").step("a", Counted()), "x")


def test_an_id_that_can_be_no_runs_is_refused(engine: AnyEngine) -> None:
    """Every method checks the id."""
    workflow = Workflow("w").step("a", Counted())
    for call in (
        lambda: engine.resume(workflow, "a/b"),
        lambda: engine.retry_step(workflow, "a/b", "a"),
        lambda: engine.get("a/b"),
        lambda: engine.delete("a/b"),
    ):
        with pytest.raises(InvalidId):
            call()


def test_a_document_that_cannot_be_read_is_an_error_of_the_store(
    make_engine: MakeEngine, store: MemoryStorage
) -> None:
    """It says of which run."""
    engine = make_engine(store)
    engine.execute(Workflow("w").step("a", Counted()), {}, id="x")
    store._records["x"] = store._records["x"]._replace(document=b'{"version":"1"}')
    with pytest.raises(StoreError, match=r"the stored document of run 'x' cannot be read"):
        engine.get("x")


def test_a_document_of_a_newer_flux_is_not_misread(make_engine: MakeEngine, store: MemoryStorage) -> None:
    """The error says to upgrade."""
    engine = make_engine(store)
    engine.execute(Workflow("w").step("a", Counted()), {}, id="x")
    document = store._records["x"].document.replace(b'{"format":1', b'{"format":2')
    store._records["x"] = store._records["x"]._replace(document=document)
    with pytest.raises(StoreError, match=r"document format 2; this one knows 1\); upgrade"):
        engine.get("x")
