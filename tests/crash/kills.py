"""Workers that die before a given effect, and the workers that come after them."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

from crash.shop import WatchedStorage

from flux_core.testing import FakeClock
from flux_core.testing._crashes import LEASE, recover
from flux_core.testing._stepping import Call, SteppingEngine, StillEngine, begun

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from flux_core import Engine, Workflow
    from flux_core.storage import Storage

    Script = Callable[[Engine], Generator[Any, Any, Any]]

START = 1_000_000.0


class Killed(NamedTuple):
    """What is left when two workers have died and the rest was recovered."""

    first: int
    """The effect of its call before which the first worker died."""
    second: int
    """The effect of the recovery before which the second died."""
    engine: Engine


def clock_of(engine: Engine) -> FakeClock:
    """Return the clock that the engine shares with the others."""
    clock = engine._flows.clock
    assert isinstance(clock, FakeClock)
    return clock


def pass_time(engine: Engine, until: float) -> None:
    """Let it be that time, for every worker."""
    clock = clock_of(engine)
    clock.advance(max(0.0, until - clock.time()))


def die_after(call: object, effects: int) -> bool:
    """Perform so many effects of the call and no more; return whether there were more."""
    assert isinstance(call, Call)
    for _ in range(effects):
        if call.next is not None:
            call.step()
    more = call.next is not None
    call.stop()
    return more


def killed_twice(
    script: Script,
    workflow: Workflow[Any, Any],
    *,
    reset: Callable[[], object],
    storage: Callable[[], Storage] = WatchedStorage,
) -> Iterator[Killed]:
    """Let a worker die before its effect k, and the one that recovers before its effect j, for every k and j.

    Args:
        script: what a source of work does, which delivers it again until it is done.
        workflow: what it is about.
        reset: empties the world before each pair.
        storage: makes an empty store.
    """

    def recovery(engine: Engine) -> Generator[Any, Any, Any]:
        yield engine.tick([workflow])
        yield from script(engine)

    for k in count():
        for j in count():
            reset()
            store, clock = storage(), FakeClock(START)
            stepping = SteppingEngine(store, clock=clock)
            first = die_after(begun(script, stepping), k)
            clock.advance(LEASE + 1)
            second = die_after(begun(recovery, stepping), j)
            engine = StillEngine(store, clock=clock)
            for _ in range(2):
                recover(engine, [workflow], clock, LEASE)
                begun(script, stepping).finish()
            recover(engine, [workflow], clock, LEASE)
            yield Killed(k, j, engine)
            if not second:
                break
        if not first:
            return
