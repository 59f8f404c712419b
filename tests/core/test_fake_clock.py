"""Async steps on a clock that stands still: time-outs follow it, and sleeps side by side pass side by side."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from flux_core import AsyncEngine, Context, Retry, Workflow
from flux_core.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from core.conftest import AnyEngine, MakeEngine

Ctx = Context[Any, Any]

LIMIT = 5  # real seconds after which a test that waits for something real gives up


@pytest.fixture
def clock() -> FakeClock:
    """Give the clock of users' own tests."""
    return FakeClock()


def run(engine: AnyEngine, handler: Callable[[Ctx], Awaitable[object]], **options: Any) -> str:
    """Run a workflow of the one step; return how it ended, or the type of its error."""
    result = engine.execute(Workflow("w").step("a", handler, **options), {})
    return result.error.type if result.error else result.status


def test_a_step_that_sleeps_too_long_times_out(engine: AnyEngine, clock: FakeClock) -> None:
    """It fails when its time is up by the clock, not when its sleep would have ended."""

    async def work(ctx: Ctx) -> None:
        await clock.sleep_async(100)

    assert run(engine, work, timeout=30) == "StepTimeout"
    assert clock.time() == 30


def test_many_short_sleeps_time_out_like_a_long_one(engine: AnyEngine, clock: FakeClock) -> None:
    """The time-out is that of the attempt."""

    async def work(ctx: Ctx) -> None:
        while True:
            await clock.sleep_async(7)

    assert run(engine, work, timeout=30) == "StepTimeout"
    assert clock.time() == 30


@pytest.mark.parametrize(("seconds", "outcome"), [(29.5, "completed"), (30, "StepTimeout")])
def test_the_time_out_comes_before_what_ends_with_it(
    engine: AnyEngine, clock: FakeClock, seconds: float, outcome: str
) -> None:
    """What takes less time is not touched by it."""

    async def work(ctx: Ctx) -> None:
        await clock.sleep_async(seconds)

    assert run(engine, work, timeout=30) == outcome
    assert clock.time() == seconds


def test_a_sleep_without_a_time_out_ends(engine: AnyEngine, clock: FakeClock) -> None:
    """Three weeks pass at once."""

    async def work(ctx: Ctx) -> None:
        await clock.sleep_async(3 * 7 * 86_400)

    assert run(engine, work) == "completed"
    assert clock.time() == 3 * 7 * 86_400


def test_a_timed_out_attempt_is_retried(engine: AnyEngine, clock: FakeClock) -> None:
    """It is a failure like any other: the back-off follows, and the next attempt has all of its time."""
    seen = []

    async def work(ctx: Ctx) -> None:
        seen.append((clock.time(), ctx.remaining()))
        await clock.sleep_async(100 if ctx.attempt == 1 else 20)

    retries = Retry(1, initial=2, jitter="none")
    assert run(engine, work, timeout=30, retries=retries) == "completed"
    assert (seen, clock.time()) == ([(0, 30), (32, 30)], 52)


def test_what_remains_follows_the_clock(engine: AnyEngine, clock: FakeClock) -> None:
    """A handler that looks at its time sees it pass."""
    seen = []

    async def work(ctx: Ctx) -> None:
        await clock.sleep_async(10)
        seen.append(ctx.remaining())

    run(engine, work, timeout=30)
    assert seen == [20]


def test_a_timed_out_handler_is_cancelled_where_it_sleeps(engine: AnyEngine, clock: FakeClock) -> None:
    """It sees `CancelledError`, its `finally` runs and may still sleep, and then its context says so too."""
    seen: list[object] = []

    async def work(ctx: Ctx) -> None:
        seen.append(ctx)
        try:
            await clock.sleep_async(100)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise
        finally:
            await clock.sleep_async(5)
            seen.append(clock.time())

    assert run(engine, work, timeout=30) == "StepTimeout"
    context, *others = seen
    assert isinstance(context, Context)
    assert (others, context.cancelled) == (["cancelled", 35], True)


def test_a_clock_moved_by_the_handler_times_it_out(engine: AnyEngine, clock: FakeClock) -> None:
    """The time-out counts where time passes, too, and not just where it is slept away: at the next await."""

    async def work(ctx: Ctx) -> None:
        clock.advance(31)
        await clock.sleep_async(100)

    assert run(engine, work, timeout=30) == "StepTimeout"
    assert clock.time() == 31


def test_a_handler_that_is_done_when_its_time_is_up_has_completed(
    engine: AnyEngine, clock: FakeClock
) -> None:
    """As on a real loop: nothing is awaited any more that could be cancelled."""

    async def work(ctx: Ctx) -> None:
        clock.advance(31)

    assert run(engine, work, timeout=30) == "completed"


def test_a_handler_that_awaits_something_real_times_out_in_real_time(
    engine: AnyEngine, clock: FakeClock
) -> None:
    """A test does not hang in a handler that does not go by the clock."""

    async def work(ctx: Ctx) -> None:
        await asyncio.sleep(LIMIT)

    assert run(engine, work, timeout=0.01) == "StepTimeout"
    assert clock.time() == 0


def test_a_time_out_that_was_not_needed_is_forgotten(engine: AnyEngine, clock: FakeClock) -> None:
    """What sleeps after the step is not stopped at the moment at which the step would have timed out."""

    async def work(ctx: Ctx) -> None:
        await clock.sleep_async(1)

    async def more(ctx: Ctx) -> None:
        await clock.sleep_async(100)

    workflow = Workflow("w").step("a", work, timeout=30).step("b", more)
    assert engine.execute(workflow, {}).status == "completed"
    assert clock.time() == 101


def test_a_time_out_without_end_is_none(engine: AnyEngine, clock: FakeClock) -> None:
    """As in real time."""

    async def work(ctx: Ctx) -> None:
        await clock.sleep_async(100)

    assert run(engine, work, timeout=float("inf")) == "completed"


def test_gathered_sleeps_pass_side_by_side(engine: AnyEngine, clock: FakeClock) -> None:
    """Two of ten seconds take ten, and fit a time-out of fifteen."""

    async def work(ctx: Ctx) -> None:
        await asyncio.gather(clock.sleep_async(10), clock.sleep_async(10))

    assert run(engine, work, timeout=15) == "completed"
    assert clock.time() == 10


def test_the_shorter_sleep_ends_first(clock: FakeClock) -> None:
    """Each task wakes at its own moment, and what it sleeps next is counted from there."""
    order: list[tuple[str, float]] = []

    async def task(name: str, *sleeps: float) -> None:
        for seconds in sleeps:
            await clock.sleep_async(seconds)
            order.append((name, clock.time()))

    async def main() -> None:
        await asyncio.gather(task("long", 10), task("short", 3, 4, 5))

    asyncio.run(main())
    assert order == [("short", 3), ("short", 7), ("long", 10), ("short", 12)]


def test_a_time_out_cancels_every_sleep_of_the_step(engine: AnyEngine, clock: FakeClock) -> None:
    """Time stands still until the cancellation has arrived in the tasks of tasks."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        await clock.sleep_async(seconds)
        slept.append(seconds)

    async def inner() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(sleep(20))
            tasks.create_task(sleep(40))

    async def work(ctx: Ctx) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(inner())
            tasks.create_task(sleep(50))

    assert run(engine, work, timeout=30) == "StepTimeout"
    assert (slept, clock.time()) == ([20], 30)


def test_a_sleep_that_is_shielded_goes_on(engine: AnyEngine, clock: FakeClock) -> None:
    """A handler that sees to its end before it gives up takes as long as it takes."""

    async def work(ctx: Ctx) -> None:
        task = asyncio.ensure_future(clock.sleep_async(100))
        with suppress(asyncio.CancelledError):
            await asyncio.shield(task)
        await task

    assert run(engine, work, timeout=30) == "completed"
    assert clock.time() == 100


def test_a_sleep_that_is_given_up_holds_nobody_up(clock: FakeClock) -> None:
    """A cancelled sleep is no moment that the clock stops at."""
    stops: list[float] = []

    async def main() -> None:
        task = asyncio.ensure_future(clock.sleep_async(5))
        await asyncio.sleep(0)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await clock.sleep_async(10)
        stops.append(clock.time())

    asyncio.run(main())
    assert stops == [10]


def test_a_sleep_of_no_time_lets_others_go_on(clock: FakeClock) -> None:
    """A loop that polls with it does not stand in its own way."""

    async def main() -> None:
        done = asyncio.Event()
        asyncio.get_running_loop().call_soon(done.set)
        while not done.is_set():
            await clock.sleep_async(0)

    asyncio.run(asyncio.wait_for(main(), LIMIT))
    assert clock.time() == 0


def test_a_sleep_does_not_go_back(clock: FakeClock) -> None:
    """As little as `advance`."""
    with pytest.raises(ValueError, match="time does not go back; got -1"):
        asyncio.run(clock.sleep_async(-1))


def test_two_runs_side_by_side_time_out_each_at_its_own_moment(clock: FakeClock) -> None:
    """The time-outs of one loop are not mixed up."""
    cancelled: list[tuple[str, float]] = []

    async def come(ctx: Ctx) -> None:
        await clock.sleep_async(ctx.input["at"])

    async def work(ctx: Ctx) -> None:
        try:
            await clock.sleep_async(100)
        finally:
            cancelled.append((ctx.id, clock.time()))

    async def main() -> None:
        engine = AsyncEngine(clock=clock)
        workflow = Workflow("w").step("come", come).step("work", work, timeout=30)
        await asyncio.gather(*(engine.execute(workflow, {"at": at}, id=f"{at}") for at in (20, 0)))

    asyncio.run(main())
    assert cancelled == [("0", 30), ("20", 50)]


def test_the_clock_may_be_moved_from_another_thread(make_engine: MakeEngine, clock: FakeClock) -> None:
    """A test that waits for a step in a thread of its own moves the clock, and the step times out."""

    async def work(ctx: Ctx) -> None:
        await asyncio.to_thread(clock.advance, 31)
        await asyncio.sleep(LIMIT)

    assert run(make_engine(), work, timeout=30) == "StepTimeout"
