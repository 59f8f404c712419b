"""Time that passes where nobody looks: in a slow save, in a hook, in a frozen sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from core.conftest import elsewhere

from flux_core import Context, Engine, LeaseLost, RunStatus, Workflow
from flux_core.storage import MemoryStorage

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.conftest import Clock, MakeEngine

    from flux_core.storage import Record

Ctx = Context[Any, Any]


class SlowStorage(MemoryStorage):
    """A store whose first save takes as long as `seconds`, during which `meanwhile` happens."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        super().__init__()
        self.clock = clock
        self.seconds = seconds
        self.meanwhile: Any = None

    def save(self, record: Record, *, replaces: int) -> None:
        """Save; then the answer takes its time."""
        super().save(record, replaces=replaces)
        seconds, self.seconds = self.seconds, 0.0
        self.clock.advance(seconds)
        if seconds and self.meanwhile:
            self.meanwhile()


def noting(store: MemoryStorage, clock: Clock, held: list[float]) -> Callable[[Ctx], None]:
    """Return a handler that notes for how long run x is held by then."""

    def look(ctx: Ctx) -> None:
        record = store.load("x")
        assert record is not None
        assert record.wake_at is not None
        held.append(record.wake_at - clock.time())

    return look


def two_nodes(calls: list[str]) -> Workflow[Any, Any]:
    """Return a step and a commit that note their calls."""
    return (
        Workflow("w")
        .step("look", lambda ctx: calls.append("look"))
        .commit("pay", lambda ctx: calls.append("pay"))
    )


def test_a_node_is_not_begun_when_a_save_has_used_up_the_deadline(
    make_engine: MakeEngine, clock: Clock
) -> None:
    """What the save before took counts."""
    calls: list[str] = []
    engine = make_engine(SlowStorage(clock, 20))
    result = engine.execute(two_nodes(calls), {}, deadline=clock.monotonic() + 10)
    assert (result.status, calls) == ("suspended", ["look"])


def test_a_node_is_not_begun_when_a_hook_has_used_up_the_deadline(
    make_engine: MakeEngine, clock: Clock
) -> None:
    """What a hook took counts, for the node that it was called for."""
    calls: list[str] = []
    engine = make_engine(MemoryStorage(), on={"step_start": lambda step, ctx: clock.advance(20)})
    result = engine.execute(two_nodes(calls), {}, deadline=clock.monotonic() + 10)
    assert (result.status, calls) == ("suspended", [])


def test_a_worker_whose_lease_was_taken_during_a_slow_save_begins_nothing(
    make_engine: MakeEngine, clock: Clock
) -> None:
    """It finds out before it has a side effect: the commit is called by the other worker alone."""
    calls: list[str] = []
    store = SlowStorage(clock, 61)
    store.meanwhile = lambda: elsewhere(lambda: Engine(store, clock=clock).resume(two_nodes(calls), "x"))
    with pytest.raises(LeaseLost):
        make_engine(store).execute(two_nodes(calls), {}, id="x")
    assert calls == ["look", "pay"]


def test_a_lease_that_a_slow_save_has_used_up_is_renewed_first(make_engine: MakeEngine, clock: Clock) -> None:
    """If nobody took it the worker goes on, and holds the run again."""
    store = SlowStorage(clock, 61)
    held: list[float] = []

    flow = Workflow("w").step("look", lambda ctx: None).commit("pay", noting(store, clock, held))
    assert make_engine(store).execute(flow, {}, id="x").status is RunStatus.COMPLETED
    assert held == [60.0]


def test_a_sandbox_that_was_frozen_begins_nothing(make_engine: MakeEngine, clock: Clock) -> None:
    """Its monotonic clock stood still; by the wall clock its deadline is over."""
    calls: list[str] = []

    class Frozen:
        def __init__(self) -> None:
            self.stood_still = 0.0

        def time(self) -> float:
            return clock.time() + self.stood_still

        def monotonic(self) -> float:
            return clock.monotonic()

        def sleep(self, seconds: float, /) -> None:
            clock.sleep(seconds)

        async def sleep_async(self, seconds: float, /) -> None:
            clock.sleep(seconds)

    frozen = Frozen()

    def freeze(ctx: Ctx) -> None:
        frozen.stood_still = 500.0

    flow = Workflow("w").step("look", freeze).commit("pay", lambda ctx: calls.append("pay"))
    result = make_engine(MemoryStorage(), clock=frozen).execute(flow, {}, deadline=clock.monotonic() + 10)
    assert (result.status, calls) == ("suspended", [])


def test_an_endless_time_out_makes_no_endless_lease(make_engine: MakeEngine, clock: Clock) -> None:
    """A run must come back some day."""
    store = MemoryStorage()
    flow = Workflow("w").step("a", lambda ctx: store._records["x"].wake_at, timeout=float("inf"))
    assert make_engine(store).execute(flow, {}, id="x").results["a"] == clock.time() + 60


def test_a_node_is_not_begun_when_its_condition_has_used_up_the_deadline(
    make_engine: MakeEngine, clock: Clock
) -> None:
    """What the condition took counts."""
    calls: list[str] = []

    def slow(ctx: Ctx) -> bool:
        clock.advance(20)
        return True

    flow = Workflow("w").commit("pay", lambda ctx: calls.append("pay"), when=slow)
    result = make_engine(MemoryStorage()).execute(flow, {}, deadline=clock.monotonic() + 10)
    assert (result.status, calls) == ("suspended", [])
