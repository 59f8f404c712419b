"""The moments at which something is over: nothing happens one tick before, everything on it, and as much after it.

A tick is the smallest step that the clock's float can take. The moments are ones that rounding to the microsecond, as
times for people are rounded, would move.
"""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import timedelta
from math import inf, nextafter
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from core.conftest import Death, steal

from flux_core import (
    Context,
    Retry,
    RunBusy,
    RunStatus,
    SignalNotExpected,
    Workflow,
    sleep,
    wait,
)
from flux_core._heart import Pulse
from flux_core.storage import MemoryStorage

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.conftest import AnyEngine, MakeEngine

    from flux_core.storage import Query, Record, RecordPage, Storage

Ctx = Context[Any, Any]
Flow = Workflow[Any, Any]

SPAN = 0.2
STARTS = (1_763_856_000.1000016, 1_000_000.1343642441)
"""SPAN later than the first is rounded up to the microsecond, SPAN later than the second down."""
ROUND = 1_000_000.0
"""A start from which times in quarters of a second, and ticks around them, are exact."""
LONG_AGO = 3600.0


class Dial:
    """A clock whose hands a test sets, to the last bit; a wait sets them too."""

    def __init__(self, now: float) -> None:
        self.now = now
        self.ticked = 512.0
        self.slept: list[float] = []

    def time(self) -> float:
        """Return Unix seconds."""
        return self.now

    def monotonic(self) -> float:
        """Return monotonic seconds."""
        return self.ticked

    def sleep(self, seconds: float) -> None:
        """Let time pass at once, and note it."""
        self.slept.append(seconds)
        self.now += seconds
        self.ticked += seconds

    async def sleep_async(self, seconds: float) -> None:
        """Let time pass at once, and note it."""
        self.sleep(seconds)


def before(moment: float) -> float:
    """Return the moment one tick earlier."""
    return nextafter(moment, -inf)


def on(moment: float) -> float:
    """Return the moment itself."""
    return moment


def after(moment: float) -> float:
    """Return the moment one tick later."""
    return nextafter(moment, inf)


def one(ctx: Ctx) -> int:
    """Return 1."""
    return 1


def fail(ctx: Ctx) -> None:
    """Fail."""
    raise ValueError


def once(error: type[BaseException]) -> Callable[[Ctx], int]:
    """Return a handler that raises the error, and the next time returns the attempt's number."""
    raised: list[int] = []

    def work(ctx: Ctx) -> int:
        if not raised:
            raised.append(1)
            raise error
        return ctx.attempt

    return work


def record_of(store: Storage) -> Record:
    """Return run x as it is stored."""
    record = store.load("x")
    assert record is not None
    return record


def token_of(store: Storage) -> str:
    """Return the token of whoever holds run x."""
    return str(json.loads(record_of(store).document)["lease"]["token"])


# What stands still until a moment, and what becomes of it then.


class Case(NamedTuple):
    """A run that stands still until SPAN after its start."""

    flow: Callable[[], Flow]
    stands: str
    """Its status until then."""
    ends: str
    """Its status once somebody has looked at it after that."""
    error: str | None = None
    """The code of its error then."""
    says: str = "waits_until"
    """The attribute of the run that says until when."""
    lease: float = 60.0
    max_inline_wait: float = 5.0


BACK_OFF = Retry(1, initial=SPAN, jitter="none")
LONGER = Retry(1, initial=1, jitter="none")

CASES = {
    "sleep": Case(lambda: Workflow("w").sleep("a", SPAN), "suspended", "completed"),
    "sleep of a timedelta": Case(
        lambda: Workflow("w").sleep("a", timedelta(seconds=SPAN)), "suspended", "completed"
    ),
    "computed sleep": Case(lambda: Workflow("w").sleep("a", lambda ctx: SPAN), "suspended", "completed"),
    "sleep of a step": Case(
        lambda: Workflow("w").step("a", lambda ctx: sleep(SPAN)), "suspended", "completed"
    ),
    "sleep of a commit": Case(
        lambda: Workflow("w").commit("a", lambda ctx: sleep(timedelta(seconds=SPAN)), once=True),
        "suspended",
        "completed",
    ),
    "wait": Case(lambda: Workflow("w").wait("a", timeout=SPAN), "suspended", "failed", "STEP_TIMEOUT"),
    "wait to be skipped": Case(
        lambda: Workflow("w").wait("a", timeout=SPAN, on_timeout="skip").step("b", one),
        "suspended",
        "completed",
    ),
    "wait of a step": Case(
        lambda: Workflow("w").step("a", lambda ctx: wait("a", timeout=SPAN)),
        "suspended",
        "failed",
        "STEP_TIMEOUT",
    ),
    "back-off": Case(
        lambda: Workflow("w").step("a", once(ValueError), retries=BACK_OFF),
        "suspended",
        "completed",
        max_inline_wait=0,
    ),
    "back-off of a compensation": Case(
        lambda: Workflow("w").commit("a", one, compensate=once(ValueError), retries=BACK_OFF).step("b", fail),
        "rolling_back",
        "rolled_back",
        "STEP_FAILED",
        max_inline_wait=0,
    ),
    "time-out of the workflow in a wait": Case(
        lambda: Workflow("w", timeout=SPAN).wait("a"),
        "suspended",
        "failed",
        "WORKFLOW_TIMEOUT",
        "expires_at",
    ),
    "time-out of the workflow in a longer wait": Case(
        lambda: Workflow("w", timeout=timedelta(seconds=SPAN)).wait("a", timeout=1),
        "suspended",
        "failed",
        "WORKFLOW_TIMEOUT",
        "expires_at",
    ),
    "time-out of the workflow in a longer sleep": Case(
        lambda: Workflow("w", timeout=SPAN).sleep("a", 1),
        "suspended",
        "failed",
        "WORKFLOW_TIMEOUT",
        "expires_at",
    ),
    "time-out of the workflow in a longer back-off": Case(
        lambda: Workflow("w", timeout=SPAN).step("a", fail, retries=LONGER),
        "suspended",
        "failed",
        "WORKFLOW_TIMEOUT",
        "expires_at",
        max_inline_wait=0,
    ),
    "lease": Case(
        lambda: Workflow("w").step("a", once(Death)), "running", "completed", None, "held_until", SPAN
    ),
    "lease in a compensation": Case(
        lambda: Workflow("w").commit("a", one, compensate=once(Death)).step("b", fail),
        "rolling_back",
        "rolled_back",
        "STEP_FAILED",
        "held_until",
        SPAN,
    ),
}
LET_GO = [name for name in CASES if not name.startswith("lease")]

LOOKS: dict[str, Callable[[AnyEngine, Flow], object]] = {
    "tick": lambda engine, flow: engine.tick([flow]),
    "resume": lambda engine, flow: engine.resume(flow, "x"),
    "execute": lambda engine, flow: engine.execute(flow, {}, id="x"),
}
"""How somebody comes to look at a run."""

each_case = pytest.mark.parametrize("case", list(CASES.values()), ids=list(CASES))
each_case_let_go = pytest.mark.parametrize("case", [CASES[name] for name in LET_GO], ids=LET_GO)
each_start = pytest.mark.parametrize("start", STARTS, ids=["rounded up", "rounded down"])
each_way = pytest.mark.parametrize(
    ("look", "start"),
    [
        (LOOKS["tick"], STARTS[0]),
        (LOOKS["tick"], STARTS[1]),
        (LOOKS["resume"], STARTS[0]),
        (LOOKS["execute"], STARTS[1]),
    ],
    ids=["tick-up", "tick-down", "resume-up", "execute-down"],
)
each_look = pytest.mark.parametrize("look", list(LOOKS.values()), ids=list(LOOKS))
in_time = pytest.mark.parametrize("reached", [on, after], ids=["on it", "one tick after"])
around = pytest.mark.parametrize(
    "reached", [before, on, after], ids=["one tick before", "on it", "one tick after"]
)


class Standing(NamedTuple):
    """A run that has come to stand still."""

    engine: AnyEngine
    dial: Dial
    flow: Flow
    end: float


def begin(make_engine: MakeEngine, store: Storage, case: Case, start: float) -> Standing:
    """Start run x, which comes to stand still."""
    dial, flow = Dial(start), case.flow()
    engine = make_engine(store, clock=dial, lease=case.lease, max_inline_wait=case.max_inline_wait)
    with suppress(Death):
        engine.execute(flow, {}, id="x")
    assert record_of(store).status == case.stands
    return Standing(engine, dial, flow, start + SPAN)


@pytest.mark.parametrize(("start", "rounds"), [(STARTS[0], float.__gt__), (STARTS[1], float.__lt__)])
def test_rounding_to_the_microsecond_would_move_these_moments(
    start: float, rounds: Callable[[float, float], bool]
) -> None:
    """One comes late then, and the other early."""
    end = start + SPAN
    assert rounds(round(end, 6), end)


@each_case
@each_start
def test_the_end_is_kept_to_the_last_bit(
    make_engine: MakeEngine, any_store: Storage, case: Case, start: float
) -> None:
    """The store's `wake_at` and what the run says of itself are the very moment."""
    engine, _, _, end = begin(make_engine, any_store, case, start)
    assert (record_of(any_store).wake_at, getattr(engine.run("x"), case.says)) == (end, end)


@each_case
@each_way
def test_nothing_happens_one_tick_before_the_end(
    make_engine: MakeEngine,
    store: MemoryStorage,
    case: Case,
    start: float,
    look: Callable[[AnyEngine, Flow], object],
) -> None:
    """Whoever looks then writes nothing; the run of another worker is busy."""
    engine, dial, flow, end = begin(make_engine, store, case, start)
    stored = record_of(store)
    dial.now = before(end)
    with suppress(RunBusy):
        look(engine, flow)
    assert record_of(store) == stored


@each_case
@each_way
@in_time
def test_whoever_looks_from_the_end_on_goes_on(
    make_engine: MakeEngine,
    store: MemoryStorage,
    case: Case,
    start: float,
    look: Callable[[AnyEngine, Flow], object],
    reached: Callable[[float], float],
) -> None:
    """What stood still until then is over on the tick."""
    engine, dial, flow, end = begin(make_engine, store, case, start)
    dial.now = reached(end)
    look(engine, flow)
    run = engine.run("x")
    assert (run.status, run.error and run.error.code) == (case.ends, case.error)


@each_case
@each_start
def test_a_tick_finds_a_run_from_the_end_on(
    make_engine: MakeEngine, any_store: Storage, case: Case, start: float
) -> None:
    """One tick before that it does not even look at the run."""
    engine, dial, flow, end = begin(make_engine, any_store, case, start)
    dial.now = before(end)
    assert engine.tick([flow]).due == 0
    dial.now = end
    assert engine.tick([flow]).due == 1


@each_case_let_go
@pytest.mark.parametrize("run", [True, False])
def test_a_letter_does_not_move_the_end(
    make_engine: MakeEngine,
    store: MemoryStorage,
    case: Case,
    run: bool,  # noqa: FBT001
) -> None:
    """Who looks at a run because of a signal that it does not wait for leaves the rest of its time as it was."""
    engine, dial, flow, end = begin(make_engine, store, case, STARTS[1])
    dial.now += SPAN / 3
    engine.signal(flow, "x", "of another", run=run)
    engine.tick([flow])
    assert record_of(store).wake_at == end


@each_case_let_go
def test_a_pause_does_not_move_the_end(make_engine: MakeEngine, store: MemoryStorage, case: Case) -> None:
    """A run that is resumed in time stands still for the rest of it."""
    engine, dial, flow, end = begin(make_engine, store, case, STARTS[1])
    dial.now += SPAN / 3
    engine.pause("x")
    engine.resume(flow, "x")
    assert record_of(store).wake_at == end


@each_case_let_go
def test_a_run_that_is_paused_over_its_end_stands_still(
    make_engine: MakeEngine, store: MemoryStorage, case: Case
) -> None:
    """What was over meanwhile is seen when it is resumed."""
    engine, dial, flow, end = begin(make_engine, store, case, STARTS[0])
    engine.pause("x")
    dial.now = after(end)
    assert engine.tick([flow]).due == 0
    assert engine.resume(flow, "x").status == case.ends


@each_case
@each_look
def test_a_clock_that_went_back_brings_nothing_forward(
    make_engine: MakeEngine, store: MemoryStorage, case: Case, look: Callable[[AnyEngine, Flow], object]
) -> None:
    """What is due later stays due then, and is done once."""
    engine, dial, flow, end = begin(make_engine, store, case, STARTS[0])
    stored = record_of(store)
    dial.now -= LONG_AGO
    with suppress(RunBusy):
        look(engine, flow)
    assert record_of(store) == stored
    dial.now = end
    look(engine, flow)
    assert engine.run("x").status == case.ends


# Signals around the time-out of their wait.

WAITS: dict[str, Callable[[], Flow]] = {
    "fails": lambda: Workflow("w").wait("a", timeout=SPAN),
    "is skipped": lambda: Workflow("w").wait("a", timeout=SPAN, on_timeout="skip"),
    "is a step's": lambda: Workflow("w").step("a", lambda ctx: wait("a", timeout=SPAN)),
}


@pytest.mark.parametrize("waiting", list(WAITS.values()), ids=list(WAITS))
@around
@pytest.mark.parametrize("run", [True, False])
def test_a_signal_that_is_there_when_the_wait_is_decided_wins(
    make_engine: MakeEngine,
    any_store: Storage,
    waiting: Callable[[], Flow],
    reached: Callable[[float], float],
    run: bool,  # noqa: FBT001
) -> None:
    """Even one that came late, if nobody had looked at the run before."""
    engine, dial, flow, end = begin(make_engine, any_store, Case(waiting, "suspended", ""), STARTS[0])
    dial.now = reached(end)
    engine.signal(flow, "x", "a", "yes", run=run)
    dial.now += SPAN
    engine.tick([flow])
    run_now = engine.run("x")
    assert (run_now.status, run_now.history[0].output) == ("completed", "yes")


@pytest.mark.parametrize("waiting", list(WAITS.values()), ids=list(WAITS))
def test_a_signal_that_came_after_somebody_had_looked_is_not_expected(
    make_engine: MakeEngine, any_store: Storage, waiting: Callable[[], Flow]
) -> None:
    """On the very tick: who comes first decides."""
    engine, dial, flow, end = begin(make_engine, any_store, Case(waiting, "suspended", ""), STARTS[0])
    dial.now = end
    engine.tick([flow])
    with pytest.raises(SignalNotExpected):
        engine.signal(flow, "x", "a", "yes")


@around
def test_a_signal_does_not_outlast_the_time_out_of_the_workflow(
    make_engine: MakeEngine, any_store: Storage, reached: Callable[[float], float]
) -> None:
    """One tick before it the signal is taken; from then on the run has failed."""
    case = Case(lambda: Workflow("w", timeout=SPAN).wait("a"), "suspended", "")
    engine, dial, flow, end = begin(make_engine, any_store, case, STARTS[1])
    dial.now = reached(end)
    result = engine.signal(flow, "x", "a", "yes")
    assert result.status == ("completed" if reached is before else "failed")


# The workflow's time-out, where nothing stands still.


@around
@each_start
def test_no_node_is_begun_once_the_workflows_time_is_over(
    make_engine: MakeEngine, start: float, reached: Callable[[float], float]
) -> None:
    """The node before may have taken the time; what it did is kept."""
    dial, calls = Dial(start), []

    def slow(ctx: Ctx) -> str:
        dial.now = reached(start + SPAN)
        return "done"

    flow = Workflow("w", timeout=SPAN).step("a", slow).step("b", lambda ctx: calls.append("b"))
    result = make_engine(clock=dial).execute(flow, {})
    in_time = reached is before
    assert (result.status, calls) == (("completed", ["b"]) if in_time else ("failed", []))
    assert result.results["a"] == "done"


@in_time
def test_a_run_whose_last_node_ends_too_late_has_completed(
    make_engine: MakeEngine, reached: Callable[[float], float]
) -> None:
    """No attempt in progress is cut, and after the last there is nothing left to be too late for."""
    dial = Dial(STARTS[0])
    flow = Workflow("w", timeout=SPAN).step("a", lambda ctx: setattr(dial, "now", reached(dial.now + SPAN)))
    assert make_engine(clock=dial).execute(flow, {}).status == "completed"


@around
def test_no_attempt_is_made_once_the_workflows_time_is_over(
    make_engine: MakeEngine, reached: Callable[[float], float]
) -> None:
    """A back-off that is waited out in the process may have taken the time."""
    dial = Dial(ROUND)
    initial = reached(ROUND + 4) - ROUND
    flow = Workflow("w", timeout=4).step(
        "a", once(ValueError), retries=Retry(1, initial=initial, jitter="none")
    )
    result = make_engine(clock=dial).execute(flow, {})
    assert dial.slept == [initial]
    assert result.status == ("completed" if reached is before else "failed")


def test_a_rollback_is_not_bound_to_the_workflows_time(make_engine: MakeEngine, store: MemoryStorage) -> None:
    """Neither the back-off of a compensation nor the compensation after it is cut short."""
    dial = Dial(ROUND)
    flow = (
        Workflow("w", timeout=SPAN)
        .commit("a", one, compensate=once(ValueError), retries=LONGER)
        .step("b", fail)
    )
    engine = make_engine(store, clock=dial, max_inline_wait=0)
    assert engine.execute(flow, {}, id="x").status == "rolling_back"
    assert record_of(store).wake_at == ROUND + 1
    dial.now = ROUND + 1
    assert engine.resume(flow, "x").status == "rolled_back"


@around
@pytest.mark.parametrize("ended", ["failed", "completed"])
def test_a_retried_run_has_the_workflows_time_again(
    make_engine: MakeEngine, ended: str, reached: Callable[[float], float]
) -> None:
    """It is counted from the retry, to the last bit."""
    dial = Dial(STARTS[0])
    engine = make_engine(clock=dial)
    work = once(ValueError) if ended == "failed" else one
    first = Workflow("w", timeout=SPAN).step("a", work)
    assert engine.execute(first, {}, id="x").status == ended
    flow = first.wait("b")
    dial.now = STARTS[1] + 2**30
    assert engine.retry_step(flow, "x", "a").wake_at == dial.now + SPAN
    dial.now = reached(dial.now + SPAN)
    assert engine.tick([flow]).failed == (reached is not before)


# Back-offs: in the process up to a limit.


@around
@pytest.mark.parametrize("back", [False, True], ids=["forward", "back"])
def test_a_back_off_is_waited_out_in_the_process_up_to_the_limit(
    make_engine: MakeEngine,
    store: MemoryStorage,
    reached: Callable[[float], float],
    back: bool,  # noqa: FBT001
) -> None:
    """A longer one suspends the run, which is due when it ends."""
    dial = Dial(ROUND)
    delay = reached(ROUND + 5) - ROUND
    retries = Retry(1, initial=delay, jitter="none")
    flow = Workflow("w").step("a", once(ValueError), retries=retries)
    if back:
        flow = Workflow("w").step("a", one, compensate=once(ValueError), retries=retries).step("b", fail)
    make_engine(store, clock=dial, max_inline_wait=5).execute(flow, {}, id="x")
    end = "rolled_back" if back else "completed"
    rest = "rolling_back" if back else "suspended"
    expected = (rest, [], ROUND + delay) if reached is after else (end, [delay], None)
    assert (record_of(store).status, dial.slept, record_of(store).wake_at) == expected


def test_no_attempt_is_made_before_its_time(make_engine: MakeEngine) -> None:
    """A wait that ends one tick early, as a computer's may, is gone on with."""

    class Early(Dial):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            if len(self.slept) == 1:
                self.now = before(self.now)

    dial, tried = Early(STARTS[0]), []

    def work(ctx: Ctx) -> None:
        tried.append(dial.now)
        if len(tried) == 1:
            raise ValueError

    flow = Workflow("w").step("a", work, retries=BACK_OFF)
    assert make_engine(clock=dial).execute(flow, {}).status == "completed"
    assert tried == [STARTS[0], STARTS[0] + SPAN]


# Leases: until when they keep others away, and when they are renewed.


class Outside(NamedTuple):
    """What somebody does to a run that a worker may hold, and how it stands after that."""

    call: Callable[[AnyEngine, Flow], object]
    held: tuple[RunStatus | None, tuple[str, ...]]
    """Status and inbox if a worker holds it; a call that raises leaves both."""
    free: tuple[RunStatus | None, tuple[str, ...]]


OUTSIDE = {
    "cancel": Outside(
        lambda engine, flow: engine.cancel(flow, "x"),
        (RunStatus.RUNNING, ("cancel",)),
        (RunStatus.CANCELLED, ()),
    ),
    "pause": Outside(
        lambda engine, flow: engine.pause("x"),
        (RunStatus.RUNNING, ("pause",)),
        (RunStatus.PAUSED, ()),
    ),
    "signal": Outside(
        lambda engine, flow: engine.signal(flow, "x", "s"),
        (RunStatus.RUNNING, ("signal s",)),
        (RunStatus.COMPLETED, ("signal s",)),
    ),
    "delete": Outside(lambda engine, flow: engine.delete("x"), (RunStatus.RUNNING, ()), (None, ())),
}


@pytest.mark.parametrize("outside", list(OUTSIDE.values()), ids=list(OUTSIDE))
@around
def test_a_run_is_its_workers_until_the_lease_ends(
    make_engine: MakeEngine,
    any_store: Storage,
    outside: Outside,
    reached: Callable[[float], float],
) -> None:
    """One tick before that others leave word or are sent away; from then on they do it themselves."""
    engine, dial, flow, end = begin(make_engine, any_store, CASES["lease"], STARTS[0])
    dial.now = reached(end)
    with suppress(RunBusy):
        outside.call(engine, flow)
    run = engine.get("x")
    stands = (None, ()) if run is None else (run.status, run.inbox)
    assert stands == (outside.held if reached is before else outside.free)


def test_the_error_says_the_very_end(make_engine: MakeEngine, any_store: Storage) -> None:
    """Who tries again then is not sent away."""
    engine, _, flow, end = begin(make_engine, any_store, CASES["lease"], STARTS[0])
    with pytest.raises(RunBusy) as caught:
        engine.resume(flow, "x")
    assert caught.value.until == end


@around
def test_a_lease_lasts_five_seconds_longer_than_the_deadline(
    make_engine: MakeEngine, any_store: Storage, reached: Callable[[float], float]
) -> None:
    """Up to the last tick."""
    dial = Dial(ROUND)
    engine, flow = make_engine(any_store, clock=dial), Workflow("w").step("a", once(Death))
    with suppress(Death):
        engine.execute(flow, {}, id="x", deadline=dial.ticked + 10)
    dial.now = reached(ROUND + 15)
    assert engine.tick([flow]).completed == (reached is not before)


class Slow(MemoryStorage):
    """A store whose first save ends when a test says."""

    def __init__(self, dial: Dial, ends: float) -> None:
        super().__init__()
        self.dial = dial
        self.ends: float | None = ends

    def save(self, record: Record, *, replaces: int) -> None:
        """Save; the answer takes its time."""
        super().save(record, replaces=replaces)
        if self.ends is not None:
            self.dial.now, self.ends = self.ends, None


def _step_then_look(move: Callable[[Ctx], None], look: Callable[[Ctx], None]) -> Flow:
    return Workflow("w").step("a", move).step("b", look)


def _commit_then_look(move: Callable[[Ctx], None], look: Callable[[Ctx], None]) -> Flow:
    return Workflow("w").commit("a", move, once=True).commit("b", look, once=True)


def _fail_then_look(move: Callable[[Ctx], None], look: Callable[[Ctx], None]) -> Flow:
    def work(ctx: Ctx) -> None:
        if ctx.attempt == 2:
            look(ctx)
            return
        move(ctx)
        raise ValueError

    return Workflow("w").step("a", work, retries=Retry(1, initial=0))


def _compensate_then_look(move: Callable[[Ctx], None], look: Callable[[Ctx], None]) -> Flow:
    return Workflow("w").step("a", one, compensate=look).step("b", one, compensate=move).step("c", fail)


def _ask_then_look(move: Callable[[Ctx], None], look: Callable[[Ctx], None]) -> Flow:
    def ask(ctx: Ctx) -> bool:
        move(ctx)
        return True

    return Workflow("w").step("a", look, when=ask)


WORK = [_step_then_look, _commit_then_look, _fail_then_look, _compensate_then_look, _ask_then_look]


@pytest.mark.parametrize("work", WORK)
@pytest.mark.parametrize("checkpoint", ["step", "commit"])
@around
def test_a_worker_renews_its_lease_when_less_than_half_is_left(
    make_engine: MakeEngine,
    store: MemoryStorage,
    work: Callable[[Callable[[Ctx], None], Callable[[Ctx], None]], Flow],
    checkpoint: Any,
    reached: Callable[[float], float],
) -> None:
    """Before it begins anything more; with half of it left, to the tick, it does not."""
    dial = Dial(ROUND)
    moment = reached(ROUND + 30)
    seen: list[float | None] = []

    def move(ctx: Ctx) -> None:
        dial.now = moment

    def look(ctx: Ctx) -> None:
        seen.append(record_of(store).wake_at)

    make_engine(store, clock=dial, checkpoint=checkpoint, lease=60).execute(work(move, look), {}, id="x")
    assert seen == [moment + 60 if reached is after else ROUND + 60]


@around
def test_a_lease_is_renewed_if_a_save_took_half_of_it(
    make_engine: MakeEngine, reached: Callable[[float], float]
) -> None:
    """The time that the store takes counts too."""
    dial = Dial(ROUND)
    moment = reached(ROUND + 30)
    store = Slow(dial, moment)
    flow = Workflow("w").step("a", one).step("b", lambda ctx: record_of(store).wake_at)
    result = make_engine(store, clock=dial, lease=60).execute(flow, {}, id="x")
    assert result.results["b"] == (moment + 60 if reached is after else ROUND + 60)


@around
def test_a_beat_of_the_heart_renews_a_lease_of_which_less_than_half_is_left(
    make_engine: MakeEngine, any_store: Storage, reached: Callable[[float], float]
) -> None:
    """Document and `wake_at` say the same; with half of it left, to the tick, nothing is written."""
    dial, flow = Dial(ROUND), Workflow("w").step("a", once(Death))
    engine = make_engine(any_store, clock=dial, lease=60)
    with suppress(Death):
        engine.execute(flow, {}, id="x")
    dial.now = reached(ROUND + 30)
    engine.engine._heart.renew(Pulse("x", token_of(any_store)))
    run = engine.run("x")
    until, revision = (dial.now + 60, 2) if reached is after else (ROUND + 60, 1)
    assert (run.held_until, run.wake_at, run.revision) == (until, until, revision)


@in_time
def test_a_beat_renews_a_lease_that_has_ended_if_nobody_took_it(
    make_engine: MakeEngine, any_store: Storage, reached: Callable[[float], float]
) -> None:
    """The worker is alive, and keeps the run; who comes after that is sent away."""
    engine, dial, flow, end = begin(make_engine, any_store, CASES["lease"], STARTS[0])
    dial.now = reached(end)
    engine.engine._heart.renew(Pulse("x", token_of(any_store)))
    with pytest.raises(RunBusy):
        engine.resume(flow, "x")


def test_a_beat_leaves_another_workers_lease_alone(make_engine: MakeEngine, any_store: Storage) -> None:
    """The run was taken over on the tick on which the lease ended."""
    engine, dial, _, end = begin(make_engine, any_store, CASES["lease"], STARTS[0])
    token = token_of(any_store)
    dial.now = end
    steal(any_store, "x")
    stolen = record_of(any_store)
    engine.engine._heart.renew(Pulse("x", token))
    assert record_of(any_store) == stolen


def test_a_beat_between_two_saves_costs_nothing(make_engine: MakeEngine, store: MemoryStorage) -> None:
    """The worker goes on from the lease that the heart renewed for it."""
    dial, seen = Dial(ROUND), []
    engine = make_engine(store, clock=dial, lease=60)

    def work(ctx: Ctx) -> None:
        dial.now = after(ROUND + 30)
        engine.engine._heart.renew(Pulse("x", token_of(store)))

    flow = Workflow("w").commit("a", work).step("b", lambda ctx: seen.append(record_of(store).wake_at))
    assert engine.execute(flow, {}, id="x").status == "completed"
    assert seen == [after(ROUND + 30) + 60]


# The deadline of an invocation, by either of its two clocks.

HANDS: dict[str, tuple[bool, bool]] = {
    "both": (True, True),
    "wall": (True, False),
    "monotonic": (False, True),
}


@pytest.mark.parametrize("hands", list(HANDS.values()), ids=list(HANDS))
@around
@pytest.mark.parametrize(
    ("timeout", "passed", "on_it"),
    [(None, 9.5, False), (2, 7.5, True), (300, 5.0, True)],
    ids=["no time-out", "a time-out", "one longer than any invocation"],
)
def test_a_node_is_begun_as_long_as_the_deadline_leaves_time(
    make_engine: MakeEngine,
    store: MemoryStorage,
    hands: tuple[bool, bool],
    reached: Callable[[float], float],
    timeout: float | None,
    passed: float,
    on_it: bool,  # noqa: FBT001
) -> None:
    """Half a second and its time-out, or half an invocation if that is less; else the run is due at once."""
    dial = Dial(ROUND)

    def work(ctx: Ctx) -> None:
        moment = reached(ROUND + passed)
        dial.now = moment if hands[0] else dial.now
        dial.ticked += moment - ROUND if hands[1] else 0

    flow = Workflow("w").step("a", work).step("b", one, timeout=timeout)
    result = make_engine(store, clock=dial).execute(flow, {}, id="x", deadline=dial.ticked + 10)
    fits = reached is before or (on_it and reached is on)
    expected = ("completed", None) if fits else ("suspended", dial.now)
    assert (result.status, record_of(store).wake_at) == expected


@around
def test_a_back_off_is_waited_out_if_the_deadline_leaves_time_after_it(
    make_engine: MakeEngine, reached: Callable[[float], float]
) -> None:
    """To the tick; else the run is suspended until the back-off is over."""
    dial = Dial(ROUND)
    delay = reached(ROUND + 9.5) - ROUND
    flow = Workflow("w").step("a", once(ValueError), retries=Retry(1, initial=delay, jitter="none"))
    engine = make_engine(clock=dial, max_inline_wait=60)
    result = engine.execute(flow, {}, deadline=dial.ticked + 10)
    expected = ("completed", None, [delay]) if reached is before else ("suspended", ROUND + delay, [])
    assert (result.status, result.wake_at, dial.slept) == expected


@around
def test_a_tick_claims_runs_as_long_as_its_deadline_leaves_time(
    make_engine: MakeEngine, reached: Callable[[float], float]
) -> None:
    """More than half a second, by a tick."""
    dial, flow = Dial(ROUND), Workflow("w").step("a", one)
    engine = make_engine(clock=dial)
    engine.start(flow, {})
    assert engine.tick([flow], deadline=reached(dial.ticked + 0.5)).claimed == (reached is after)


def test_a_wall_clock_that_went_back_makes_no_deadline_later(make_engine: MakeEngine) -> None:
    """The monotonic clock says that it is over."""
    dial, calls = Dial(ROUND), []

    def work(ctx: Ctx) -> None:
        dial.now -= LONG_AGO
        dial.ticked += 9.5

    flow = Workflow("w").step("a", work).step("b", lambda ctx: calls.append("b"))
    result = make_engine(clock=dial).execute(flow, {}, deadline=dial.ticked + 10)
    assert (result.status, result.wake_at, calls) == ("suspended", ROUND - LONG_AGO, [])


# What is due, and what a listing finds.


@around
@each_start
def test_a_started_run_is_due_from_its_start_on(
    make_engine: MakeEngine, any_store: Storage, start: float, reached: Callable[[float], float]
) -> None:
    """A scheduler whose clock is a tick behind finds it a tick later."""
    dial, flow = Dial(start), Workflow("w").step("a", one)
    engine = make_engine(any_store, clock=dial)
    engine.start(flow, {}, id="x")
    dial.now = reached(start)
    assert engine.tick([flow]).due == (reached is not before)


@around
@each_start
def test_a_listing_takes_since_in_and_until_out(
    make_engine: MakeEngine, any_store: Storage, start: float, reached: Callable[[float], float]
) -> None:
    """A run that was created on the very moment is of the span that begins then, and of none that ends then."""
    engine = make_engine(any_store, clock=Dial(start))
    engine.start(Workflow("w").step("a", one), {}, id="x")
    moment = reached(start)
    since, until = engine.list(since=moment).runs, engine.list(until=moment).runs
    assert (len(since), len(until)) == ((0, 1) if reached is after else (1, 0))


# A clock that goes back while something goes on.


def test_a_clock_that_goes_back_during_a_run_changes_nothing(
    make_engine: MakeEngine, any_store: Storage
) -> None:
    """Each node runs once, and all that was recorded can be read."""
    dial, calls = Dial(STARTS[0]), []

    def work(ctx: Ctx) -> None:
        calls.append(ctx.step)
        dial.now -= LONG_AGO

    flow = Workflow("w").step("a", work).commit("b", work).commit("c", work, once=True).step("d", work)
    result = make_engine(any_store, clock=dial).execute(flow, {}, id="x")
    assert (result.status, calls) == ("completed", ["a", "b", "c", "d"])
    assert [record.completed_at is not None for record in make_engine(any_store).run("x").history] == [
        True
    ] * 4
    assert result.to_dict()["duration"] == pytest.approx(-4 * LONG_AGO)


def test_a_clock_that_goes_back_during_a_rollback_changes_nothing(
    make_engine: MakeEngine, any_store: Storage
) -> None:
    """Each compensation runs once."""
    dial, calls = Dial(STARTS[0]), []

    def undo(ctx: Ctx) -> None:
        calls.append(ctx.step)
        dial.now -= LONG_AGO

    flow = Workflow("w").commit("a", one, compensate=undo).commit("b", one, compensate=undo).step("c", fail)
    result = make_engine(any_store, clock=dial).execute(flow, {}, id="x")
    assert (result.status, calls) == ("rolled_back", ["b", "a"])


def test_a_clock_that_goes_back_during_a_back_off_makes_it_no_shorter(
    make_engine: MakeEngine, any_store: Storage
) -> None:
    """The run is suspended until the next attempt is due, which is made once."""

    class Back(Dial):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            self.now -= LONG_AGO

    dial, tried = Back(STARTS[0]), []

    def work(ctx: Ctx) -> None:
        tried.append(dial.now)
        if len(tried) == 1:
            raise ValueError

    engine, flow = make_engine(any_store, clock=dial), Workflow("w").step("a", work, retries=BACK_OFF)
    assert engine.execute(flow, {}, id="x").wake_at == STARTS[0] + SPAN
    assert engine.tick([flow]).due == 0
    dial.now = STARTS[0] + SPAN
    engine.tick([flow])
    assert tried == [STARTS[0], STARTS[0] + SPAN]


def test_a_clock_that_goes_back_between_finding_and_claiming_loses_nothing(
    make_engine: MakeEngine, store: MemoryStorage
) -> None:
    """The run is not due any more, and is found again when it is."""
    dial = Dial(STARTS[0])

    class Back(MemoryStorage):
        def find(self, query: Query) -> RecordPage:
            found = super().find(query)
            dial.now = STARTS[0]
            return found

    back = Back()
    engine, flow = make_engine(back, clock=dial), Workflow("w").sleep("a", SPAN)
    engine.execute(flow, {}, id="x")
    stored = record_of(back)
    dial.now = STARTS[0] + SPAN
    engine.tick([flow])
    assert record_of(back) == stored
    dial.now = STARTS[0] + SPAN
    assert engine.resume(flow, "x").status == "completed"


def test_a_signal_is_taken_though_the_clock_went_back(make_engine: MakeEngine, any_store: Storage) -> None:
    """It is there, and that is what counts."""
    engine, dial, flow, _ = begin(make_engine, any_store, CASES["wait"], STARTS[0])
    dial.now -= LONG_AGO
    assert engine.signal(flow, "x", "a", "yes").results == {"a": "yes"}


def test_a_signal_that_was_left_is_found_when_the_clock_is_there_again(
    make_engine: MakeEngine, any_store: Storage
) -> None:
    """A clock that goes back after it came delays it, and loses nothing."""
    engine, dial, flow, _ = begin(make_engine, any_store, CASES["wait"], STARTS[0])
    engine.signal(flow, "x", "a", "yes", run=False)
    dial.now = before(STARTS[0])
    assert engine.tick([flow]).due == 0
    dial.now = STARTS[0]
    assert engine.tick([flow]).completed == 1


def test_a_worker_whose_clock_goes_back_keeps_its_lease(make_engine: MakeEngine, any_store: Storage) -> None:
    """The lease ends where it ended; nobody may take the run sooner."""
    dial = Dial(ROUND)
    engine = make_engine(any_store, clock=dial, lease=60)

    def back(ctx: Ctx) -> None:
        dial.now -= LONG_AGO

    with suppress(Death):
        engine.execute(Workflow("w").step("a", back).step("b", once(Death)), {}, id="x")
    dial.now = before(ROUND + 60)
    with pytest.raises(RunBusy):
        engine.resume(Workflow("w").step("a", back).step("b", one), "x")
