"""The heart-beat: leases are renewed while a worker works, and it hears of a cancellation."""

from __future__ import annotations

import os
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

import pytest
from core.conftest import elsewhere

from flux_core import Context, Engine, RunBusy, RunStatus, StoreError, Workflow
from flux_core.storage import MemoryStorage

if TYPE_CHECKING:
    from core.conftest import AnyEngine, Clock, MakeEngine

    from flux_core._heart import Pulse
    from flux_core.storage import Record

Ctx = Context[Any, Any]

PATIENCE = 20.0  # seconds until a test gives up on a thread


def beat(engine: AnyEngine) -> None:
    """Let the engine's heart beat once, here and now."""
    for pulse in tuple(engine.engine._heart._pulses):
        engine.engine._heart.renew(pulse)


def thread_of(engine: AnyEngine) -> Thread:
    """Return the thread in which the engine's heart beats."""
    thread = engine.engine._heart._thread
    assert thread is not None
    return thread


def test_a_lease_of_which_less_than_half_is_left_is_renewed(
    engine: AnyEngine, store: MemoryStorage, clock: Clock
) -> None:
    """In the middle of a handler; while half of it is left nothing is written."""
    seen: list[tuple[int, float]] = []

    def work(ctx: Ctx) -> None:
        for seconds in (30, 1):
            clock.advance(seconds)
            beat(engine)
            record = store._records["x"]
            seen.append((record.revision, (record.wake_at or 0) - clock.time()))

    assert engine.execute(Workflow("w").step("a", work), {}, id="x").status == "completed"
    assert seen == [(1, 30.0), (2, 60.0)]


def test_nobody_takes_over_from_a_worker_whose_heart_beats(
    engine: AnyEngine, store: MemoryStorage, clock: Clock
) -> None:
    """A handler that takes ten leases is called once."""
    calls: list[int] = []
    busy: list[bool] = []

    def take_over() -> None:
        with pytest.raises(RunBusy):
            Engine(store, clock=clock).resume(flow, "x")
        busy.append(True)

    def work(ctx: Ctx) -> None:
        calls.append(ctx.attempt)
        for _ in range(20):
            clock.advance(31)
            beat(engine)
            elsewhere(take_over)

    flow = Workflow("w").step("a", work)
    assert engine.execute(flow, {}, id="x").status == "completed"
    assert (calls, len(busy)) == ([1], 20)


def test_a_handler_hears_of_a_cancellation(engine: AnyEngine, store: MemoryStorage, clock: Clock) -> None:
    """`ctx.cancelled` says so with the next beat; the run is cancelled when the worker saves."""
    seen: list[bool] = []

    def work(ctx: Ctx) -> None:
        elsewhere(lambda: Engine(store, clock=clock).cancel(flow, "x"))
        seen.append(ctx.cancelled)
        beat(engine)
        seen.append(ctx.cancelled)

    flow = Workflow("w").step("a", work).step("b", lambda ctx: seen.append(True))
    assert engine.execute(flow, {}, id="x").status == "cancelled"
    assert seen == [False, True]


def test_a_cancellation_is_heard_between_attempts_too(
    engine: AnyEngine, store: MemoryStorage, clock: Clock
) -> None:
    """A beat when no attempt is in progress has nobody to tell, and does no harm."""
    flow = Workflow("w").step("a", lambda ctx: None)
    engine.start(flow, {}, id="x")
    heart = engine.engine._heart
    pulse = heart.begin("x", "somebody")
    record = store._records["x"]
    text = record.document.replace(b'"history"', b'"lease":{"token":"somebody","until":1e9},"history"')
    store._records["x"] = record._replace(document=text, status=RunStatus.RUNNING)
    elsewhere(lambda: Engine(store, clock=clock).cancel(flow, "x"))
    heart.renew(pulse)
    assert pulse in heart._pulses


@pytest.mark.parametrize("fate", ["ended", "deleted", "taken over"])
def test_a_heart_stops_beating_for_what_is_not_held_any_more(
    make_engine: MakeEngine, store: MemoryStorage, clock: Clock, fate: str
) -> None:
    """Whatever became of the run."""
    engine = make_engine(store)
    flow = Workflow("w").step("a", lambda ctx: None)
    heart = engine.engine._heart
    if fate != "deleted":
        engine.execute(flow, {}, id="x")
    if fate == "taken over":
        record = store._records["x"]
        text = record.document.replace(b'"history"', b'"lease":{"token":"other","until":1e9},"history"')
        store._records["x"] = record._replace(document=text)
    pulse = heart.begin("x", "mine")
    heart.renew(pulse)
    assert pulse not in heart._pulses


class Failing(MemoryStorage):
    """A store that cannot be reached when it is read."""

    fails = False

    def load(self, run_id: str) -> Record | None:
        """Fail, if it is to."""
        if self.fails:
            raise StoreError("no answer")
        return super().load(run_id)


def test_a_store_that_fails_is_logged_and_tried_again(
    make_engine: MakeEngine, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """The next beat renews the lease."""
    store = Failing()
    engine = make_engine(store)
    left: list[float] = []

    def work(ctx: Ctx) -> None:
        clock.advance(40)
        for store.fails in (True, False):
            beat(engine)
            left.append((store._records["x"].wake_at or 0) - clock.time())

    assert engine.execute(Workflow("w").step("a", work), {}, id="x").status == "completed"
    assert left == pytest.approx([19.8, 60.0])
    (said,) = [record.getMessage() for record in caplog.records]
    assert said == "renewing the lease of run 'x' failed: StoreError: no answer"


def test_a_worker_with_a_deadline_has_no_heart_beat(engine: AnyEngine, clock: Clock) -> None:
    """Its lease goes to its deadline."""
    beating: list[int] = []
    flow = Workflow("w").step("a", lambda ctx: beating.append(len(engine.engine._heart._pulses)))
    engine.execute(flow, {}, deadline=clock.monotonic() + 10)
    engine.execute(flow, {})
    assert beating == [0, 1]
    assert not engine.engine._heart._pulses


def test_the_thread_beats_by_itself_and_ends_when_there_is_nothing_to_beat_for(
    make_engine: MakeEngine, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It starts again for the next worker."""
    store = MemoryStorage()
    engine = make_engine(store, lease=0.04)
    heart = engine.engine._heart
    renewed = Event()
    renew = heart.renew
    threads: list[Thread] = []

    def renewing(pulse: Pulse) -> None:
        renew(pulse)
        renewed.set()

    monkeypatch.setattr(heart, "renew", renewing)

    def work(ctx: Ctx) -> None:
        threads.append(thread_of(engine))
        clock.advance(0.03)
        assert renewed.wait(PATIENCE)
        renewed.clear()

    flow = Workflow("w").step("a", work)
    for _ in range(2):
        engine.execute(flow, {})
        threads[-1].join(PATIENCE)
        assert not threads[-1].is_alive()
    assert threads[0] is not threads[1]


def test_a_heart_that_is_closed_stops_at_once(make_engine: MakeEngine) -> None:
    """However long a lease is."""
    engine = make_engine(lease=3600)
    heart = engine.engine._heart
    heart.begin("x", "mine")
    thread = thread_of(engine)
    heart.close()
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_a_forked_child_beats_for_itself_alone(
    make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has neither the parent's thread nor its workers."""
    heart = make_engine().engine._heart
    heart.begin("x", "the parent's")
    monkeypatch.setattr(os, "getpid", lambda: -1)
    pulse = heart.begin("y", "the child's")
    assert list(heart._pulses) == [pulse]
    heart.close()
