"""The waker: told of every run that is left to somebody else, and never in the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from flux_core import Context, Retry, RunNotFound, Workflow

if TYPE_CHECKING:
    from core.conftest import AnyEngine, Clock, MakeEngine

    from flux_core.storage import MemoryStorage

Ctx = Context[Any, Any]


class Notes:
    """A waker that notes what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, float]] = []

    def wake(self, run_id: str, at: float) -> None:
        """Note it."""
        self.told.append((run_id, at))


@pytest.fixture
def notes() -> Notes:
    """Give a waker that has been told nothing."""
    return Notes()


@pytest.fixture
def waking(make_engine: MakeEngine, store: MemoryStorage, notes: Notes) -> AnyEngine:
    """Give an engine with that waker."""
    return make_engine(store, waker=notes)


def test_it_is_told_when_a_sleep_is_over(waking: AnyEngine, notes: Notes, clock: Clock) -> None:
    """Once the run is saved."""
    waking.execute(Workflow("w").sleep("a", 60), {}, id="x")
    assert notes.told == [("x", clock.time() + 60)]


def test_it_is_told_when_a_wait_times_out(waking: AnyEngine, notes: Notes, clock: Clock) -> None:
    """A wait without a time-out needs nobody."""
    waking.execute(Workflow("w").wait("a", timeout=60), {}, id="x")
    waking.execute(Workflow("v").wait("a"), {}, id="y")
    assert notes.told == [("x", clock.time() + 60)]


def test_it_is_told_of_a_long_back_off(waking: AnyEngine, notes: Notes, clock: Clock) -> None:
    """The next attempt is due then."""
    retry = Retry(1, initial=60, jitter="none")
    waking.execute(Workflow("w").step("a", lambda ctx: 1 / 0, retries=retry), {}, id="x")
    assert notes.told == [("x", clock.time() + 60)]


def test_it_is_told_at_once_of_a_run_that_ran_out_of_time(
    waking: AnyEngine, notes: Notes, clock: Clock
) -> None:
    """The next invocation goes on with it."""
    flow = Workflow("w").step("a", lambda ctx: clock.advance(10)).step("b", lambda ctx: None)
    assert waking.execute(flow, {}, id="x", deadline=clock.monotonic() + 10).status == "suspended"
    assert notes.told == [("x", clock.time())]


def test_it_is_told_of_a_run_that_is_only_started(waking: AnyEngine, notes: Notes, clock: Clock) -> None:
    """`start` leaves it to others."""
    waking.start(Workflow("w").step("a", lambda ctx: None), {}, id="x")
    assert notes.told == [("x", clock.time())]


def test_it_is_told_nothing_of_a_run_that_ends(waking: AnyEngine, notes: Notes) -> None:
    """Nobody needs to look at it."""
    waking.execute(Workflow("w").step("a", lambda ctx: None), {}, id="x")
    assert notes.told == []


def test_what_it_raises_is_logged_and_changes_nothing(
    make_engine: MakeEngine, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """The run is saved, and `tick` finds it."""

    class Broken:
        def wake(self, run_id: str, at: float) -> None:
            raise OSError("no queue")

    engine = make_engine(waker=Broken())
    flow = Workflow("w").sleep("a", 60)
    assert engine.execute(flow, {}, id="x").status == "suspended"
    assert [record.getMessage() for record in caplog.records] == ["waking run 'x' failed"]
    clock.advance(60)
    assert engine.tick([flow]).completed == 1


def test_a_large_batch_is_handed_over(waking: AnyEngine, notes: Notes, clock: Clock) -> None:
    """A tick goes on with ten runs itself; the waker brings the others."""
    flow = Workflow("w").step("a", lambda ctx: None)
    for number in range(15):
        waking.start(flow, {}, id=str(number))
    notes.told.clear()
    report = waking.tick([flow])
    assert (report.due, report.completed, report.handed) == (15, 10, 5)
    handed = {run_id for run_id, at in notes.told if at == clock.time()}
    assert handed == {run.id for run in waking.list(status="pending")}


def test_the_limit_of_a_tick_counts_what_is_handed_over(waking: AnyEngine) -> None:
    """Twelve are twelve, whoever runs them."""
    flow = Workflow("w").step("a", lambda ctx: None)
    for number in range(15):
        waking.start(flow, {}, id=str(number))
    report = waking.tick([flow], limit=12)
    assert (report.completed, report.handed) == (10, 2)


def test_a_run_that_it_brings_back_goes_on(waking: AnyEngine, clock: Clock) -> None:
    """When its time has come."""
    flow = Workflow("w").sleep("a", 60)
    waking.execute(flow, {}, id="x")
    clock.sleep(60)
    assert waking.wake(flow, "x").status == "completed"


def test_a_run_that_it_brings_back_too_early_is_left_to_it_again(
    waking: AnyEngine, notes: Notes, clock: Clock
) -> None:
    """A queue delays a message for a quarter of an hour at most; the rest of the time is another message's."""
    flow = Workflow("w").sleep("a", 3600)
    waking.execute(flow, {}, id="x")
    clock.sleep(900)
    assert waking.wake(flow, "x").status == "suspended"
    assert notes.told == [("x", clock.time() + 2700)] * 2


def test_a_wake_up_that_another_has_replaced_is_not_passed_on(
    waking: AnyEngine, notes: Notes, clock: Clock
) -> None:
    """The first wait was answered in time, and the second has asked for its own: one message is on its way, not two."""
    flow = Workflow("w").wait("a", timeout=3600).wait("b", timeout=7200)
    waking.execute(flow, {}, id="x")
    clock.sleep(900)
    waking.signal(flow, "x", "a")
    first, second = (at for _, at in notes.told)
    clock.sleep(900)
    waking.wake(flow, "x", at=first)
    assert len(notes.told) == 2
    waking.wake(flow, "x", at=second + 0.9)  # as a queue of whole seconds brings it
    assert notes.told[2:] == [("x", second)]


def test_a_run_that_was_paused_meanwhile_stays_so(waking: AnyEngine, notes: Notes, clock: Clock) -> None:
    """A message that was sent before is no person who says go on."""
    flow = Workflow("w").sleep("a", 60)
    waking.execute(flow, {}, id="x")
    waking.pause("x")
    clock.sleep(60)
    assert waking.wake(flow, "x").status == "paused"
    assert len(notes.told) == 1


def test_a_rollback_that_has_failed_is_not_begun_again(waking: AnyEngine) -> None:
    """It waits for a person, whatever message is still on its way."""
    undone: list[str] = []

    def undo(ctx: Ctx) -> None:
        undone.append(ctx.step)
        raise OSError

    flow = Workflow("w").commit("a", lambda ctx: None, compensate=undo).step("b", lambda ctx: 1 / 0)
    waking.execute(flow, {}, id="x")
    assert (waking.wake(flow, "x").status, undone) == ("compensation_failed", ["a"])


def test_a_run_that_is_not_there_is_not_woken(waking: AnyEngine) -> None:
    """It was deleted; whoever brought it back hears of that."""
    with pytest.raises(RunNotFound):
        waking.wake(Workflow("w").sleep("a", 60), "x")
