"""What has happened in well-known engines, and does not happen here. Each test is called by its horror."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from contextlib import suppress
from functools import partial
from itertools import count
from threading import Barrier, Event, Thread
from typing import TYPE_CHECKING, Any

import pytest
from core.conftest import Death
from crash import killed_worker
from crash.kills import START, die_after
from crash.saga import ID, Services, the_run

from flux_core import (
    AsyncEngine,
    CrashLoop,
    Engine,
    Interrupted,
    Result,
    Retry,
    RunEnded,
    RunStatus,
    SignalNotExpected,
    StepTimeout,
    Workflow,
)
from flux_core.storage import SQLiteStorage
from flux_core.testing import FakeClock, crash_points, interleavings
from flux_core.testing._crashes import LEASE, recover
from flux_core.testing._stepping import SteppingEngine, StillEngine

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from flux_core.storage import Storage

    Flow = Workflow[dict[str, Any], dict[str, Any]]
    MakeStore = Callable[[], Storage]

CHARGE, REFUND = f"{ID}/charge/1", f"{ID}/charge/1/compensate"


# A payment charged twice because a finished step was saved as the current one.


def test_a_payment_charged_twice_because_a_finished_step_was_saved_as_the_current_one(
    services: Services, make_store: MakeStore
) -> None:
    """Wherever the worker dies: once the commit is saved as completed it is behind, and never called again."""
    flow = Workflow("saga").step("price", services.do).commit("charge", services.do).step("pack", services.do)
    before = []
    for crash in crash_points(
        lambda engine: engine.execute(flow, {}, id=ID),
        [flow],
        reset=services.clear,
        storage=partial(services.open, make_store),
    ):
        before.append(type(crash.effect).__name__)
        assert crash.result.status is RunStatus.COMPLETED, crash
        assert services.too_late == [], crash
        died_after_the_charge = before.count("Invoke") == 2 and before[-1] == "Save"
        assert services.asked[CHARGE] == 1 + died_after_the_charge, crash
    assert before.count("Save") == 3


def test_a_payment_charged_twice_because_nobody_knew_whether_it_had_been(
    services: Services, make_store: MakeStore
) -> None:
    """A commit with `once=True` is called once wherever the worker dies, or is left to a person."""
    flow = Workflow("saga").commit("charge", services.do, once=True, retries=9).step("pack", services.do)
    codes = []
    for crash in crash_points(
        lambda engine: engine.execute(flow, {}, id=ID, retry_failed=True),
        [flow],
        reset=services.clear,
        storage=partial(services.open, make_store),
    ):
        codes.append(crash.result.error and crash.result.error.code)
        assert services.asked[CHARGE] <= 1, crash
        assert (codes[-1] is None) == (crash.result.status is RunStatus.COMPLETED), crash
    assert codes.count(Interrupted.code) == 2, "before the call of the commit, and after it"
    assert set(codes) == {None, Interrupted.code}


# A resume that runs a completed run again.


def completed(services: Services) -> Flow:
    """Return a flow that completes."""
    return Workflow("saga").step("price", services.do).commit("charge", services.do)


def failed(services: Services) -> Flow:
    """Return a flow that fails."""
    return Workflow("saga").commit("charge", services.do).step("end", services.fail)


def rolled_back(services: Services) -> Flow:
    """Return a flow that is rolled back."""
    return Workflow("saga").commit("charge", services.do, compensate=services.undo).step("end", services.fail)


@pytest.mark.parametrize("make_flow", [completed, failed, rolled_back])
def test_a_resume_that_runs_a_completed_run_again(
    make_flow: Callable[[Services], Flow], services: Services, make_store: MakeStore
) -> None:
    """Whatever is asked of a run that has ended, by whom it may be: nothing is called, and nothing written."""
    flow = make_flow(services)

    def end() -> Storage:
        store = services.open(make_store)
        StillEngine(store, clock=FakeClock(START)).execute(flow, {}, id=ID)
        ended.append(store.load(ID))
        asked.append(services.asked.copy())
        return store

    def pester(engine: Engine) -> Generator[Any, Any, None]:
        yield engine.resume(flow, ID)
        yield engine.execute(flow, {}, id=ID)
        yield engine.tick([flow])
        with suppress(SignalNotExpected):
            yield engine.signal(flow, ID, "charge")
        with suppress(RunEnded):
            yield engine.cancel(flow, ID, compensate=True)
        with suppress(RunEnded):
            yield engine.pause(ID)

    ended: list[Any] = []
    asked: list[Any] = []
    for crash in crash_points(pester, [flow], reset=services.clear, storage=end):
        assert crash.engine.storage.load(ID) == ended[-1], crash
        assert services.asked == asked[-1], crash
    assert len(ended) > 8
    assert ended[-1].status == make_flow.__name__


# A compensation that crashed half way and is then skipped.


@pytest.mark.parametrize("dies", ["charge", "ship", "bill"])
def test_a_compensation_that_crashed_half_way_and_is_then_skipped(
    dies: str, services: Services, make_store: MakeStore
) -> None:
    """The process dies inside a compensation, after its effect: it is called again under its key, the others once."""

    def undo(ctx: Any) -> None:
        services.undo(ctx)
        if ctx.step == dies and services.asked[ctx.key] == 1:
            raise Death

    flow = Workflow("saga")
    for name in ("charge", "ship", "bill"):
        flow = flow.commit(name, services.do, compensate=undo)
    flow = flow.step("end", services.fail)
    clock = FakeClock(START)
    engine = Engine(services.open(make_store), clock=clock)
    with pytest.raises(Death):
        engine.execute(flow, {}, id=ID)
    recover(engine, [flow], clock, LEASE)
    run = the_run(engine)
    assert run.status is RunStatus.ROLLED_BACK
    assert [record.name for record in run.compensations] == ["bill", "ship", "charge"]
    called = {name: services.asked[f"{ID}/{name}/1/compensate"] for name in ("charge", "ship", "bill")}
    assert called == {"charge": 1, "ship": 1, "bill": 1} | {dies: 2}
    assert services.too_late == []


# Two concurrent signals that both run the side effect.


def approved_charge(services: Services) -> Flow:
    """Return a flow that charges once it is approved."""
    return Workflow("saga").wait("approval").commit("charge", services.do)


@pytest.mark.parametrize("names", [("click", "knock"), ("click", "click")], ids=["two", "the_same_twice"])
def test_two_concurrent_signals_that_both_run_the_side_effect(
    names: tuple[str, str], services: Services
) -> None:
    """In every order of their effects on the store: one of them goes on with the run, and it charges once."""
    flow = approved_charge(services)

    def wait() -> Storage:
        StillEngine(services.open(), clock=FakeClock(START)).execute(flow, {}, id=ID)
        return services.store

    signals = [lambda engine, name=name: engine.signal(flow, ID, "approval", id=name) for name in names]
    orders = 0
    for schedule in interleavings(signals, [flow], lapses=0, reset=services.clear, storage=wait):
        run = the_run(schedule.engine)
        assert run.status is RunStatus.COMPLETED, schedule.order
        assert services.asked == {CHARGE: 1}, schedule.order
        refused = sum(isinstance(outcome, SignalNotExpected) for outcome in schedule.outcomes)
        left = run.inbox.count("signal approval")
        assert left + refused == len(set(names)) - 1, schedule.order
        orders += 1
    assert orders > 100


def test_two_concurrent_signals_from_two_threads_that_both_run_the_side_effect(
    services: Services, make_store: MakeStore
) -> None:
    """Two engines on one store are told at the same moment, again and again: each run is charged once."""
    flow = approved_charge(services)
    store = services.open(make_store)
    engines = [Engine(store) for _ in range(2)]
    results: list[Any] = []

    def click(engine: Engine, run_id: str) -> None:
        together.wait()
        with suppress(SignalNotExpected):  # the other has taken the run to its end already
            results.append(engine.signal(flow, run_id, "approval"))

    for number in range(20):
        run_id, together = f"run-{number}", Barrier(2)
        engines[0].execute(flow, {}, id=run_id)
        threads = [Thread(target=click, args=(engine, run_id)) for engine in engines]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        run = engines[0].get(run_id)
        assert run is not None
        assert run.status is RunStatus.COMPLETED
    assert {key: times for key, times in services.asked.items() if times != 1} == {}
    assert len(services.asked) == 20
    assert len(results) >= 20


# A time-out that retries while the first attempt still runs.


class Slow:
    """A handler whose first attempt does not end when its time is up, but only when it likes."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self.second_began = Event()
        self.at_the_same_time: bool | None = None

    def handle(self, ctx: Any) -> str:
        """Take too long for once."""
        if ctx.attempt > 1:
            self.second_began.set()
            return f"attempt {ctx.attempt}, {ctx.data}"
        while not ctx.cancelled:
            self.second_began.wait(0.001)
        ctx.data["late"] = True
        self.at_the_same_time = self.second_began.wait(self._patience)
        return "too late"


AGAIN = Retry(1, initial=0)


@pytest.mark.parametrize("kind", [Engine, AsyncEngine])
def test_a_time_out_that_retries_while_the_first_attempt_still_runs(
    kind: type[Engine | AsyncEngine], make_store: MakeStore
) -> None:
    """A thread cannot be killed: the second attempt begins when the first has ended, and what that did is gone."""
    slow = Slow(patience=0.2)
    flow = Workflow("slow").commit("charge", slow.handle, timeout=0.02, retries=AGAIN)
    result = asyncio.run(executed(kind, make_store(), flow))
    assert result.results == {"charge": "attempt 2, {}"}
    assert slow.at_the_same_time is False


@pytest.mark.parametrize("kind", [Engine, AsyncEngine])
def test_a_time_out_that_retries_a_compensation_while_the_first_attempt_still_runs(
    kind: type[Engine | AsyncEngine], services: Services, make_store: MakeStore
) -> None:
    """What holds on the way forward holds on the way back."""
    slow = Slow(patience=0.2)
    flow = (
        Workflow("slow")
        .commit("charge", lambda ctx: 1, timeout=0.02, retries=AGAIN, compensate=slow.handle)
        .step("end", services.fail)
    )
    result = asyncio.run(executed(kind, make_store(), flow))
    assert result.status is RunStatus.ROLLED_BACK
    assert slow.at_the_same_time is False
    assert slow.second_began.is_set()


@pytest.mark.parametrize("kind", [Engine, AsyncEngine])
def test_a_time_out_that_retries_while_the_first_attempt_runs_for_ever(
    kind: type[Engine | AsyncEngine], make_store: MakeStore
) -> None:
    """An attempt that does not end while the lease lasts has no second one: the node fails."""
    slow = Slow(patience=10)
    flow = Workflow("slow").commit("charge", slow.handle, timeout=0.02, retries=AGAIN)
    result = asyncio.run(executed(kind, make_store(), flow, lease=0.7))
    assert result.error is not None
    assert result.error.code == StepTimeout.code
    assert not slow.second_began.is_set()
    slow.second_began.set()  # let the thread end


async def executed(
    kind: type[Engine | AsyncEngine], store: Storage, flow: Flow, lease: float = 60
) -> Result[Any]:
    """Return what comes of a run in an engine of that kind."""
    engine = kind(store, lease=lease)
    try:
        if isinstance(engine, AsyncEngine):
            return await engine.execute(flow, {}, id=ID)
        return await asyncio.to_thread(engine.execute, flow, {}, id=ID)
    finally:
        engine.close()


# An attempt killed with its process that never spends the retry budget, so it loops for ever.

ROUNDS = 50
"""Nobody who loops for ever ends before that."""


def dies_in_a_step(services: Services) -> Flow:
    """Return a flow whose second step takes its process down."""
    return Workflow("saga").step("price", services.do).step("charge", partial(die_of, services), retries=99)


def dies_in_a_commit(services: Services) -> Flow:
    """Return a flow whose commit takes its process down."""
    return Workflow("saga").commit("charge", partial(die_of, services), retries=2)


def dies_in_a_condition(services: Services) -> Flow:
    """Return a flow whose condition takes its process down."""
    return Workflow("saga").step("charge", services.do, when=partial(die_of, services))


def dies_in_a_compensation(services: Services) -> Flow:
    """Return a flow whose compensation takes its process down."""
    undone = partial(die_of, services)
    return Workflow("saga").commit("charge", services.do, compensate=undone).step("end", services.fail)


def die_of(services: Services, ctx: Any) -> None:
    """Take the process down, whoever it is."""
    services.asked[ctx.key] += 1
    raise Death


@pytest.mark.parametrize(
    ("make_flow", "end", "key"),
    [
        (dies_in_a_step, RunStatus.FAILED, CHARGE),
        (dies_in_a_commit, RunStatus.FAILED, CHARGE),
        (dies_in_a_condition, RunStatus.FAILED, CHARGE),
        (dies_in_a_compensation, RunStatus.COMPENSATION_FAILED, REFUND),
    ],
)
def test_an_attempt_killed_with_its_process_that_never_spends_the_retry_budget_so_it_loops_for_ever(
    make_flow: Callable[[Services], Flow],
    end: RunStatus,
    key: str,
    services: Services,
    make_store: MakeStore,
) -> None:
    """The fifth worker that was lost in a row without a completed node is the last one, and the run says why."""
    flow, clock = make_flow(services), FakeClock(START)
    engine = Engine(services.open(make_store), clock=clock)
    engine.start(flow, {}, id=ID)
    for _ in range(ROUNDS):
        with suppress(Death):
            engine.tick([flow])
        clock.advance(LEASE + 1)
    run = the_run(engine)
    record = (run.compensations or run.history)[-1]
    assert run.status is end
    assert record.error is not None
    assert record.error.code == CrashLoop.code
    assert services.asked[key] == 5


def test_an_attempt_that_fails_and_is_killed_in_turn_and_loops_for_ever(
    services: Services, make_store: MakeStore
) -> None:
    """An attempt that failed spends a retry, one that was killed does not; together they end all the same."""

    def fail_or_die(ctx: Any) -> None:
        services.asked[ctx.key] += 1
        if services.asked[ctx.key] % 2:
            raise OSError("out of order")
        raise Death

    clock = FakeClock(START)
    flow = Workflow("saga").commit("charge", fail_or_die, retries=Retry(3, initial=1, jitter="none"))
    engine = Engine(services.open(make_store), clock=clock)
    engine.start(flow, {}, id=ID)
    for _ in range(ROUNDS):
        with suppress(Death):
            engine.tick([flow])
        clock.advance(LEASE + 1)
    run = the_run(engine)
    assert run.status is RunStatus.FAILED
    assert services.asked[CHARGE] == 7, "four that failed, and three that were killed"
    assert run.history[0].attempts == 7


def test_a_run_whose_workers_all_die_before_the_same_effect_and_which_loops_for_ever(
    services: Services,
) -> None:
    """Whichever effect of going on with the run it is: in the end the run has completed, or says that it loops."""
    ends: list[str | None] = []
    for k in count():
        services.clear()
        flow, clock = completed(services), FakeClock(START)
        store = services.open()
        engine, stepping = StillEngine(store, clock=clock), SteppingEngine(store, clock=clock)
        engine.start(flow, {}, id=ID)
        for _ in range(ROUNDS):
            more = die_after(stepping.tick([flow]), k)
            clock.advance(LEASE + 1)
        run = the_run(engine)
        if run.revision > 1:  # nobody can count a worker that dies before it has saved that it is there
            assert run.status in (RunStatus.COMPLETED, RunStatus.FAILED), k
            assert services.asked.total() <= 2 * 5, k
            ends.append(run.error.code if run.error else None)
        if not more and run.status is RunStatus.COMPLETED and services.asked.total() == 2:
            break
    assert CrashLoop.code in ends
    assert ends[-1] is None


def test_a_process_killed_by_the_kernel_again_and_again_for_ever(tmp_path: Path) -> None:
    """Real processes die inside the commit, with nothing said; the sixth that looks at the run survives it."""
    store, ledger = tmp_path / "orders.db", tmp_path / "ledger"
    with Engine(SQLiteStorage(store)) as engine:
        engine.start(killed_worker.flow, {"ledger": str(ledger)}, id=ID)
        ends: list[int] = []
        while not the_run(engine).status.ended:
            assert len(ends) < ROUNDS
            while (the_run(engine).held_until or 0) > time.time():
                Event().wait(killed_worker.LEASE / 5)
            command = [sys.executable, killed_worker.__file__, str(store)]
            ends.append(subprocess.run(command, check=False, capture_output=True).returncode)
        error = the_run(engine).error
    assert error is not None
    assert error.code == CrashLoop.code
    assert ends == [137] * 5 + [0]
    assert ledger.read_text().splitlines() == [f"attempt {number}" for number in range(1, 6)]
