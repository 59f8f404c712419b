"""Two workers on one run of a store, in many random orders: nothing is lost, and nothing is done twice."""

from __future__ import annotations

from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from crash.shop import ORDER, Shop, Watched

from flux_core import Context, Engine, LeaseLost, Result, RunBusy, RunStatus, SignalNotExpected, Workflow
from flux_core.testing import interleavings

if TYPE_CHECKING:
    from collections.abc import Callable

    from flux_core.storage import Storage
    from flux_core.testing import Schedule

SAMPLES: Final = 15
"""Random orders of each kind; the suite over the store in memory tries all of them, or thousands."""
LEASES: Final = 2
"""How often in each of them a lease's time passes."""

ENDS: Final = (Result, RunBusy, LeaseLost, SignalNotExpected)
"""What a worker may be told: the last, that the run has ended and waits for no signal."""


class TwoWorkersContract:
    """The orders, over a store of each kind; a subclass gives `opened`, which opens stores over the same runs."""

    def test_two_deliveries_are_one_run(self, opened: Callable[[], Storage]) -> None:
        """Both take the same order: each commit has its effect once, and each worker has the result or is told."""
        shop, runs = Shop(), Runs()
        flow = shop.order_flow()

        def work(engine: Engine) -> object:
            return engine.execute(flow, ORDER, id=runs.id)

        taken_over = 0
        for schedule in runs.orders([work, work], flow, opened, shop.clear):
            run = runs.of(schedule)
            assert run.status is RunStatus.COMPLETED, schedule.order
            assert run.data["reserved"] == ["mug"], schedule.order
            effects = [shop.effects_of(commit) for commit in ("charge", "reserve", "notify")]
            assert effects == [1, 1, 1], schedule.order
            taken_over += any(isinstance(outcome, LeaseLost) for outcome in schedule.outcomes)
        assert taken_over

    def test_two_signals_serve_one_wait(self, opened: Callable[[], Storage]) -> None:
        """Two approvals of one order come together: one of them goes into the run, and the commit happens once."""
        shop, runs = Shop(), Runs()

        def ship(ctx: Context[Any, Any]) -> Any:
            shop.take_effect(ctx)
            return ctx.results["approved"]

        flow: Workflow[Any, Any] = Workflow("approval").wait("approved").commit("ship", ship)

        def approve(name: str) -> Callable[[Engine], object]:
            def work(engine: Engine) -> Any:
                with suppress(RunBusy, LeaseLost):  # the other one has it
                    yield engine.execute(flow, {}, id=runs.id)
                return (yield engine.signal(flow, runs.id, "approved", name))

            return work

        for schedule in runs.orders([approve("Ada"), approve("Bob")], flow, opened, shop.clear):
            run = runs.of(schedule)
            assert run.status is RunStatus.COMPLETED, schedule.order
            assert run.history[-1].output in {"Ada", "Bob"}, schedule.order
            assert shop.effects_of("ship") == 1, schedule.order


class Runs:
    """The runs of one test, each order one of its own in the same store."""

    def __init__(self) -> None:
        self._numbers = count()
        self.id = ""

    def orders(
        self,
        calls: list[Callable[[Engine], object]],
        flow: Workflow[Any, Any],
        opened: Callable[[], Storage],
        clear: Callable[[], object],
    ) -> Any:
        """Yield the schedules of the calls in random orders."""
        storage = watched(opened())

        def reset() -> None:
            self.id = f"o_{next(self._numbers)}"
            clear()

        return interleavings(
            calls,
            [flow],
            lapses=LEASES,
            samples=SAMPLES,
            reset=reset,
            storage=lambda: storage,
            max_interruptions=50,
        )

    def of(self, schedule: Schedule) -> Any:
        """Return the run, after each worker has ended as it may."""
        for outcome in schedule.outcomes:
            assert isinstance(outcome, ENDS), (schedule.order, outcome)
        return schedule.engine.get(self.id)


def watched(storage: Storage) -> Storage:
    """Return the store, which refuses now what no history of a run may show."""
    storage.__class__ = type("Watched", (Watched, type(storage)), {})
    return storage
