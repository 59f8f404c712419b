"""Trace sinks around what a worker does: what handlers are called within, and when a run is left."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import pytest
from core.conftest import Death, die, steal

from flux_core import (
    AsyncEngine,
    Context,
    Engine,
    InputMismatch,
    InvalidInput,
    LeaseLost,
    Retry,
    StoreError,
    Workflow,
)
from flux_core.storage import MemoryStorage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from core.conftest import MakeEngine

    from flux_core.storage import Record, Storage
    from flux_core.trace import TraceEvent

Ctx = Context[Any, Any]

PLACE: ContextVar[str] = ContextVar("place", default="nowhere")


class Surrounding:
    """Says in a context variable which attempt it is, and keeps what it was told."""

    def __init__(self) -> None:
        self.left_runs: list[tuple[str, str | None]] = []
        self.told: list[str] = []

    def emit(self, event: TraceEvent) -> None:
        """Keep the event's type."""
        self.told.append(event.type)

    def close(self) -> None:
        """Do nothing."""

    @contextmanager
    def within(self, context: Ctx) -> Iterator[None]:
        """Set the variable for as long as the function runs."""
        token = PLACE.set(f"{context.step}#{context.attempt}")
        yield
        PLACE.reset(token)

    def left(self, run_id: str, error: BaseException | None) -> None:
        """Keep who was left, and why."""
        self.left_runs.append((run_id, type(error).__name__ if error else None))
        self.told.append("left")


class Broken(Surrounding):
    """Fails at one place."""

    def __init__(self, at: str) -> None:
        super().__init__()
        self.at = at

    def fail_at(self, place: str) -> None:
        """Fail, if it is there."""
        if place == self.at:
            raise RuntimeError(place)

    @contextmanager
    def within(self, context: Ctx) -> Iterator[None]:
        """Fail before or after."""
        self.fail_at("enter")
        yield
        self.fail_at("exit")

    def left(self, run_id: str, error: BaseException | None) -> None:
        """Fail, perhaps."""
        self.fail_at("left")


@pytest.fixture
def sink() -> Surrounding:
    """Give a sink."""
    return Surrounding()


def place(ctx: Ctx) -> str:
    """Return where it is called."""
    return PLACE.get()


async def place_later(ctx: Ctx) -> str:
    """Return where it is called, after others had their turn."""
    await asyncio.sleep(0)
    return PLACE.get()


@pytest.mark.parametrize("timeout", [None, 30])
@pytest.mark.parametrize("handler", [place, place_later])
def test_a_handler_is_called_within(
    make_engine: MakeEngine, sink: Surrounding, handler: Any, timeout: float | None
) -> None:
    """Inline, in a thread that has its time-out, and on the engine's event loop."""
    engine = make_engine(trace=[sink])
    assert engine.execute(Workflow("w").step("a", handler, timeout=timeout), {}).results == {"a": "a#1"}
    assert PLACE.get() == "nowhere"


@pytest.mark.parametrize("timeout", [None, 30])
@pytest.mark.parametrize("handler", [place, place_later])
def test_runs_at_the_same_time_do_not_share_it(
    sink: Surrounding, handler: Any, timeout: float | None
) -> None:
    """In one event loop each run has its own, and the caller none."""

    async def main() -> tuple[list[Any], str]:
        engine = AsyncEngine(trace=[sink])
        workflows = [Workflow(name).step(name, handler, timeout=timeout) for name in "abc"]
        results = await asyncio.gather(*(engine.execute(workflow, {}) for workflow in workflows))
        return [result.results for result in results], PLACE.get()

    assert asyncio.run(main()) == ([{"a": "a#1"}, {"b": "b#1"}, {"c": "c#1"}], "nowhere")


def test_so_are_conditions_and_compensations(make_engine: MakeEngine, sink: Surrounding) -> None:
    """Whatever is the user's own."""
    seen: list[str] = []

    def note(ctx: Ctx) -> bool:
        seen.append(PLACE.get())
        return True

    def fail(ctx: Ctx) -> None:
        raise ValueError

    workflow = Workflow("w").step("a", place, when=note, compensate=note).step("b", fail)
    assert make_engine(trace=[sink]).execute(workflow, {}).status == "rolled_back"
    assert seen == ["a#1", "a#1"]


def test_it_is_left_when_the_handler_raises(make_engine: MakeEngine, sink: Surrounding) -> None:
    """It sees no error: the next attempt is within another."""
    seen: list[str] = []

    def flaky(ctx: Ctx) -> None:
        seen.append(PLACE.get())
        if ctx.attempt == 1:
            raise ValueError

    workflow = Workflow("w").step("a", flaky, retries=Retry(1, initial=0.0))
    assert make_engine(trace=[sink]).execute(workflow, {}).status == "completed"
    assert (seen, PLACE.get()) == (["a#1", "a#2"], "nowhere")


def test_a_run_is_left_once_it_has_ended(make_engine: MakeEngine, sink: Surrounding) -> None:
    """After the last event, with no error."""
    result = make_engine(trace=[sink]).execute(Workflow("w").step("a", place), {}, id="x")
    assert result.status == "completed"
    assert sink.left_runs == [("x", None)]
    assert sink.told[-2:] == ["workflow:complete", "left"]


def test_a_run_that_turns_back_is_left_once(make_engine: MakeEngine, sink: Surrounding) -> None:
    """Its rollback is the same worker's."""

    def fail(ctx: Ctx) -> None:
        raise ValueError

    workflow = Workflow("w").step("a", place, compensate=place).step("b", fail)
    make_engine(trace=[sink]).execute(workflow, {}, id="x")
    assert sink.told[-2:] == ["workflow:rollback_complete", "left"]
    assert sink.left_runs == [("x", None)]


def test_each_run_of_a_tick_is_left_before_the_next_is_held(
    make_engine: MakeEngine, sink: Surrounding
) -> None:
    """One flow goes on with many runs."""
    workflow = Workflow("w").step("a", place)
    engine = make_engine(trace=[sink])
    for run_id in "xy":
        engine.start(workflow, {}, id=run_id)
    engine.tick([workflow])
    assert sorted(sink.left_runs[2:]) == [("x", None), ("y", None)]
    # the first is left when the second is held, after that was claimed
    assert sink.told[-5:] == ["left", "step:start", "step:complete", "workflow:complete", "left"]


@pytest.mark.parametrize("error", [LeaseLost, StoreError])
def test_a_tick_leaves_a_run_with_the_error(
    make_engine: MakeEngine, sink: Surrounding, error: type[Exception]
) -> None:
    """The flow goes on with others; each that was held is left with its own error, before the next is held."""
    store = Refusing(error("no"), claims=True)
    workflow = Workflow("w").step("a", place)
    engine = make_engine(store, trace=[sink])
    for run_id in "xy":
        engine.start(workflow, {}, id=run_id)
    engine.tick([workflow])
    assert sorted(sink.left_runs[2:]) == [("x", error.__name__), ("y", error.__name__)]
    assert sink.told[4:] == ["workflow:resume", "step:start", "left"] * 2


def test_a_run_that_a_tick_never_held_is_not_left(make_engine: MakeEngine, sink: Surrounding) -> None:
    """Somebody else has it."""
    workflow = Workflow("w").step("a", place)
    engine = make_engine(Refusing(LeaseLost("taken")), trace=[sink])
    engine.start(workflow, {}, id="x")
    assert engine.tick([workflow]).skipped == 1
    assert sink.left_runs == [("x", None)]  # by its start


def test_a_start_of_a_run_that_is_there_is_left(make_engine: MakeEngine, sink: Surrounding) -> None:
    """What a sink has begun for it came to nothing."""
    workflow = Workflow("w").step("a", place)
    engine = make_engine(trace=[sink])
    for _ in range(2):
        engine.execute(workflow, {}, id="x")
    assert sink.left_runs == [("x", None)] * 2
    with pytest.raises(InputMismatch):
        engine.execute(workflow, {"other": "input"}, id="x")
    assert sink.left_runs[2:] == [("x", "InputMismatch")]


class Refusing(MemoryStorage):
    """Refuses each write to a run that is there, but for its claim if that is to be taken."""

    def __init__(self, error: Exception, *, claims: bool = False) -> None:
        super().__init__()
        self.error = error
        self.taken = 2 if claims else 1

    def save(self, record: Record, *, replaces: int) -> None:
        """Refuse."""
        if record.revision > self.taken:
            raise self.error
        super().save(record, replaces=replaces)


def test_a_run_is_left_with_the_error_that_stopped_the_worker(
    make_engine: MakeEngine, sink: Surrounding
) -> None:
    """The store is down: nobody tells how the run went on."""
    engine = make_engine(Refusing(StoreError("down")), trace=[sink])
    with pytest.raises(StoreError):
        engine.execute(Workflow("w").step("a", place), {}, id="x")
    assert sink.left_runs == [("x", "StoreError")]


def test_a_run_is_left_when_its_lease_is_lost(
    make_engine: MakeEngine, sink: Surrounding, any_store: Storage
) -> None:
    """Another worker has it; no event says so."""
    workflow = Workflow("w").step("a", lambda ctx: steal(any_store, ctx.id))
    with pytest.raises(LeaseLost):
        make_engine(any_store, trace=[sink]).execute(workflow, {}, id="x")
    assert sink.left_runs == [("x", "LeaseLost")]


def test_a_run_is_left_when_the_worker_dies(make_engine: MakeEngine, sink: Surrounding) -> None:
    """An interrupt of the process is no exception that a handler's attempt would catch."""
    with pytest.raises(Death):
        make_engine(trace=[sink]).execute(Workflow("w").step("a", die), {}, id="x")
    assert (sink.left_runs, PLACE.get()) == ([("x", "Death")], "nowhere")


def test_a_run_is_left_when_its_task_is_cancelled(sink: Surrounding) -> None:
    """The caller has gone."""

    async def main() -> None:
        begun = asyncio.Event()

        async def wait(ctx: Ctx) -> None:
            begun.set()
            await asyncio.Event().wait()

        running = asyncio.create_task(
            AsyncEngine(trace=[sink]).execute(Workflow("w").step("a", wait), {}, id="x")
        )
        await begun.wait()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(main())
    assert sink.left_runs == [("x", "CancelledError")]


@pytest.mark.parametrize(
    "methods",
    [{"within": place}, {"left": place}, {"within": None, "left": place}, {"within": place, "left": 5}],
)
def test_a_sink_has_both_methods_or_neither(make_engine: MakeEngine, methods: dict[str, object]) -> None:
    """It would be logged with each run."""
    half = type("Half", (), {"emit": place, "close": place, **methods})()
    with pytest.raises(InvalidInput, match=r"within\(context\) and left\(run_id, error\)") as caught:
        make_engine(trace=[Surrounding(), half])
    assert caught.value.path == "trace[1]"


@pytest.mark.parametrize("at", ["enter", "exit", "left"])
def test_what_a_sink_raises_changes_nothing(
    at: str, sink: Surrounding, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged; other sinks are around the handler all the same."""
    with Engine(trace=[Broken(at), sink, Broken(at)]) as engine:
        result = engine.execute(Workflow("w").step("a", place), {}, id="x")
    method = "left" if at == "left" else "within"
    assert result.results == {"a": "a#1"}
    assert [record.getMessage() for record in caplog.records] == [f"trace sink Broken.{method} failed"] * 2
    assert sink.left_runs == [("x", None)]
