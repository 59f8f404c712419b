"""Attempts of a node: retries, time-outs, and what is no failure of a step."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import timedelta
from threading import Event
from typing import TYPE_CHECKING, Any

import pytest

from flux_core import AsyncEngine, Context, Fatal, Retry, RunStatus, Workflow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from core.conftest import AnyEngine, Clock, MakeEngine

    from flux_core.storage import MemoryStorage, Storage

Ctx = Context[Any, Any]

LIMIT = 5  # real seconds after which a test that waits for a thread gives up


class Flaky:
    """A handler that fails so many times, and then returns its attempt's number."""

    def __init__(self, failures: int, error: type[Exception] = ValueError) -> None:
        self.failures = failures
        self.error = error
        self.attempts: list[int] = []

    def __call__(self, ctx: Ctx) -> int:
        """Fail, or return the attempt's number."""
        self.attempts.append(ctx.attempt)
        if len(self.attempts) <= self.failures:
            raise self.error(f"failure {len(self.attempts)}")
        return ctx.attempt


def exactly(retries: int, **options: Any) -> Retry:
    """Return a policy without jitter."""
    return Retry(retries, jitter="none", **options)


@pytest.fixture
def gate() -> Iterator[Event]:
    """Give an event that holds threads up, and let them end with the test."""
    gate = Event()
    yield gate
    gate.set()
    for thread in threading.enumerate():
        if thread.name.startswith("flux-") and thread.name not in {"flux-heart", "flux-loop"}:
            thread.join(LIMIT)


def test_a_failed_attempt_is_retried(make_engine: MakeEngine, any_store: Storage) -> None:
    """The step succeeds in a later attempt, whose number it is told."""
    handler = Flaky(2)
    result = make_engine(any_store).execute(Workflow("w").step("a", handler, retries=exactly(3)), {})
    assert (result.results, handler.attempts) == ({"a": 3}, [1, 2, 3])


@pytest.mark.parametrize("timeout", [None, LIMIT])
def test_an_async_handler_that_raises_is_retried(engine: AnyEngine, timeout: float | None) -> None:
    """Its errors are those of any handler."""

    async def work(ctx: Ctx) -> int:
        if ctx.attempt < 3:
            raise ValueError
        return ctx.attempt

    workflow = Workflow("w").step("a", work, timeout=timeout, retries=exactly(2))
    assert engine.execute(workflow, {}).results == {"a": 3}


def test_back_off_is_waited_out(engine: AnyEngine, clock: Clock) -> None:
    """Each delay is as long as the policy says."""
    engine.execute(Workflow("w").step("a", Flaky(3), retries=exactly(3)), {})
    assert clock.slept == [1.0, 2.0, 4.0]


def test_jitter_keeps_delays_below_the_policy(engine: AnyEngine, clock: Clock) -> None:
    """With full jitter each delay is somewhere between nothing and its value."""
    engine.execute(Workflow("w").step("a", Flaky(3), retries=3), {})
    assert all(0 <= slept < longest for slept, longest in zip(clock.slept, [1, 2, 4], strict=True))


def test_an_attempt_starts_from_data_as_it_was(engine: AnyEngine) -> None:
    """What a failed attempt changed is gone, also deep inside."""
    seen = []

    def work(ctx: Ctx) -> None:
        seen.append(list(ctx.data["items"]))
        ctx.data["items"].append(ctx.attempt)
        if ctx.attempt < 3:
            raise ValueError

    workflow = (
        Workflow("w").step("a", lambda ctx: ctx.data.update(items=[])).step("b", work, retries=exactly(2))
    )
    assert (engine.execute(workflow, {}).data, seen) == ({"items": [3]}, [[], [], []])


def test_data_of_a_failed_run_is_that_before_the_failed_step(engine: AnyEngine) -> None:
    """The result and the store agree on it."""

    def work(ctx: Ctx) -> None:
        ctx.data["n"] = 2
        raise ValueError

    workflow = Workflow("w").step("a", lambda ctx: ctx.data.update(n=1)).step("b", work)
    result = engine.execute(workflow, {}, id="x")
    assert (result.data, engine.run("x").data) == ({"n": 1}, {"n": 1})


def test_the_key_is_the_same_in_every_attempt(engine: AnyEngine) -> None:
    """An idempotency key names the node, not the attempt."""
    keys = []

    def work(ctx: Ctx) -> None:
        keys.append(ctx.key)
        if ctx.attempt < 3:
            raise ValueError

    engine.execute(Workflow("w").commit("a", work, retries=exactly(2)), {}, id="x")
    assert keys == ["x/a/1"] * 3


def test_a_failed_attempt_is_saved_before_its_back_off(
    make_engine: MakeEngine, store: MemoryStorage, clock: Clock
) -> None:
    """A crash while backing off does not give the attempt back."""
    revisions = []

    def work(ctx: Ctx) -> None:
        record = store.load("x")
        revisions.append(record and record.revision)
        if ctx.attempt < 3:
            raise ValueError

    make_engine(store).execute(Workflow("w").step("a", work, retries=exactly(2)), {}, id="x")
    assert revisions == [1, 2, 3]


def test_exhausted_retries_fail_the_run(engine: AnyEngine) -> None:
    """The last error is the run's; the steps after it do not run."""
    handler, after = Flaky(9), Flaky(0)
    workflow = Workflow("w").step("a", handler, retries=exactly(2)).step("b", after)
    result = engine.execute(workflow, {}, id="x")
    assert (result.status, handler.attempts, after.attempts) == (RunStatus.FAILED, [1, 2, 3], [])
    assert result.error is not None
    assert (result.error.type, result.error.message) == ("ValueError", "failure 3")
    assert (result.error.code, result.error.retryable) == ("STEP_FAILED", True)
    assert "Flaky" in (result.error.traceback or "") or "failure 3" in (result.error.traceback or "")
    (record,) = engine.run("x").history
    assert (record.status, record.attempts, record.error) == ("failed", 3, result.error)


def test_the_last_error_stays_with_a_step_that_succeeded(engine: AnyEngine) -> None:
    """A completed record has the number of attempts; the run has no error."""
    result = engine.execute(Workflow("w").step("a", Flaky(1), retries=exactly(1)), {})
    assert (result.error, result.history[0].attempts, result.history[0].status) == (None, 2, "completed")


def test_a_step_is_not_retried_by_default(engine: AnyEngine) -> None:
    """Without a word from node or engine there is one attempt."""
    handler = Flaky(1)
    assert engine.execute(Workflow("w").step("a", handler), {}).status == "failed"
    assert handler.attempts == [1]


def test_the_engine_says_what_nodes_leave_open(make_engine: MakeEngine) -> None:
    """`default_retries` counts for nodes that say nothing, and for no other."""
    silent, explicit = Flaky(1), Flaky(1)
    engine = make_engine(default_retries=exactly(1))
    result = engine.execute(Workflow("w").step("a", silent).step("b", explicit, retries=0), {})
    assert (result.status, silent.attempts, explicit.attempts) == ("failed", [1, 2], [1])


class OutOfStock(Fatal):
    """A project's own fatal error."""

    code = "OUT_OF_STOCK"


@pytest.mark.parametrize(("error", "code"), [(Fatal, "FATAL"), (OutOfStock, "OUT_OF_STOCK")])
def test_a_fatal_error_is_never_retried(engine: AnyEngine, error: type[Exception], code: str) -> None:
    """`Fatal` and its subclasses fail the run at once, and say that trying again does not help."""
    handler = Flaky(1, error)
    result = engine.execute(Workflow("w").step("a", handler, retries=3), {})
    assert handler.attempts == [1]
    assert result.error is not None
    assert (result.error.code, result.error.retryable) == (code, False)


def test_only_named_errors_are_retried(engine: AnyEngine) -> None:
    """`retry_on` and `give_up_on` decide."""
    retry = exactly(3, retry_on=(OSError,), give_up_on=(FileNotFoundError,))
    covered, given_up, other = Flaky(1, OSError), Flaky(1, FileNotFoundError), Flaky(1, ValueError)
    for handler in (covered, given_up, other):
        engine.execute(Workflow("w").step("a", handler, retries=retry), {})
    assert [handler.attempts for handler in (covered, given_up, other)] == [[1, 2], [1], [1]]


def test_an_error_that_is_not_covered_says_so(engine: AnyEngine) -> None:
    """A redelivery need not try it again."""
    retry = exactly(3, give_up_on=(ValueError,))
    result = engine.execute(Workflow("w").step("a", Flaky(1), retries=retry), {})
    assert result.error is not None
    assert not result.error.retryable


def test_a_long_back_off_suspends_the_run(make_engine: MakeEngine, any_store: Storage, clock: Clock) -> None:
    """What is longer than `max_inline_wait` is not waited out in the process, and tick goes on with it."""
    handler = Flaky(1)
    workflow = Workflow("w").step("a", handler, retries=exactly(1, initial=60))
    engine = make_engine(any_store)
    result = engine.execute(workflow, {}, id="x")
    assert (result.status, result.wake_at, clock.slept) == ("suspended", clock.time() + 60, [])
    clock.advance(59)
    assert engine.tick([workflow]).due == 0
    clock.advance(1)
    assert engine.tick([workflow]).completed == 1
    assert handler.attempts == [1, 2]


@pytest.mark.parametrize(("delay", "status"), [(5.0, "completed"), (5.001, "suspended")])
def test_a_back_off_up_to_the_limit_is_waited_out(engine: AnyEngine, delay: float, status: str) -> None:
    """`max_inline_wait` itself is still waited out."""
    workflow = Workflow("w").step("a", Flaky(1), retries=exactly(1, initial=delay))
    assert engine.execute(workflow, {}).status == status


def test_retries_go_on_counting_after_a_suspension(make_engine: MakeEngine, clock: Clock) -> None:
    """Failed attempts are counted in the store, not in the process."""
    handler = Flaky(9)
    workflow = Workflow("w").step("a", handler, retries=exactly(2, initial=60))
    engine = make_engine()
    engine.execute(workflow, {}, id="x")
    for _ in range(3):
        clock.advance(120)
        engine.tick([workflow])
    assert (engine.run("x").status, handler.attempts) == ("failed", [1, 2, 3])


def test_a_condition_is_not_asked_again_between_attempts(engine: AnyEngine, clock: Clock) -> None:
    """Once an attempt has failed, the node is decided."""
    asked: list[int] = []

    def ask(ctx: Ctx) -> bool:
        asked.append(1)
        return True

    workflow = Workflow("w").step("a", Flaky(1), when=ask, retries=exactly(1, initial=60))
    engine.execute(workflow, {}, id="x")
    clock.advance(60)
    assert engine.resume(workflow, "x").status == "completed"
    assert asked == [1]


def test_a_slow_plain_handler_times_out(engine: AnyEngine, gate: Event) -> None:
    """It runs in a thread that is left behind; the step has failed."""
    result = engine.execute(Workflow("w").step("a", lambda ctx: gate.wait(LIMIT), timeout=0.01), {})
    assert result.error is not None
    assert (result.error.type, result.error.code) == ("StepTimeout", "STEP_TIMEOUT")
    assert result.error.message == "step 'a' took longer than its time-out of 0.01 s"
    assert result.error.retryable


def test_a_timed_out_handler_is_told(engine: AnyEngine, gate: Event) -> None:
    """`ctx.cancelled` becomes true when the time is up."""
    seen: list[Ctx] = []

    def work(ctx: Ctx) -> None:
        seen.append(ctx)
        assert not ctx.cancelled
        gate.wait(LIMIT)

    engine.execute(Workflow("w").step("a", work, timeout=0.01), {})
    assert seen[0].cancelled


def test_what_a_timed_out_handler_changes_does_not_count(engine: AnyEngine, gate: Event) -> None:
    """The thread that was left behind works on data of its own."""
    ended = Event()

    def work(ctx: Ctx) -> None:
        gate.wait(LIMIT)
        ctx.data["n"] = 1
        ended.set()

    result = engine.execute(Workflow("w").step("a", work, timeout=0.01), {}, id="x")
    gate.set()
    assert ended.wait(LIMIT)
    assert (result.data, engine.run("x").data) == ({}, {})


def test_a_thread_that_outlives_the_engine_ends_quietly(gate: Event, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that was left behind may end after the event loop that waited for it is closed."""
    raised: list[object] = []
    monkeypatch.setattr(threading, "excepthook", raised.append)
    workflow = Workflow("w").step("a", lambda ctx: gate.wait(LIMIT), timeout=0.01)
    asyncio.run(AsyncEngine().execute(workflow, {}))
    (thread,) = [thread for thread in threading.enumerate() if thread.name == "flux-a"]
    gate.set()
    thread.join(LIMIT)
    assert raised == []


def test_a_retry_waits_for_the_thread_of_the_attempt_before(engine: AnyEngine, gate: Event) -> None:
    """Two attempts of one step never overlap."""
    order = []

    def work(ctx: Ctx) -> None:
        order.append(f"begin {ctx.attempt}")
        if ctx.attempt == 1:
            while not ctx.cancelled:
                gate.wait(0.001)
            gate.wait(0.03)  # long enough for a retry that does not wait
        order.append(f"end {ctx.attempt}")

    retries = exactly(1, initial=0)
    result = engine.execute(Workflow("w").step("a", work, timeout=0.3, retries=retries), {})
    assert (result.status, order) == ("completed", ["begin 1", "end 1", "begin 2", "end 2"])


def test_a_thread_that_does_not_end_before_the_lease_fails_the_step(
    engine: AnyEngine, clock: Clock, gate: Event
) -> None:
    """Rather than let two attempts overlap, the step is not retried."""
    attempts = []

    def work(ctx: Ctx) -> None:
        attempts.append(ctx.attempt)
        clock.advance(59.99)
        gate.wait(LIMIT)

    workflow = Workflow("w").step("a", work, timeout=0.3, retries=exactly(3))
    result = engine.execute(workflow, {})
    assert result.error is not None
    assert (result.status, result.error.type, attempts) == ("failed", "StepTimeout", [1])


def test_a_plain_handler_that_is_quick_enough_does_not_time_out(engine: AnyEngine) -> None:
    """The time-out is no delay; the handler's own thread changes nothing."""
    seen: list[bool] = []

    def work(ctx: Ctx) -> int:
        ctx.data["n"] = 1
        seen.append(threading.current_thread().name == "flux-a")
        return 3

    result = engine.execute(Workflow("w").step("a", work, timeout=LIMIT), {})
    assert (result.results, result.data, seen) == ({"a": 3}, {"n": 1}, [True])


def test_a_time_out_may_be_longer_than_any_thread_waits(engine: AnyEngine) -> None:
    """An endless time-out is none; it does not break the wait for the thread."""
    started = Event()

    def work(ctx: Ctx) -> int:
        started.wait(0.02)  # not set: the wait for the thread has begun
        return 1

    result = engine.execute(Workflow("w").step("a", work, timeout=float("inf")), {})
    assert result.results == {"a": 1}


def test_a_slow_async_handler_is_cancelled(engine: AnyEngine) -> None:
    """It is cancelled on its event loop, and the step has failed."""
    cancelled = []

    async def work(ctx: Ctx) -> None:
        try:
            await asyncio.sleep(LIMIT)
        except asyncio.CancelledError:
            cancelled.append(ctx.cancelled)
            raise

    result = engine.execute(Workflow("w").step("a", work, timeout=0.01), {})
    assert result.error is not None
    assert (result.error.type, len(cancelled)) == ("StepTimeout", 1)


def test_a_timed_out_async_attempt_is_retried(engine: AnyEngine) -> None:
    """A time-out is a failure like any other."""

    async def work(ctx: Ctx) -> int:
        if ctx.attempt == 1:
            await asyncio.sleep(LIMIT)
        return ctx.attempt

    workflow = Workflow("w").step("a", work, timeout=0.05, retries=exactly(1, initial=0))
    assert engine.execute(workflow, {}).results == {"a": 2}


@pytest.mark.parametrize("timeout", [0.01, timedelta(milliseconds=10)])
def test_the_engines_time_out_counts_for_nodes_that_say_nothing(
    timeout: float | timedelta, make_engine: MakeEngine, gate: Event
) -> None:
    """`default_timeout` is in seconds, or a timedelta."""
    engine = make_engine(default_timeout=timeout)
    result = engine.execute(Workflow("w").step("a", lambda ctx: gate.wait(LIMIT)), {})
    assert result.error is not None
    assert result.error.type == "StepTimeout"


def raise_timeout(ctx: Ctx) -> None:
    """Time out on something of one's own."""
    raise TimeoutError("the bank did not answer")


async def raise_timeout_async(ctx: Ctx) -> None:
    """Time out on something of one's own."""
    async with asyncio.timeout(0):
        await asyncio.sleep(LIMIT)


@pytest.mark.parametrize("handler", [raise_timeout, raise_timeout_async])
@pytest.mark.parametrize("timeout", [None, LIMIT])
def test_a_handlers_own_timeout_is_its_own(
    engine: AnyEngine, handler: Callable[[Ctx], Any], timeout: float | None
) -> None:
    """A `TimeoutError` of the handler is not taken for the step's time-out."""
    result = engine.execute(Workflow("w").step("a", handler, timeout=timeout), {})
    assert result.error is not None
    assert (result.error.type, result.error.code) == ("TimeoutError", "STEP_FAILED")


def leave(error: type[BaseException]) -> Callable[[Ctx], Any]:
    """Return a handler that leaves the process."""

    def handler(ctx: Ctx) -> None:
        raise error

    return handler


def leave_async(error: type[BaseException]) -> Callable[[Ctx], Any]:
    """Return an async handler that leaves the process."""

    async def handler(ctx: Ctx) -> None:
        raise error

    return handler


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
@pytest.mark.parametrize("timeout", [None, LIMIT])
@pytest.mark.parametrize("make", [leave, leave_async])
def test_leaving_the_process_is_no_failure(
    make_engine: MakeEngine,
    store: MemoryStorage,
    clock: Clock,
    make: Callable[[type[BaseException]], Callable[[Ctx], Any]],
    timeout: float | None,
    error: type[BaseException],
) -> None:
    """`SystemExit` and `KeyboardInterrupt` pass through, and leave the run to be taken over."""
    with pytest.raises(error):
        make_engine(store).execute(
            Workflow("w").step("a", make(error), timeout=timeout, retries=3), {}, id="x"
        )
    engine = make_engine(store)
    assert engine.run("x").status == "running"
    clock.advance(61)
    assert engine.resume(Workflow("w").step("a", lambda ctx: ctx.attempt), "x").results == {"a": 2}


def test_a_loop_outlives_a_handler_that_leaves(make_engine: MakeEngine) -> None:
    """The same engine runs async handlers after one of them raised `SystemExit`."""

    async def work(ctx: Ctx) -> int:
        return 1

    engine = make_engine()
    with pytest.raises(SystemExit):
        engine.execute(Workflow("w").step("a", leave_async(SystemExit)), {})
    assert engine.execute(Workflow("w").step("a", work), {}).results == {"a": 1}


def test_a_handler_whose_own_task_was_cancelled_has_failed(engine: AnyEngine) -> None:
    """Nobody cancelled the call: a `CancelledError` out of the handler is an error of the step."""

    async def work(ctx: Ctx) -> None:
        task = asyncio.ensure_future(asyncio.sleep(LIMIT))
        task.cancel()
        await task

    assert engine.execute(Workflow("w").step("a", work), {}).status == "failed"


def test_cancelling_an_async_call_leaves_the_run_to_be_taken_over(store: MemoryStorage, clock: Clock) -> None:
    """Cancellation passes through the engine; nothing is saved of the attempt."""

    async def main() -> None:
        started = asyncio.Event()

        async def work(ctx: Ctx) -> None:
            started.set()
            await asyncio.sleep(LIMIT)

        engine = AsyncEngine(store, clock=clock)
        call = asyncio.ensure_future(engine.execute(Workflow("w").step("a", work), {}, id="x"))
        await started.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

    asyncio.run(main())
    record = store.load("x")
    assert record is not None
    assert (record.status, record.revision) == ("running", 1)


def test_a_handler_may_raise_stop_iteration(engine: AnyEngine) -> None:
    """The error that ends generators is an error of the step like any other."""

    def work(ctx: Ctx) -> None:
        raise StopIteration("empty")

    result = engine.execute(Workflow("w").step("a", work), {})
    assert result.error is not None
    assert result.error.type == "StopIteration"


def test_a_thread_is_not_waited_for_beyond_the_deadline(engine: AnyEngine, clock: Clock, gate: Event) -> None:
    """The worker must have stopped at its deadline, although its lease outlasts it."""
    attempts = []

    def work(ctx: Ctx) -> None:
        attempts.append(ctx.attempt)
        clock.advance(9.99)
        gate.wait(LIMIT)

    workflow = Workflow("w").step("a", work, timeout=0.3, retries=exactly(3))
    begun = time.monotonic()
    result = engine.execute(workflow, {}, deadline=clock.monotonic() + 10)
    assert (result.status, attempts) == ("failed", [1])
    assert time.monotonic() - begun < LIMIT
