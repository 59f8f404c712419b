"""Invocations that end: what is begun before a deadline, and what is left to the next invocation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from flux_core import Context, Retry, Workflow
from flux_core._invocation import CURRENT, Invocation
from flux_core._worker import CLOCK_SKEW

if TYPE_CHECKING:
    from core.conftest import AnyEngine, Clock, MakeEngine

    from flux_core.storage import MemoryStorage, Storage

Ctx = Context[Any, Any]


def one(ctx: Ctx) -> int:
    """Return 1."""
    return 1


def fail(ctx: Ctx) -> None:
    """Fail."""
    raise ValueError


def test_a_node_is_not_begun_when_no_time_is_left(
    make_engine: MakeEngine, any_store: Storage, clock: Clock
) -> None:
    """The run is suspended, due at once, held by nobody; the next invocation goes on with it."""
    workflow = Workflow("w").step("a", lambda ctx: clock.advance(9.5)).step("b", one)
    engine = make_engine(any_store)
    result = engine.execute(workflow, {}, id="x", deadline=clock.monotonic() + 10)
    assert (result.status, result.wake_at, result.results) == ("suspended", clock.time(), {"a": None})
    assert engine.run("x").held_until is None
    assert engine.resume(workflow, "x").results == {"a": None, "b": 1}


def test_a_run_is_held_until_its_worker_is_killed(
    make_engine: MakeEngine, any_store: Storage, clock: Clock
) -> None:
    """Where a function lives on after its deadline, as one that is to answer sooner, nobody takes its run over."""
    now = clock.time()
    held: list[float | None] = []
    workflow = Workflow("w").step("a", lambda ctx: held.append(any_store.load("x").wake_at))  # type: ignore[union-attr]
    before = CURRENT.set(Invocation({}, clock.monotonic() + 300))
    try:
        make_engine(any_store).execute(workflow, {}, id="x", deadline=clock.monotonic() + 10)
    finally:
        CURRENT.reset(before)
    assert held == [now + 300 + CLOCK_SKEW]


def test_a_node_is_begun_while_time_is_left(engine: AnyEngine, clock: Clock) -> None:
    """Half a second is kept back, and no more."""
    workflow = Workflow("w").step("a", lambda ctx: clock.advance(9.25)).step("b", one)
    assert engine.execute(workflow, {}, deadline=clock.monotonic() + 10).status == "completed"


def test_a_call_that_comes_too_late_begins_nothing(engine: AnyEngine, clock: Clock) -> None:
    """With a deadline that has passed the run is created and left to the next invocation."""
    result = engine.execute(Workflow("w").step("a", one), {}, id="x", deadline=clock.monotonic() - 1)
    assert (result.status, result.results, result.wake_at) == ("suspended", {}, clock.time())


@pytest.mark.parametrize(("timeout", "status"), [(5.5, "completed"), (5.5625, "suspended")])
def test_a_node_is_begun_if_its_time_out_fits(
    engine: AnyEngine, clock: Clock, timeout: float, status: str
) -> None:
    """A node with a time-out is begun only if all of it, and half a second, is left."""
    workflow = Workflow("w").step("a", lambda ctx: clock.advance(14)).step("b", one, timeout=timeout)
    assert engine.execute(workflow, {}, deadline=clock.monotonic() + 20).status == status


def test_a_step_longer_than_any_invocation_is_begun_at_the_start_of_one(
    engine: AnyEngine, clock: Clock
) -> None:
    """It would never run otherwise."""
    workflow = Workflow("w").step("a", one, timeout=300)
    assert engine.execute(workflow, {}, deadline=clock.monotonic() + 10).status == "completed"


def test_a_step_longer_than_any_invocation_waits_for_the_start_of_one(
    engine: AnyEngine, clock: Clock
) -> None:
    """Late in an invocation it is left to the next one, which begins it."""
    workflow = Workflow("w").step("a", lambda ctx: clock.advance(8)).step("b", one, timeout=300)
    assert engine.execute(workflow, {}, id="x", deadline=clock.monotonic() + 10).status == "suspended"
    assert engine.resume(workflow, "x", deadline=clock.monotonic() + 10).status == "completed"


def test_a_back_off_beyond_the_deadline_suspends_the_run(engine: AnyEngine, clock: Clock) -> None:
    """No invocation waits past its own end, not even a short back-off at its start."""
    begun = clock.time()
    workflow = Workflow("w").step("a", fail, retries=Retry(1, initial=4, jitter="none"))
    result = engine.execute(workflow, {}, deadline=clock.monotonic() + 2)
    assert (result.status, clock.slept, result.wake_at) == ("suspended", [], begun + 4)


def test_an_attempt_that_would_not_fit_after_its_back_off_is_left(engine: AnyEngine, clock: Clock) -> None:
    """The next attempt's time-out counts as that of a node does."""

    def work(ctx: Ctx) -> None:
        clock.advance(8)
        raise ValueError

    workflow = Workflow("w").step("a", work, timeout=10, retries=Retry(1, initial=1, jitter="none"))
    result = engine.execute(workflow, {}, deadline=clock.monotonic() + 15)
    assert (result.status, clock.slept, result.wake_at) == ("suspended", [], clock.time() + 1)


def test_a_back_off_within_the_deadline_is_waited_out(engine: AnyEngine, clock: Clock) -> None:
    """There is time for the delay and the attempt after it."""
    workflow = Workflow("w").step("a", fail, retries=Retry(1, initial=1, jitter="none"))
    result = engine.execute(workflow, {}, deadline=clock.monotonic() + 10)
    assert (result.status, clock.slept) == ("failed", [1.0])


def test_a_lease_outlasts_the_deadline_by_the_skew_of_clocks(
    make_engine: MakeEngine, store: MemoryStorage, clock: Clock
) -> None:
    """Until five seconds after its deadline nobody takes the run from a worker that has one."""
    seen = []

    def look(ctx: Ctx) -> None:
        record = store.load("x")
        seen.append(record and record.wake_at)

    begun = clock.time()
    make_engine(store).execute(Workflow("w").step("a", look), {}, id="x", deadline=clock.monotonic() + 20)
    assert seen == [begun + 25]


def test_a_lease_with_a_deadline_is_not_renewed(
    make_engine: MakeEngine, store: MemoryStorage, clock: Clock
) -> None:
    """It lasts to the end of the invocation as it is."""
    seen = []

    def look(ctx: Ctx) -> None:
        clock.advance(40)
        record = store.load("x")
        seen.append(record and record.wake_at)

    begun = clock.time()
    workflow = Workflow("w").step("a", look).step("b", look)
    make_engine(store).execute(workflow, {}, id="x", deadline=clock.monotonic() + 100)
    assert seen == [begun + 105, begun + 105]


def test_a_retried_step_keeps_to_a_deadline(engine: AnyEngine, clock: Clock) -> None:
    """`retry_step` may be called in an invocation that ends."""
    engine.execute(Workflow("w").step("a", fail).step("b", one), {}, id="x")
    workflow = Workflow("w").step("a", lambda ctx: clock.advance(9.75)).step("b", one)
    assert engine.retry_step(workflow, "x", "a", deadline=clock.monotonic() + 10).status == "suspended"
