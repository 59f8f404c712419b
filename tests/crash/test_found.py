"""What the model-based test has found, each as short as it can be."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any, cast

import pytest
from crash.fleet import LEASE, MovableClock

from flux_core import Context, Engine, LeaseLost, RunStatus, Workflow, sleep, wait
from flux_core._effects import Save
from flux_core.storage import MemoryStorage
from flux_core.testing._stepping import Call, SteppingEngine

if TYPE_CHECKING:
    from flux_core import Run

Ctx = Context[dict[str, Any], dict[str, Any]]


class Scene:
    """A store, a clock, an engine whose calls are stepped through, and one whose calls are not."""

    def __init__(self) -> None:
        self.store = MemoryStorage()
        self.clock = MovableClock()
        self.engine = Engine(self.store, clock=self.clock)
        self.stepping = SteppingEngine(self.store, clock=self.clock)

    def run(self) -> Run:
        """Return run x."""
        run = self.engine.get("x")
        assert run is not None
        return run

    def lapse(self) -> None:
        """Let every lease end."""
        self.clock.sleep(LEASE + 1)


@pytest.fixture
def scene() -> Scene:
    """Return an empty scene."""
    return Scene()


def to_save(call: object, saves: int) -> Call:
    """Take a call to before its save of that number."""
    stepped = cast("Call", call)
    while saves or not isinstance(stepped.next, Save):
        saves -= isinstance(stepped.next, Save)
        assert stepped.next is not None, "the call has ended"
        stepped.step()
    return stepped


def test_a_signal_that_a_lost_worker_has_taken_serves_one_wait(scene: Scene) -> None:
    """A commit that waited is completed by its signal; the one signal does not serve the next wait as well."""
    flow = Workflow("w").commit("ask", lambda ctx: wait("news")).wait("news")
    scene.engine.execute(flow, {}, id="x")
    slow = to_save(scene.stepping.signal(flow, "x", "news", 1), 2)  # its letter, its claim, and now the node
    scene.lapse()
    to_save(scene.stepping.tick([flow]), 1).stop()  # takes the run over, and dies
    with pytest.raises(Exception, match="taken over"):
        slow.finish()
    scene.lapse()
    result = scene.engine.resume(flow, "x")
    assert (result.status, result.results) == (RunStatus.SUSPENDED, {"ask": 1})


def test_a_second_cancel_does_not_take_the_compensation_back(scene: Scene) -> None:
    """Whoever was told that the run is cancelled with compensation gets it, whatever others say later."""
    undone: list[str] = []
    flow = (
        Workflow("w")
        .commit("charge", lambda ctx: "paid", compensate=lambda ctx: undone.append(ctx.step))
        .step("ship", lambda ctx: None)
    )
    to_save(scene.stepping.execute(flow, {}, id="x"), 1)  # has charged, stands in `ship`, and dies
    scene.engine.cancel(flow, "x", compensate=True)
    scene.lapse()
    scene.engine.cancel(flow, "x")
    scene.engine.tick([flow])
    assert (scene.run().status, undone) == (RunStatus.ROLLED_BACK, ["charge"])


def test_a_signal_that_comes_before_the_time_out_is_saved_is_taken(scene: Scene) -> None:
    """The worker has decided to fail the wait, but has not saved it: it decides again, with what has come."""
    flow = Workflow("w").wait("news", timeout=30)
    scene.engine.execute(flow, {}, id="x")
    scene.clock.sleep(30)
    late = to_save(scene.stepping.resume(flow, "x"), 1)
    scene.engine.signal(flow, "x", "news", "it is", run=False)
    late.finish()
    assert (scene.run().status, scene.run().inbox) == (RunStatus.COMPLETED, ())


def test_a_signal_that_comes_before_the_skip_is_saved_is_taken(scene: Scene) -> None:
    """So it is with a wait that is skipped when its time is up."""
    flow = Workflow("w").wait("news", timeout=30, on_timeout="skip")
    scene.engine.execute(flow, {}, id="x")
    scene.clock.sleep(30)
    late = to_save(scene.stepping.resume(flow, "x"), 1)
    scene.engine.signal(flow, "x", "news", "it is", run=False)
    assert late.finish().results == {"news": "it is"}


def test_a_paused_run_goes_on_when_the_clock_was_set_back(scene: Scene) -> None:
    """A run that was paused when the lease of its lost worker was over is held by nobody, whatever the clock shows."""
    flow = Workflow("w").step("a", lambda ctx: None)
    to_save(scene.stepping.execute(flow, {}, id="x"), 0).stop()
    scene.lapse()
    assert scene.engine.pause("x").status is RunStatus.PAUSED
    scene.clock.set_wall(-100)
    assert scene.engine.resume(flow, "x").status is RunStatus.COMPLETED


def test_a_commit_that_is_resolved_after_it_had_suspended_leaves_data_as_its_history_says(
    scene: Scene,
) -> None:
    """What its handler had changed before it slept stands in data and in its record, or in neither of them."""

    def charge(ctx: Ctx) -> object:
        ctx.data["paid"] = True
        return sleep(30)

    flow = Workflow("w").commit("charge", charge).step("ship", lambda ctx: None)
    engine = Engine(scene.store, clock=scene.clock, max_interruptions=1)
    engine.execute(flow, {}, id="x")
    scene.clock.sleep(30)
    to_save(scene.stepping.resume(flow, "x"), 1).stop()  # takes the run, and dies
    scene.lapse()
    assert engine.resume(flow, "x").status is RunStatus.FAILED  # a crash loop
    engine.resolve(flow, "x", "charge", output="paid")
    changed = {name for record in scene.run().history for name in record.changes}
    assert changed == scene.run().data.keys()


def test_a_commit_that_was_told_of_while_a_lease_was_renewed_is_not_called_again(scene: Scene) -> None:
    """The save that renews the lease brings the outcome with it: the node is looked at again before it is called."""
    charges = count(1)
    flow = Workflow("w").commit("charge", lambda ctx: next(charges))
    lost = to_save(scene.stepping.execute(flow, {}, id="x"), 0)  # has charged
    scene.lapse()
    late = to_save(scene.stepping.resume(flow, "x"), 0)
    late.step()  # takes the run over
    with pytest.raises(LeaseLost):
        lost.finish()
    scene.clock.sleep(LEASE / 2 + 1)
    assert (late.finish().results, next(charges)) == ({"charge": 1}, 2)


def test_a_commit_that_was_told_of_is_not_called_by_a_retry_that_renews_its_lease(scene: Scene) -> None:
    """The same, for a worker that has gone back to before the commit, of which nothing stands then."""
    charges = count(1)
    flow = Workflow("w").commit("charge", lambda ctx: next(charges), once=True)
    lost = to_save(scene.stepping.execute(flow, {}, id="x"), 1)  # has charged
    scene.lapse()
    assert scene.engine.resume(flow, "x").status is RunStatus.FAILED  # nobody knows whether it has
    late = to_save(scene.stepping.retry_step(flow, "x", "charge"), 0)
    late.step()  # takes the run over
    with pytest.raises(LeaseLost):
        lost.finish()
    scene.clock.sleep(LEASE / 2 + 1)
    assert (late.finish().results, next(charges)) == ({"charge": 1}, 2)


def test_an_outcome_brings_nobody_to_a_run_that_was_cancelled(scene: Scene) -> None:
    """The commit was in doubt and then resolved, the run was cancelled: what its lost worker tells changes nothing."""
    flow = Workflow("w").commit("charge", lambda ctx: "paid", once=True).step("ship", lambda ctx: None)
    lost = to_save(scene.stepping.execute(flow, {}, id="x"), 1)  # has charged
    scene.lapse()
    scene.engine.resume(flow, "x")  # nobody knows whether it has
    scene.engine.resolve(flow, "x", "charge", output="paid", run=False)
    late = to_save(scene.stepping.resume(flow, "x"), 0)
    late.step()  # takes the run over
    scene.engine.cancel(flow, "x")
    late.stop()
    scene.lapse()
    scene.engine.tick([flow])
    with pytest.raises(LeaseLost):
        lost.finish()
    assert (scene.run().status, scene.run().wake_at) == (RunStatus.CANCELLED, None)


def test_a_commit_that_was_told_of_counts_in_a_rollback_though_nothing_undoes_it(scene: Scene) -> None:
    """What its lost worker did stands in the history; the commit before it is compensated."""
    undone: list[str] = []
    flow = (
        Workflow("w")
        .commit("reserve", lambda ctx: None, compensate=lambda ctx: undone.append(ctx.step))
        .commit("announce", lambda ctx: "told the press")
    )
    lost = to_save(scene.stepping.execute(flow, {}, id="x"), 1)  # has announced
    scene.lapse()
    back = to_save(scene.stepping.cancel(flow, "x", compensate=True), 1)
    back.step()  # takes the run over
    with pytest.raises(LeaseLost):
        lost.finish()
    assert back.finish().status is RunStatus.ROLLED_BACK
    assert [(record.name, record.output) for record in scene.run().history][1:] == [
        ("announce", "told the press")
    ]
    assert undone == ["reserve"]
