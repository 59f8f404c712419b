"""A worker whose lease is renewed behind its back, at every moment: it loses neither a save nor its lease."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from crash.kills import clock_of
from crash.saga import ID, Services, the_run

from flux_core import Engine, LeaseLost, RunBusy, RunStatus, Workflow
from flux_core._driver import Driver
from flux_core._effects import Load
from flux_core._outside import renew
from flux_core.testing import interleavings
from flux_core.testing._crashes import LEASE
from flux_core.testing._stepping import Call

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from flux_core._effects import Flow
    from flux_core.testing import FakeClock

    Saga = Workflow[dict[str, Any], dict[str, Any]]

MORE_THAN_HALF = 0.6 * LEASE


class SlowServices(Services):
    """Services that take so long that the lease of who calls them is to be renewed meanwhile."""

    clock: FakeClock

    def _answer(self, ctx: Any, finished: str) -> None:
        super()._answer(ctx, finished)
        self.clock.advance(MORE_THAN_HALF)


def waits(services: Services) -> Saga:
    """Return a flow that is suspended at its end, after a commit that must not be done twice."""
    return (
        Workflow("saga")
        .step("price", services.do)
        .commit("charge", services.do, once=True)
        .commit("ship", services.do)
        .wait("approval")
    )


def goes_back(services: Services) -> Saga:
    """Return a flow that is rolled back."""
    return (
        Workflow("saga")
        .commit("charge", services.do, compensate=services.undo)
        .commit("ship", services.do, compensate=services.undo)
        .step("end", services.fail)
    )


def works(services: SlowServices, flow: Saga) -> Callable[[Engine], Generator[Any, Any, object]]:
    """Return what a worker does."""

    def script(engine: Engine) -> Generator[Any, Any, object]:
        services.clock = clock_of(engine)
        try:
            return (yield engine.execute(flow, {}, id=ID))
        except (LeaseLost, RunBusy) as refusal:
            return refusal

    return script


def beats(times: int) -> Callable[[Engine], Generator[Any, Any, list[tuple[bool, bool]]]]:
    """Return what a worker's heart does, as often as that."""

    def script(engine: Engine) -> Generator[Any, Any, list[tuple[bool, bool]]]:
        told = []
        for beat in range(times):
            driver = Driver(engine._flows, engine._loop)
            told.append((yield Call(renewal(f"beat-{beat}"), driver, clock_of(engine))))
        return told

    return script


def renewal(writer: str) -> Flow[tuple[bool, bool]]:
    """Renew the lease of whoever holds the run when this begins."""
    record, *_ = yield Load(ID)
    if record is None or b'"lease"' not in record.document:
        return False, False
    token = record.document.split(b'"lease":{"token":"')[1][:16].decode()
    return (yield from renew(ID, token, LEASE, writer))


@pytest.mark.parametrize(
    ("make_flow", "end", "calls"),
    [(waits, RunStatus.SUSPENDED, 3), (goes_back, RunStatus.ROLLED_BACK, 4)],
    ids=["forward", "back"],
)
def test_a_renewal_at_any_moment_costs_the_worker_nothing(
    make_flow: Callable[[Services], Saga], end: RunStatus, calls: int
) -> None:
    """Nothing is called twice, the worker ends its call, and what it has let go is not held again."""
    services = SlowServices()
    flow = make_flow(services)
    revisions, renewed = set(), 0
    for schedule in interleavings(
        [works(services, flow), beats(2)], [flow], lapses=0, reset=services.clear, storage=services.open
    ):
        run, (outcome, told) = the_run(schedule.engine), schedule.outcomes
        assert not isinstance(outcome, Exception), (schedule.order, outcome)
        assert (run.status, outcome.status) == (end, end), schedule.order
        assert (run.held_until, run.wake_at) == (None, None), schedule.order
        assert (len(services.asked), services.asked.total()) == (calls, calls), schedule.order
        assert run.interruptions == 0, schedule.order
        revisions.add(run.revision)
        renewed += any(held for held, _ in told)
    assert renewed > 500
    assert len(revisions) == 3, "neither of the renewals, one, or both changed the run"


@pytest.mark.parametrize("seed", range(2))
def test_renewals_while_others_would_take_the_run_over(seed: int) -> None:
    """Of 2,000 random orders in two parts: a worker whose lease was renewed in time is not taken over, another may be.

    In either case each commit has one effect, and no run is stuck.
    """
    services = SlowServices()
    flow = waits(services)
    kept = lost = 0
    for schedule in interleavings(
        [works(services, flow), beats(3), takes_over(flow), time_passes],
        [flow],
        lapses=1,
        samples=1000,
        seed=seed,
        reset=services.clear,
        storage=services.open,
        max_interruptions=50,
    ):
        run, outcome, where = the_run(schedule.engine), schedule.outcomes[0], (seed, schedule.order)
        taken = schedule.outcomes[2] > 0
        assert isinstance(outcome, LeaseLost) <= taken, where
        assert {key for key in services.asked if "/charge/" not in key} <= {
            f"{ID}/price/1",
            f"{ID}/ship/1",
        }, where
        assert services.asked[f"{ID}/charge/1"] <= 1, where
        code = run.error.code if run.error else None
        assert (run.status, code) in ((RunStatus.SUSPENDED, None), (RunStatus.FAILED, "INTERRUPTED")), where
        assert run.held_until is None, where
        kept += not taken
        lost += isinstance(outcome, LeaseLost)
    print(kept, lost)
    assert kept > 100
    assert lost > 20


def takes_over(flow: Saga) -> Callable[[Engine], Generator[Any, Any, int]]:
    """Return what goes on with the run when it seems to have been lost, and says how often it did."""

    def script(engine: Engine) -> Generator[Any, Any, int]:
        claimed = 0
        for _ in range(5):
            claimed += (yield engine.tick([flow])).claimed
        return claimed

    return script


def time_passes(engine: Engine) -> Generator[Any, Any, None]:
    """Let time pass, less than a lease at once, while whoever else does something."""
    for _ in range(4):
        clock_of(engine).advance(MORE_THAN_HALF)
        yield engine.get("another run")
