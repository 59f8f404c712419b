"""A saga that goes back, killed at every effect: it ends `rolled_back`, and each compensation is made once."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from crash.kills import START, die_after, killed_twice, pass_time
from crash.saga import ID, Services, the_run

from flux_core import Engine, LeaseLost, NotRetryable, Retry, RunEnded, RunStatus, Workflow
from flux_core.testing import FakeClock, crash_points
from flux_core.testing._crashes import LEASE, recover
from flux_core.testing._stepping import SteppingEngine, StillEngine, begun

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from crash.kills import Script

    from flux_core import TraceEvent
    from flux_core.storage import Storage

Flow = Workflow[dict[str, Any], dict[str, Any]]

SOON = Retry(2, initial=0.5, jitter="none")
NEXT_HOUR = Retry(2, initial=3600, max=3600, jitter="none")


@dataclass
class Saga:
    """A workflow that goes back, and what makes it."""

    flow: Flow
    script: Script
    """What is delivered again and again until it is done."""
    error: str | None
    """The code of the error that the run ends with."""
    undone: list[str] = field(default_factory=lambda: ["ship", "charge"])
    """What is compensated, in that order."""


def paid_and_shipped(services: Services, retry: Retry = SOON, timeout: float | None = None) -> Flow:
    """Return a flow that can be taken back from here on; one of the compensations succeeds at its second attempt."""
    return (
        Workflow("saga", timeout=timeout)
        .commit("charge", services.do, compensate=services.undo)
        .step("pack", services.do)
        .commit("ship", services.do, retries=retry, compensate=services.undo_at_the_second_call)
    )


def executed(flow: Flow) -> Script:
    """Return what delivers the run, and wakes it when it is time."""

    def script(engine: Engine) -> Generator[Any, Any, None]:
        result = yield engine.execute(flow, {}, id=ID)
        yield from woken(engine, flow, result)

    return script


def woken(engine: Engine, flow: Flow, result: Any) -> Generator[Any, Any, None]:
    """Go on with the run whenever it is time, until it is no longer a matter of time."""
    while result.wake_at is not None:
        pass_time(engine, result.wake_at)
        result = yield engine.resume(flow, ID)


def a_failing_step(services: Services) -> Saga:
    """The step after the commits fails for good."""
    flow = paid_and_shipped(services).step("bill", services.fail)
    return Saga(flow, executed(flow), "FATAL")


def a_failing_condition(services: Services) -> Saga:
    """The condition of the step after the commits raises."""
    flow = paid_and_shipped(services).step("bill", services.do, when=services.fail)
    return Saga(flow, executed(flow), "FATAL")


def a_long_back_off(services: Services) -> Saga:
    """The second attempt of the compensation is due in an hour: nobody holds the run meanwhile."""
    flow = paid_and_shipped(services, NEXT_HOUR).step("bill", services.fail)
    return Saga(flow, executed(flow), "FATAL")


def a_wait_that_is_over(services: Services) -> Saga:
    """Nobody answers in time."""
    flow = paid_and_shipped(services).wait("approval", timeout=1000)
    return Saga(flow, executed(flow), "STEP_TIMEOUT")


def a_workflow_that_takes_too_long(services: Services) -> Saga:
    """Nobody answers, and the workflow's time is over."""
    flow = paid_and_shipped(services, timeout=1000).wait("approval")
    return Saga(flow, executed(flow), "WORKFLOW_TIMEOUT")


def a_cancelled_wait(services: Services) -> Saga:
    """A person cancels what waits."""
    flow = paid_and_shipped(services).sleep("overnight", 5000).wait("approval")

    def script(engine: Engine) -> Generator[Any, Any, None]:
        yield engine.execute(flow, {}, id=ID)
        with suppress(RunEnded):
            yield engine.cancel(flow, ID, compensate=True)

    return Saga(flow, script, None)


def a_cancelled_step(services: Services) -> Saga:
    """A person cancels while a worker holds the run."""

    def be_cancelled(ctx: Any) -> None:
        elsewhere(services).cancel(flow, ID, compensate=True)

    flow = paid_and_shipped(services).step("bill", be_cancelled)
    return Saga(flow, executed(flow), None)


def elsewhere(services: Services) -> Engine:
    """Return the engine of another process, whose clock is slow: it finds the run held."""
    return Engine(services.store, clock=FakeClock(START))


def kept_commits(services: Services) -> Saga:
    """A person goes back over completed commits, and a step before them fails."""

    def check(ctx: Any) -> None:
        if not services.in_order:
            services.fail(ctx)

    flow = (
        Workflow("saga")
        .step("check", check)
        .commit("charge", services.do, compensate=services.undo)
        .commit("ship", services.do, retries=SOON, compensate=services.undo_at_the_second_call)
    )

    def script(engine: Engine) -> Generator[Any, Any, None]:
        yield engine.execute(flow, {}, id=ID)
        services.in_order = False
        with suppress(NotRetryable):
            yield engine.retry_step(flow, ID, "check")

    return Saga(flow, script, "FATAL")


def a_broken_compensation(services: Services) -> Saga:
    """A compensation fails for good; a person mends what it calls, and resumes."""
    flow = (
        Workflow("saga")
        .commit("charge", services.do, compensate=services.undo)
        .commit("ship", services.do, compensate=services.undo_when_mended)
        .commit("bill", services.do, compensate=services.undo)
        .step("end", services.fail)
    )

    def script(engine: Engine) -> Generator[Any, Any, None]:
        services.in_order = False
        yield engine.execute(flow, {}, id=ID)
        services.in_order = True
        yield engine.resume(flow, ID)

    return Saga(flow, script, "FATAL", ["bill", "ship", "charge"])


def a_pause_in_between(services: Services) -> Saga:
    """A person pauses the run while a compensation runs, and resumes it later."""

    def undo_and_be_paused(ctx: Any) -> None:
        services.undo(ctx)
        elsewhere(services).pause(ID)

    flow = (
        Workflow("saga")
        .commit("charge", services.do, compensate=services.undo)
        .commit("ship", services.do, compensate=undo_and_be_paused)
        .step("end", services.fail)
    )

    def script(engine: Engine) -> Generator[Any, Any, None]:
        yield engine.execute(flow, {}, id=ID)
        yield engine.resume(flow, ID)

    return Saga(flow, script, "FATAL")


SAGAS: list[Callable[[Services], Saga]] = [
    a_failing_step,
    a_failing_condition,
    a_long_back_off,
    a_wait_that_is_over,
    a_workflow_that_takes_too_long,
    a_cancelled_wait,
    a_cancelled_step,
    kept_commits,
    a_broken_compensation,
    a_pause_in_between,
]
sagas = pytest.mark.parametrize("make_saga", SAGAS)


def check(engine: Engine, services: Services, saga: Saga, where: object) -> None:
    """The run has gone back, in order, and nothing is left of what it did."""
    run = the_run(engine)
    assert run.status is RunStatus.ROLLED_BACK, where
    assert (run.error.code if run.error else None) == saga.error, where
    assert [record.name for record in run.compensations] == saga.undone, where
    assert {record.status for record in run.compensations} == {"compensated"}, where
    assert services.undone == set(saga.undone), where
    assert services.too_late == [], where
    assert all(run.data[step] == "undone" for step in saga.undone), where
    assert (run.held_until, run.wake_at) == (None, None), where


def calls_of(services: Services, saga: Saga) -> int:
    """Return how many calls the services get if nobody dies."""
    clock = FakeClock(START)
    stepping = SteppingEngine(services.open(), clock=clock)
    begun(saga.script, stepping).finish()
    check(Engine(services.store, clock=clock), services, saga, "nobody died")
    return services.asked.total()


class Listener:
    """Hears everything and does nothing: each call of it is one more effect to die before."""

    def emit(self, event: TraceEvent) -> None:
        """Take an event."""

    def wake(self, run_id: str, at: float) -> None:
        """Take a hint."""

    def close(self) -> None:
        """Close nothing."""


@sagas
def test_a_saga_killed_at_every_effect_is_rolled_back(
    make_saga: Callable[[Services], Saga], services: Services, make_store: Callable[[], Storage]
) -> None:
    """The worker dies before each effect of the run and of its rollback; each compensation is completed once."""
    saga, listener, storage = make_saga(services), Listener(), partial(services.open, make_store)
    calls = calls_of(services, saga)

    before = []
    for crash in crash_points(
        saga.script, [saga.flow], reset=services.clear, storage=storage, trace=[listener], waker=listener
    ):
        check(crash.engine, services, saga, crash)
        assert services.asked.total() <= calls + 1, "nothing but what was interrupted is called again"
        before.append(type(crash.effect).__name__)
    assert before.count("Invoke") >= 5
    assert before.count("Emit") > 10


@sagas
def test_a_saga_whose_recovery_is_killed_too(
    make_saga: Callable[[Services], Saga], services: Services
) -> None:
    """The worker that recovers dies as well, before each effect, for each effect before which the first one died."""
    saga = make_saga(services)
    calls = calls_of(services, saga)
    pairs = 0
    for killed in killed_twice(saga.script, saga.flow, reset=services.clear, storage=services.open):
        check(killed.engine, services, saga, killed)
        assert services.asked.total() <= calls + 2, killed
        pairs += 1
    assert pairs > 300


def test_a_payment_told_of_during_the_rollback_is_refunded_wherever_the_rollback_dies(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A worker was lost inside a commit, and says what came of it at each moment of a rollback that is then killed.

    Once the run has ended there is nobody left to hear it: then it is logged, and lies in the inbox.
    """
    services = Services()
    flow = paid_and_shipped(services).wait("approval")
    told: Counter[RunStatus] = Counter()
    for k in count():
        for m in count(k):
            services.clear()
            caplog.clear()
            store, clock = services.open(), FakeClock(START)
            stepping, engine = SteppingEngine(store, clock=clock), StillEngine(store, clock=clock)
            lost = begun(executed(flow), stepping)
            while f"{ID}/ship/1" not in services.asked:
                lost.step()
            clock.advance(LEASE + 1)
            cancelled = begun(lambda engine: engine.cancel(flow, ID, compensate=True), stepping)
            for _ in range(k):
                cancelled.step()
            stood = the_run(engine).status
            with suppress(LeaseLost):
                lost.finish()
            more = die_after(cancelled, m - k)
            recover(engine, [flow], clock, LEASE)
            with suppress(RunEnded):
                engine.cancel(flow, ID, compensate=True)
            run = the_run(engine)
            assert run.status is RunStatus.ROLLED_BACK, (k, m)
            assert len(caplog.records) == (stood is RunStatus.ROLLED_BACK), (k, m)
            assert ("outcome ship" in run.inbox) == (stood is RunStatus.ROLLED_BACK), (k, m)
            assert ("ship" in services.undone) == (stood is not RunStatus.ROLLED_BACK), (k, m)
            assert "charge" in services.undone, (k, m)
            told[stood] += 1
            if not more:
                break
        if m == k:
            break
    assert told[RunStatus.ROLLING_BACK] > 20
    assert told[RunStatus.ROLLED_BACK] > 0


def test_a_paused_rollback_stands_until_somebody_resumes_it(services: Services) -> None:
    """Neither time, nor the same delivery, nor a signal, nor another cancellation makes the next compensation."""
    saga = a_pause_in_between(services)
    clock = FakeClock(START)
    engine = Engine(services.store, clock=clock)
    engine.execute(saga.flow, {}, id=ID)
    clock.advance(10_000)
    engine.tick([saga.flow])
    engine.execute(saga.flow, {}, id=ID)
    engine.signal(saga.flow, ID, "end")
    engine.cancel(saga.flow, ID)
    engine.cancel(saga.flow, ID, compensate=True)
    assert the_run(engine).status is RunStatus.PAUSED
    assert services.undone == {"ship"}
    assert engine.resume(saga.flow, ID).status is RunStatus.ROLLED_BACK
    assert services.undone == {"charge", "ship"}


def test_a_long_back_off_of_a_compensation_needs_no_worker(services: Services) -> None:
    """The run is let go, nobody makes the next attempt before its time, and it is due then."""
    saga = a_long_back_off(services)
    clock = FakeClock(START)
    engine = Engine(services.store, clock=clock)
    result = engine.execute(saga.flow, {}, id=ID)
    assert (result.status, result.wake_at) == (RunStatus.ROLLING_BACK, START + 3600)
    clock.advance(3599)
    assert engine.tick([saga.flow]).due == 0
    engine.signal(saga.flow, ID, "wake up")
    assert engine.execute(saga.flow, {}, id=ID).wake_at == START + 3600
    assert services.asked[f"{ID}/ship/1/compensate"] == 1
    clock.advance(1)
    assert engine.tick([saga.flow]).claimed == 1
    check(engine, services, saga, "an hour later")
