"""The tools for testing workflows: they stop, interleave and recover as they say, and can fail."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from flux_core import Engine, Fatal, InvalidId, Result, Retry, Workflow
from flux_core.storage import MemoryStorage
from flux_core.testing import FakeClock, crash_points, interleavings
from flux_core.testing._stepping import Call, Script, SteppingEngine

if TYPE_CHECKING:
    from collections.abc import Generator

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


APPROVED = Workflow("approved").wait("approval").commit("a", lambda ctx: ctx.results["approval"])


def approve(engine: Engine) -> Generator[Any, Any, Any]:
    """Start a run, and answer what it waits for."""
    waiting = yield engine.execute(APPROVED, {}, id="x")
    if waiting.status != "completed":
        return (yield engine.signal(APPROVED, "x", "approval", waiting.status, id="approval"))
    return waiting


def test_several_calls_are_made_one_after_the_other() -> None:
    """A generator is sent what each call returned, and its own result is the outcome."""
    [schedule] = interleavings([approve], [APPROVED], lapses=0)
    [result] = schedule.outcomes
    assert result.results == {"approval": "suspended", "a": "suspended"}


def test_what_a_call_raises_is_raised_in_the_generator_that_made_it() -> None:
    """It may go on with another call, or let the error be its outcome."""

    def insist(engine: Engine) -> Generator[Any, Any, Any]:
        with pytest.raises(InvalidId):
            yield engine.execute(ONE, {}, id="not an id")
        yield engine.execute(ONE, {}, id="x")
        yield engine.execute(ONE, {}, id="not an id either")

    [schedule] = interleavings([insist], [ONE], lapses=0)
    assert [type(outcome) for outcome in schedule.outcomes] == [InvalidId]
    assert [run.id for run in schedule.engine.list()] == ["x"]


def test_a_generator_without_calls_has_nothing_to_do() -> None:
    """Its result is there at once, and it can be stopped like any other."""
    script = Script(call for call in list[Call]())
    assert (script.next, script.touches_store, script.result) == (None, False, None)
    script.stop()


def test_a_crash_between_two_calls_is_a_crash_like_any_other() -> None:
    """The worker dies before each effect of each call; what is delivered again begins with the first."""
    crashes = list(crash_points(approve, [APPROVED]))
    before = [type(crash.effect).__name__ for crash in crashes]
    assert before.count("Create") == 1
    assert before.count("Now") == 2, "one in each call"
    assert {crash.result.status for crash in crashes} == {"completed"}


def test_an_order_can_be_tried_again() -> None:
    """The order of a schedule makes the same schedule."""
    calls = [lambda engine, name=name: engine.execute(ONE, {}, id=name) for name in ("x", "y")]
    first = [schedule.order for schedule in interleavings(calls, [ONE], samples=5, seed=1)]
    again = [schedule.order for schedule in interleavings(calls, [ONE], orders=first)]
    assert again == first


def test_an_order_that_does_not_fit_any_more_is_followed_as_far_as_it_does() -> None:
    """Who has ended is passed over, and who is not named moves in turn."""
    calls = [lambda engine, name=name: engine.execute(ONE, {}, id=name) for name in ("x", "y")]
    [schedule] = interleavings(calls, [ONE], lapses=0, orders=[(1, 1, -1, 1, 1)])
    assert schedule.order == (1, 1, 0, 0)


def test_recovery_does_not_wait_for_a_signal_nor_for_a_person() -> None:
    """A run that waits for a signal without a time-out is left waiting, and a paused one paused."""

    def pause(engine: Engine) -> Generator[Any, Any, Any]:
        yield engine.execute(APPROVED, {}, id="x")
        yield engine.execute(APPROVED, {}, id="y")
        yield engine.pause("y")

    [schedule] = interleavings([pause], [APPROVED], lapses=0)
    assert [(run.id, run.status) for run in schedule.engine.list()] == [("y", "paused"), ("x", "suspended")]


def test_recovery_waits_for_the_back_off_of_a_compensation() -> None:
    """A run that goes back is not left half way."""

    def fail_once(ctx: Any) -> None:
        if ctx.attempt == 1:
            raise OSError("not now")

    def fail(ctx: Any) -> None:
        raise Fatal("no")

    hourly = Retry(5, initial=3600, max=3600, jitter="none")
    flow = Workflow("w").commit("a", fail_once, retries=hourly, compensate=fail_once).step("b", fail)
    crashes = list(crash_points(lambda engine: engine.execute(flow, {}, id="x"), [flow]))
    assert {crash.result.status for crash in crashes} == {"rolled_back"}
