"""Stop a call at every effect, recover from what was saved, and let a test look."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from flux_core._status import RunStatus
from flux_core.storage import MemoryStorage
from flux_core.testing._clock import FakeClock
from flux_core.testing._stepping import SteppingEngine, StillEngine, begun

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Unpack

    from flux_core._effects import Effect
    from flux_core._engine import Engine
    from flux_core._options import EngineOptions
    from flux_core._workflow import Workflow
    from flux_core.storage import Storage

LEASE = 60.0  # the engine's own default, in seconds
LIVE = (RunStatus.PENDING, RunStatus.RUNNING, RunStatus.SUSPENDED, RunStatus.ROLLING_BACK)
TICKS = 100  # how many rounds of recovery a run may need before it counts as stuck


class Crash(NamedTuple):
    """A call that was stopped, and what came of it after recovery."""

    point: int
    """How many effects had been performed."""
    effect: Effect
    """The effect before which the worker died."""
    result: Any
    """What the same call returned when it was made again, after recovery."""
    engine: Engine
    """An engine over the recovered store, to look at it."""


def crash_points(
    call: Callable[[Engine], Any],
    workflows: Iterable[Workflow[Any, Any]],
    *,
    reset: Callable[[], object] = lambda: None,
    storage: Callable[[], Storage] = MemoryStorage,
    **options: Unpack[EngineOptions],
) -> Iterator[Crash]:
    """Make a call again and again, with a worker that dies before its first, second, third ... effect.

    After each death the lease runs out, `tick` recovers what was saved, and the call is made once more, as a
    source that delivers at least once would. Then the crash is yielded, for the test to look at the world:

        for crash in crash_points(lambda engine: engine.execute(order, ORDER, id="o_1"), [order], reset=bank.clear):
            assert bank.charges == 1, crash.effect

    Args:
        call: makes the call; it is given the engine. A generator function makes several, one after the other: it
            yields each, is sent what that returned, and what it raised is raised there.
        workflows: those that `tick` goes on with.
        reset: empties the world before each round.
        storage: makes an empty store for each round.
        options: those of the engine; the clock is a `FakeClock` unless one is given.

    Raises:
        AssertionError: runs were still due after 100 ticks.
    """
    kept = tuple(workflows)
    point = 0
    while True:
        reset()
        store, clock = storage(), FakeClock(1_000_000.0)
        settings: EngineOptions = {"clock": clock, **options}
        started = begun(call, SteppingEngine(store, **settings))
        for _ in range(point):
            started.step()
        if started.next is None:
            return
        effect = started.next
        started.stop()
        engine = StillEngine(store, **settings)
        for _ in range(2):  # what the second delivery began may have to wait, too
            recover(engine, kept, clock, options.get("lease", LEASE))
            result = begun(call, SteppingEngine(store, **settings)).finish()
        yield Crash(point, effect, result, engine)
        point += 1


def recover(engine: Engine, workflows: Iterable[Workflow[Any, Any]], clock: FakeClock, lease: float) -> None:
    """Let time pass and tick until no run waits for it any more, as the schedule of a deployed app would.

    A run that is paused, or waits for a signal without a time-out, does not wait for time.

    Raises:
        AssertionError: runs were still due after 100 ticks.
    """
    kept = tuple(workflows)
    for _ in range(TICKS):
        clock.advance(lease + 1)
        if engine.tick(kept).due:
            continue
        runs = [run for flow in kept for run in engine.list(workflow=flow.name, status=LIVE)]
        times = [run.wake_at for run in runs if run.wake_at is not None]
        if not times:
            return
        clock.advance(max(0.0, min(times) - clock.time()))
    raise AssertionError(f"runs were still due after {TICKS} ticks")
