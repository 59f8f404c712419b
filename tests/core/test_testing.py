"""The tools for testing workflows: they stop, interleave and recover as they say, and can fail."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from flux_core import Engine, Fatal, Result, Retry, Workflow
from flux_core.storage import MemoryStorage
from flux_core.testing import FakeClock, crash_points, interleavings
from flux_core.testing._stepping import Call, SteppingEngine

ONE = Workflow("one").commit("a", lambda ctx: 1)


def stepped(call: Any) -> Call:
    """Return what a stepping engine's method gives, as what it is."""
    assert isinstance(call, Call)
    return call


def test_a_fake_clock_shows_what_it_was_started_with() -> None:
    """Both its clocks begin at `start` and stand still."""
    clock = FakeClock(5.0)
    assert (clock.time(), clock.monotonic(), clock.time()) == (5.0, 5.0, 5.0)


def test_a_fake_clock_is_moved_by_seconds_and_by_timedeltas() -> None:
    """Three weeks pass at once."""
    clock = FakeClock()
    clock.advance(1.5)
    clock.advance(timedelta(weeks=3))
    assert clock.time() == 1.5 + 3 * 7 * 86_400


def test_a_fake_clock_does_not_go_back() -> None:
    """A negative step is refused, and moves nothing."""
    clock = FakeClock()
    with pytest.raises(ValueError, match="time does not go back; got -1"):
        clock.advance(-1)
    assert clock.time() == 0.0


def test_waiting_on_a_fake_clock_moves_it() -> None:
    """Both ways to wait return at once, that much later."""
    clock = FakeClock()
    clock.sleep(2)
    asyncio.run(clock.sleep_async(3))
    assert clock.time() == 5.0


def test_a_call_can_be_finished_in_one_go() -> None:
    """`finish` performs what is left and returns the result."""
    result = stepped(SteppingEngine(MemoryStorage()).execute(ONE, {})).finish()
    assert isinstance(result, Result)
    assert result.results == {"a": 1}


def test_a_call_that_raises_raises_when_it_is_finished() -> None:
    """How the call ended is kept until somebody asks."""
    call = stepped(SteppingEngine(MemoryStorage()).execute(ONE, {}, id="not an id"))
    while call.next:
        call.step()
    assert call.error is not None
    with pytest.raises(ValueError, match="not an id"):
        call.finish()


def test_crash_points_show_a_flow_that_does_things_twice() -> None:
    """A step whose effect has no key is seen to have it twice: the tool can find what it looks for."""
    charges: list[str] = []
    flow = Workflow("w").step("charge", lambda ctx: charges.append(ctx.id))
    crashes = crash_points(lambda engine: engine.execute(flow, {}, id="x"), [flow], reset=charges.clear)
    assert 2 in [len(charges) for _ in crashes]


def test_crash_points_end_with_the_last_effect() -> None:
    """Every effect but none beyond is stopped at, in order."""
    crashes = list(crash_points(lambda engine: engine.execute(ONE, {}, id="x"), [ONE]))
    assert [crash.point for crash in crashes] == list(range(5))
    assert [type(crash.effect).__name__ for crash in crashes] == ["Now", "Create", "Hold", "Invoke", "Save"]
    assert {crash.engine.list().runs[0].status for crash in crashes} == {"completed"}


def test_a_call_that_does_nothing_after_its_crash_is_stuck() -> None:
    """A run that stays due for a hundred ticks is reported, instead of for ever."""
    two = ONE.step("b", lambda ctx: 2)
    renamed = Workflow("one").commit("z", lambda ctx: 1).step("b", lambda ctx: 2)
    with pytest.raises(AssertionError, match="still due after 100 ticks"):
        list(crash_points(lambda engine: engine.execute(two, {}, id="x"), [renamed]))


def test_every_order_of_two_calls_is_tried_once() -> None:
    """Two runs of two effects on the store each, in all their six orders."""
    calls = [lambda engine, name=name: engine.execute(ONE, {}, id=name) for name in ("x", "y")]
    orders = [schedule.order for schedule in interleavings(calls, [ONE], lapses=0)]
    assert len(orders) == len(set(orders)) == 6


def test_random_orders_are_the_same_for_the_same_seed() -> None:
    """A failing seed can be tried again."""

    def orders(seed: int) -> list[tuple[int, ...]]:
        calls = [lambda engine, name=name: engine.execute(ONE, {}, id=name) for name in ("x", "y")]
        return [schedule.order for schedule in interleavings(calls, [ONE], samples=20, seed=seed)]

    assert orders(1) == orders(1) != orders(2)


def test_a_schedule_keeps_what_each_call_raised() -> None:
    """A worker that was refused shows its error as its outcome."""

    def refuse(engine: Engine) -> object:
        return engine.execute(ONE, {}, id="not an id")

    [schedule] = interleavings([refuse], [ONE], lapses=0)
    assert [type(outcome).__name__ for outcome in schedule.outcomes] == ["InvalidId"]


def test_a_failed_run_is_an_outcome_like_any_other() -> None:
    """A run that fails for good needs no recovery."""

    def fail(ctx: Any) -> None:
        raise Fatal("no")

    flow = Workflow("w").step("a", fail)
    outcomes = [
        schedule.outcomes[0].status
        for schedule in interleavings([lambda engine: engine.execute(flow, {}, id="x")], [flow], lapses=0)
    ]
    assert outcomes == ["failed"]


def test_recovery_waits_for_a_back_off_however_long() -> None:
    """A run that tries again after an hour is not left half way."""

    def fail_once(ctx: Any) -> int:
        if ctx.attempt == 1:
            raise OSError("not now")
        return 1

    hourly = Retry(5, initial=3600, max=3600, jitter="none")
    flow = Workflow("w").commit("a", fail_once, retries=hourly)
    crashes = list(crash_points(lambda engine: engine.execute(flow, {}, id="x"), [flow]))
    assert {crash.result.status for crash in crashes} == {"completed"}
