"""Several workers on one store, interleaved in every order that matters, or in many random ones."""

from __future__ import annotations

from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

from flux_core.storage import MemoryStorage
from flux_core.testing._clock import FakeClock
from flux_core.testing._crashes import LEASE, recover
from flux_core.testing._stepping import SteppingEngine, StillEngine, begun

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import Unpack

    from flux_core._engine import Engine
    from flux_core._options import EngineOptions
    from flux_core._workflow import Workflow
    from flux_core.storage import Storage
    from flux_core.testing._stepping import Call


class Schedule(NamedTuple):
    """One order of events, and what came of it after recovery."""

    order: tuple[int, ...]
    """Who moved, move by move: the index of a worker, or -1 where a lease's time passed."""
    outcomes: tuple[Any, ...]
    """What each worker's call returned, or the exception that it raised."""
    engine: Engine
    """An engine over the store, to look at it."""


def interleavings(
    calls: Sequence[Callable[[Engine], Any]],
    workflows: Iterable[Workflow[Any, Any]],
    *,
    lapses: int = 1,
    samples: int | None = None,
    seed: int = 0,
    orders: Iterable[Sequence[int]] | None = None,
    reset: Callable[[], object] = lambda: None,
    storage: Callable[[], Storage] = MemoryStorage,
    **options: Unpack[EngineOptions],
) -> Iterator[Schedule]:
    """Run the calls at the same time on one store, in every order of their effects on it.

    Only effects on the store can be noticed by another worker: the others are performed with the one before them,
    so that orders which differ in nothing else are tried once. After each order, leases run out, `tick` recovers
    what is left, and the schedule is yielded for the test to look at the world.

    Args:
        calls: what each worker does; it is given an engine of its own. A generator function makes several calls,
            one after the other: it yields each, is sent what that returned, and what it raised is raised there.
        workflows: those that `tick` goes on with.
        lapses: how often, somewhere in between, the time of a lease passes.
        samples: None for every order, or how many random ones.
        seed: of the random orders.
        orders: try these alone, such as the `order` of a schedule that failed once: each names who moves, as long as
            it can, and then the rest moves in turn.
        reset: empties the world before each round.
        storage: makes an empty store for each round.
        options: those of the engines; the clock is a `FakeClock`, the same for all.
    """
    kept = tuple(workflows)
    lease = options.get("lease", LEASE)
    for choose in _choices(samples, seed, orders):
        reset()
        store, clock = storage(), FakeClock(1_000_000.0)
        settings: EngineOptions = {"clock": clock, **options}
        running = [begun(call, SteppingEngine(store, **settings)) for call in calls]
        for call in running:
            _to_store(call)
        order: list[int] = []
        while any(call.next for call in running):
            movers = [index for index, call in enumerate(running) if call.next]
            movers += [-1] * (order.count(-1) < lapses)
            order.append(choose(movers))
            if order[-1] < 0:
                clock.advance(lease + 1)
            else:
                running[order[-1]].step()
                _to_store(running[order[-1]])
        engine = StillEngine(store, **settings)
        recover(engine, kept, clock, lease)
        yield Schedule(tuple(order), tuple(call.error or call.result for call in running), engine)


def _to_store(call: Call) -> None:
    """Perform what no other worker can notice, up to the next effect on the store."""
    while call.next is not None and not call.touches_store:
        call.step()


def _choices(
    samples: int | None, seed: int, orders: Iterable[Sequence[int]] | None
) -> Iterator[Callable[[list[int]], int]]:
    """Yield what chooses, move by move, who of those that can moves next; one for each order."""
    if orders is not None:
        for order in orders:
            yield partial(_next_of, iter(order))
    elif samples is not None:
        for sample in range(samples):
            yield Random(f"{seed}/{sample}").choice  # noqa: S311 (a schedule is no secret)
    else:
        yield from _every_order()


def _next_of(order: Iterator[int], movers: list[int]) -> int:
    return next((mover for mover in order if mover in movers), movers[0])


def _every_order() -> Iterator[Callable[[list[int]], int]]:
    """Yield choosers that go through the tree of choices, depth first, each leaf once."""
    path: list[tuple[int, int]] = []  # the choice made at each depth, and how many there were
    while True:
        depth = 0

        def choose(movers: list[int]) -> int:
            nonlocal depth
            if depth == len(path):
                path.append((0, len(movers)))
            depth += 1
            return movers[path[depth - 1][0]]

        yield choose
        while path and path[-1][0] + 1 == path[-1][1]:
            path.pop()
        if not path:
            return
        path[-1] = (path[-1][0] + 1, path[-1][1])
