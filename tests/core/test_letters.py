"""Letters that come at the moment of a save: the worker takes them in and decides again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from core.conftest import die, elsewhere

from flux_core import (
    Context,
    Engine,
    Fatal,
    InvalidInput,
    LeaseLost,
    Retry,
    RunStatus,
    Suspension,
    Workflow,
    wait,
)
from flux_core._effects import Load, Save
from flux_core._outside import Draft
from flux_core.storage import MemoryStorage
from flux_core.testing._stepping import SteppingEngine

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.conftest import AnyEngine, Clock, MakeEngine

    from flux_core.storage import Record

Ctx = Context[Any, Any]

LARGE = "x" * 10_000


class Meeting(MemoryStorage):
    """A store in which something happens just before the save of that number; the creation is none."""

    def __init__(self) -> None:
        super().__init__()
        self.before: dict[int, Callable[[], object]] = {}
        self.saves = 0

    def save(self, record: Record, *, replaces: int) -> None:
        """Let it happen, and save."""
        self.saves += 1
        if happen := self.before.pop(self.saves, None):
            elsewhere(happen)
        super().save(record, replaces=replaces)


@pytest.fixture
def store() -> Meeting:
    """Give a store in which nothing happens yet."""
    return Meeting()


@pytest.fixture
def other(store: Meeting, clock: Clock) -> Engine:
    """Give an engine for what others do."""
    return Engine(store, clock=clock)


def test_a_large_payload_that_meets_a_save_is_read(engine: AnyEngine, store: Meeting, other: Engine) -> None:
    """It lies in a blob, which the worker fetches."""
    flow = Workflow("w").step("a", lambda ctx: None).wait("go")
    store.before[1] = lambda: other.signal(flow, "x", "go", LARGE)
    result = engine.execute(flow, {}, id="x")
    assert (result.status, result.results["go"]) == ("completed", LARGE)


def test_a_cancellation_that_meets_an_intent_is_heard_first(
    engine: AnyEngine, store: Meeting, other: Engine
) -> None:
    """The commit is not called, and is not in doubt."""
    calls: list[str] = []
    flow = Workflow("w").commit("pay", lambda ctx: calls.append("pay"), once=True)
    store.before[1] = lambda: other.cancel(flow, "x")
    assert engine.execute(flow, {}, id="x").status == "cancelled"
    assert calls == []


def test_an_intent_that_took_long_to_save_is_saved_with_a_new_lease(
    engine: AnyEngine, store: Meeting, other: Engine, clock: Clock
) -> None:
    """A letter came, and the time that it took: the commit begins with most of a lease before it."""
    held: list[Any] = []
    flow = Workflow("w").commit("pay", lambda ctx: elsewhere(lambda: held.append(other.get("x"))), once=True)

    def delay() -> None:
        other.signal(flow, "x", "news")
        clock.advance(40)

    store.before[1] = delay
    assert engine.execute(flow, {}, id="x").status == "completed"
    assert held[0].held_until == clock.time() + 60


def test_a_pause_that_meets_an_intent_leaves_no_doubt(
    engine: AnyEngine, store: Meeting, other: Engine
) -> None:
    """After the resume the commit is called, once."""
    calls: list[str] = []
    flow = Workflow("w").commit("pay", lambda ctx: calls.append("pay"), once=True)
    store.before[1] = lambda: other.pause("x")
    assert engine.execute(flow, {}, id="x").status == "paused"
    assert engine.resume(flow, "x").status == "completed"
    assert calls == ["pay"]


def test_a_signal_that_meets_an_intent_changes_nothing(
    engine: AnyEngine, store: Meeting, other: Engine, clock: Clock
) -> None:
    """The intent is saved after it; a lease of which little is left is renewed on the way."""

    def after_a_while(ctx: Ctx) -> bool:
        clock.advance(40)
        return True

    flow = (
        Workflow("w")
        .step("a", lambda ctx: clock.advance(1), when=after_a_while)
        .commit("pay", lambda ctx: (store._records["x"].wake_at or 0) - clock.time(), once=True)
        .wait("go")
    )
    store.before[2] = lambda: other.signal(flow, "x", "go")
    result = engine.execute(flow, {}, id="x")
    assert (result.status, result.results["pay"]) == ("completed", 59.0)


def test_an_intent_that_comes_late_renews_the_lease(engine: AnyEngine, store: Meeting, clock: Clock) -> None:
    """A hook may have taken half of it."""
    held: list[float] = []
    make = engine.engine
    make._flows.listeners.hooks["step_start"] = lambda step, ctx: clock.advance(40)
    flow = Workflow("w").commit(
        "pay", lambda ctx: held.append((store._records["x"].wake_at or 0) - clock.time()), once=True
    )
    assert engine.execute(flow, {}, id="x").status == "completed"
    assert held in ([60.0], [20.0])


def test_a_cancellation_that_meets_a_failed_attempt_ends_the_back_off(
    engine: AnyEngine, store: Meeting, other: Engine, clock: Clock
) -> None:
    """Nobody waits for an attempt that will not be made."""
    flow = Workflow("w").step("a", lambda ctx: 1 / 0, retries=Retry(1, initial=3, jitter="none"))
    store.before[1] = lambda: other.cancel(flow, "x")
    assert engine.execute(flow, {}, id="x").status == "cancelled"
    assert clock.slept == []


def test_a_worker_that_is_lost_in_a_wait_saves_nothing(
    engine: AnyEngine, store: Meeting, other: Engine, clock: Clock
) -> None:
    """A run that was paused over its lapsed lease is held by nobody, whoever comes back."""
    flow = Workflow("w").step("a", lambda ctx: clock.advance(61)).step("b", lambda ctx: None)
    store.before[1] = lambda: other.pause("x")
    with pytest.raises(LeaseLost):
        engine.execute(flow, {}, id="x")
    assert engine.run("x").status == "paused"
    assert engine.resume(flow, "x").status == "completed"
    assert engine.run("x").history[0].attempts == 2


def test_a_run_that_was_deleted_meanwhile_is_lost(engine: AnyEngine, store: Meeting) -> None:
    """The worker saves nothing, and says why."""
    store.before[1] = lambda: store.delete("x")
    with pytest.raises(LeaseLost, match="run 'x' was deleted; this one saved nothing and stops"):
        engine.execute(Workflow("w").step("a", lambda ctx: None), {}, id="x")
    assert engine.get("x") is None


def test_a_compensation_waits_out_the_back_off_of_a_lost_worker(
    engine: AnyEngine, store: Meeting, clock: Clock
) -> None:
    """Whoever takes the rollback over makes the next attempt when it is due."""
    attempts: list[float] = []

    def undo(ctx: Ctx) -> None:
        attempts.append(clock.time())
        if len(attempts) == 1:
            raise OSError("no answer")

    flow = (
        Workflow("w")
        .commit("a", lambda ctx: None, compensate=undo, retries=Retry(1, initial=100, jitter="none"))
        .step("b", lambda ctx: 1 / 0)
    )
    assert engine.execute(flow, {}, id="x").status == "rolling_back"
    store._records["x"] = store._records["x"]._replace(wake_at=clock.time())
    assert engine.resume(flow, "x").status == "rolling_back"
    clock.advance(100)
    assert engine.resume(flow, "x").status == "rolled_back"
    assert attempts[1] - attempts[0] == 100


def test_a_compensation_does_not_begin_when_its_time_is_up(engine: AnyEngine, clock: Clock) -> None:
    """The rollback goes on in the next invocation."""
    undone: list[str] = []

    def fail_late(ctx: Ctx) -> None:
        clock.advance(20)
        raise Fatal("too late as well")

    flow = (
        Workflow("w")
        .commit("a", lambda ctx: None, compensate=lambda ctx: undone.append("a"))
        .step("b", fail_late)
    )
    result = engine.execute(flow, {}, id="x", deadline=clock.monotonic() + 10)
    assert (result.status, undone) == ("rolling_back", [])
    assert engine.resume(flow, "x").status == "rolled_back"
    assert undone == ["a"]


def test_a_compensation_that_leaves_what_cannot_be_saved_has_failed(engine: AnyEngine) -> None:
    """Its record says where; the run waits for a person."""

    def undo(ctx: Ctx) -> None:
        ctx.data["lock"] = object()

    flow = Workflow("w").commit("a", lambda ctx: None, compensate=undo).step("b", lambda ctx: 1 / 0)
    assert engine.execute(flow, {}, id="x").status == "compensation_failed"
    (record,) = engine.run("x").compensations
    assert record.error is not None
    assert record.error.message.startswith("the compensation of step 'a' left what cannot be saved: lock: ")


@pytest.mark.parametrize("after", ["a hook", "a condition"])
def test_an_attempt_is_not_made_when_hook_or_condition_took_the_time(
    make_engine: MakeEngine, clock: Clock, after: str
) -> None:
    """The run is saved, and goes on in the next invocation."""
    calls: list[str] = []

    def slow(*_: object) -> bool:
        clock.advance(20)
        return True

    engine = make_engine(on={"step_start": slow} if after == "a hook" else {})
    flow = Workflow("w").step(
        "a", lambda ctx: calls.append("a"), when=slow if after == "a condition" else lambda ctx: True
    )
    result = engine.execute(flow, {}, id="x", deadline=clock.monotonic() + 10)
    assert (result.status, calls) == ("suspended", [])


@pytest.mark.parametrize("annotation", [Suspension, "Suspension | int", "None"])
def test_a_handler_that_suspends_may_say_so(engine: AnyEngine, annotation: Any) -> None:
    """What is annotated of a suspension says nothing of the payload."""

    def ask(ctx: Ctx) -> Any:
        return wait("go")

    ask.__annotations__["return"] = Suspension | int if annotation == "Suspension | int" else annotation
    flow = Workflow("w").step("ask", ask)
    engine.execute(flow, {}, id="x")
    assert engine.signal(flow, "x", "go", 5).results == {"ask": 5}


def test_a_payload_of_the_wrong_type_fails_the_step(engine: AnyEngine) -> None:
    """A handler that says what it returns is taken at its word."""

    def ask(ctx: Ctx) -> Suspension | int:
        return wait("go")

    flow = Workflow("w").step("ask", ask)
    engine.execute(flow, {}, id="x")
    result = engine.signal(flow, "x", "go", "five")
    assert result.status == "failed"
    assert result.error is not None
    assert result.error.type == "InvalidInput"


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"trace": 5}, "trace"),
        ({"trace": "trace.ndjson"}, "trace"),
        ({"trace": [5]}, r"trace\[0\]"),
        ({"on": 5}, "on"),
        ({"on": {"step_start": 5}}, r"on\.step_start"),
        ({"redact": 5}, "redact"),
        ({"clock": 5}, "clock"),
        ({"waker": 5}, "waker"),
    ],
)
def test_an_option_that_is_no_port_is_refused(make_engine: MakeEngine, options: Any, path: str) -> None:
    """The error names the option."""
    with pytest.raises(InvalidInput, match=f"^{path}: expected .*, got "):
        make_engine(**options)


@pytest.mark.parametrize("workflows", ["w", Workflow("w").step("a", die), [5]])
def test_a_tick_takes_workflows(engine: AnyEngine, workflows: Any) -> None:
    """And nothing else."""
    with pytest.raises(InvalidInput, match="workflows: expected "):
        engine.tick(workflows)


def test_a_stop_goes_through_the_table(engine: AnyEngine, store: Meeting, clock: Clock) -> None:
    """An illegal change is a bug in the machine."""
    engine.execute(Workflow("w").step("a", lambda ctx: None), {}, id="x")
    with pytest.raises(AssertionError, match="run 'x' cannot go from completed to paused"):
        Draft(store._records["x"], clock.time()).stop(RunStatus.PAUSED, "me")


def test_a_resolved_run_has_its_time_out_anew(engine: AnyEngine, clock: Clock) -> None:
    """Else a person who looks after a day would see the run roll back."""

    def doubt(ctx: Ctx) -> str:
        raise Fatal("no answer")

    flow = Workflow("w", timeout=60).commit("pay", doubt).step("end", lambda ctx: "done")
    engine.execute(flow, {}, id="x")
    clock.advance(86_400)
    assert engine.resolve(flow, "x", "pay", output="paid").status == "completed"


def test_a_resume_goes_on_although_the_worker_has_just_paused(
    store: Meeting, other: Engine, clock: Clock
) -> None:
    """Between the look at the run and the letter that takes the pause back, the worker has heard it."""
    flow = Workflow("w").step("a", lambda ctx: None).step("b", lambda ctx: None)
    stepping: Any = SteppingEngine(store, clock=clock)
    worker = stepping.execute(flow, {}, id="x")
    while not isinstance(worker.next, Save):
        worker.step()
    other.pause("x")
    resuming = stepping.resume(flow, "x")
    resuming.step()  # has seen that the run is held
    while not isinstance(resuming.next, Load):
        resuming.step()
    assert worker.finish().status == "paused"
    assert resuming.finish().status == "completed"
