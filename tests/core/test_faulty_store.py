"""A store that fails at any of its calls, before or after it has done what it was asked: nothing lost, nothing twice.

Each scenario is the whole life of a run, with callers that make their call again when it raised, as a source that
delivers at least once does. It is lived again and again, with the fault at its first, second, third ... call of the
store, until the fault comes too late to be met.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from contextlib import suppress
from itertools import count
from random import Random
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, TypeAlias, TypeVar

import pytest

from flux_core import (
    AsyncEngine,
    Context,
    Fatal,
    FluxError,
    LeaseLost,
    NotRetryable,
    OutcomeUnknown,
    Result,
    Retry,
    Run,
    RunBusy,
    RunEnded,
    RunNotFound,
    StepStatus,
    StoreError,
    Suspension,
    Workflow,
    wait,
)
from flux_core._outside import renew
from flux_core.storage import MemoryStorage
from flux_core.testing import FakeClock
from flux_core.testing._stepping import SteppingEngine

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from flux_core import EngineOptions
    from flux_core.storage import Query, Record, RecordPage

T = TypeVar("T")
Checkpoint: TypeAlias = Literal["step", "commit"]
Ctx = Context[Any, Any]
Flow = Workflow[Any, Any]

LEASE = 60.0
LONGER = 150.0  # what a beat of the heart makes of a lease
LARGE = "x" * 9_000
AGAIN = (StoreError, RunBusy, LeaseLost)  # what a caller makes its call again after
TRIES = 200  # how often a caller makes its call before the run counts as one that hangs
CALM = 150  # calls of a store after which a chaos is over
HOUR = 3600.0


class TimedOut(StoreError, TimeoutError):
    """What a driver of a database raises when no answer came in time."""


class Act(NamedTuple):
    """What a store does at one call."""

    does: bool
    """Whether it does what it was asked."""
    then: str = ""
    """What happens before the answer: a method of `Life`."""
    error: type[StoreError] | None = StoreError
    first: str = ""
    """What happens before it does anything: a method of `Life`."""


ACTS = {
    ".": Act(does=True, error=None),
    "-": Act(does=False),
    "+": Act(does=True),
    "s": Act(does=False, then="wait_long", error=TimedOut),
    "S": Act(does=True, then="wait_long", error=TimedOut),
    "w": Act(does=False, then="lose_lease", error=TimedOut),
    "W": Act(does=True, then="lose_lease", error=TimedOut),
    "l": Act(does=False, then="receive_letter"),
    "L": Act(does=True, then="receive_letter"),
    "p": Act(does=False, then="pause_and_resume"),
    "P": Act(does=True, then="pause_and_resume"),
    "b": Act(does=False, then="beat"),
    "B": Act(does=True, then="beat"),
    "!": Act(does=True, error=None, first="receive_letter"),
    "h": Act(does=False),
    "c": Act(does=False, then="be_cancelled"),
    "C": Act(does=True, then="be_cancelled"),
    "u": Act(does=False, then="be_rolled_back"),
    "U": Act(does=True, then="be_rolled_back"),
}
HARMLESS = "-+sSwWlLpPbB!h"
"""Those after which a run ends as it would have ended."""
GENTLE = "-+sSlLbB!."
"""Those that cost no lease, and bring nothing but letters that change nothing."""
STORM = 20
"""Calls in a row with letters before them after which nobody is to get through."""
WRITES = {"create", "save", "put_blob"}

FAULTS = {
    "refused": "-",
    "its answer lost": "+",
    "refused twice": "--",
    "two answers lost": "++",
    "refused, then its answer lost": "-+",
    "its answer lost, then refused": "+-",
    "refused three times": "---",
    "three answers lost": "+++",
    "its answer lost at the last try": "--+",
    "refused until somebody sees to it": "-*",
    "its answers lost until somebody sees to it": "+*",
    "refused after a long wait": "s",
    "its answer lost after a long wait": "S",
    "refused so late that another worker took the run": "w",
    "its answer lost so late that another worker took the run": "W",
    "refused, and a letter comes before it is sent again": "l",
    "its answer lost, and a letter comes before it is sent again": "L",
    "two answers lost, a letter after each": "LL",
    "refused, then its answer lost, a letter after each": "lL",
    "its answer lost, and a pause comes and goes before it is sent again": "P",
    "refused, and the heart beats before it is sent again": "b",
    "its answer lost, and the heart beats before it is sent again": "B",
    "its answer lost, a letter, and others before each write that follows": "L!!!!!!",
    "a few letters before the writes": "!!!!!!",
    "a storm of letters": "!" * 30,
    "deleted by half": "h",
}
"""What happens from the call on at which the fault is met: an act a call; with `*` the last goes on."""


class Faulty:
    """A store in memory that fails from a call on, as planned."""

    blocking: ClassVar[bool] = False

    def __init__(self, life: Life, plan: str, at: int) -> None:
        self._life = life
        self._inner = life.inner
        self._plan = plan.removesuffix("*")
        self._lasts = self._lasting = plan.endswith("*")
        self._at = at
        self.calls = 0
        self.failed: list[str] = []
        """The methods of which a call failed."""

    @property
    def was_gentle(self) -> bool:
        """Whether it did nothing that a worker or an outsider would not get over without an error of its own."""
        gentle = set(self._plan) <= set(GENTLE) and len(self._plan) < STORM and not self._lasting
        return gentle and len(self.failed) <= 2 and set(self.failed) <= WRITES

    @property
    def was_met(self) -> bool:
        """Whether the fault has happened."""
        return self.calls >= self._at

    def repair(self) -> None:
        """End a fault that lasts."""
        if self.was_met:
            self._lasts = False

    def create(self, record: Record) -> None:
        """Store a new run."""
        self._do("create", lambda: self._inner.create(record))

    def load(self, run_id: str) -> Record | None:
        """Return the run."""
        return self._do("load", lambda: self._inner.load(run_id))

    def save(self, record: Record, *, replaces: int) -> None:
        """Replace the run."""
        self._do("save", lambda: self._inner.save(record, replaces=replaces))

    def find(self, query: Query) -> RecordPage:
        """Return what the query finds."""
        return self._do("find", lambda: self._inner.find(query))

    def delete(self, run_id: str) -> None:
        """Remove the run and its blobs; its blobs alone if it is to fail half way."""
        if self._next is ACTS["h"]:
            self._inner.delete_blobs(run_id)
        self._do("delete", lambda: self._inner.delete(run_id))

    def put_blob(self, run_id: str, key: str, value: bytes) -> None:
        """Store a blob."""
        self._do("put_blob", lambda: self._inner.put_blob(run_id, key, value))

    def get_blob(self, run_id: str, key: str) -> bytes:
        """Return a blob."""
        return self._do("get_blob", lambda: self._inner.get_blob(run_id, key))

    def delete_blobs(self, run_id: str, *, keep: Collection[str] = ()) -> None:
        """Remove blobs."""
        self._do("delete_blobs", lambda: self._inner.delete_blobs(run_id, keep=keep))

    def close(self) -> None:
        """Do nothing."""

    @property
    def _next(self) -> Act:
        """What happens at the next call."""
        place = self.calls + 1 - self._at
        if place < 0:
            return ACTS["."]
        if place < len(self._plan):
            return ACTS[self._plan[place]]
        return ACTS[self._plan[-1] if self._lasts else "."]

    def _do(self, name: str, method: Callable[[], T]) -> T:
        act = self._next
        self.calls += 1
        if act.first:
            getattr(self._life, act.first)()
        if act.error is None:
            return method()
        self.failed.append(name)
        if act.does:
            with suppress(FluxError):  # a refusal is an answer too, and is lost as well
                method()
        if act.then:
            getattr(self._life, act.then)()
        raise act.error("the store did not answer")


class Life:
    """The life of run x over a store that fails, with the world that its steps work on, and those who call.

    Args:
        plan: what the store does from the call on at which the fault is met.
        at: that call.
        asynchronous: whether the engine is an `AsyncEngine`.
        checkpoint: the engine's option.
    """

    flow: Flow

    def __init__(
        self,
        plan: str,
        at: int,
        *,
        asynchronous: bool = False,
        checkpoint: Checkpoint = "step",
    ) -> None:
        self.clock = FakeClock(1_000_000.0)
        self.inner = MemoryStorage()
        self.store = Faulty(self, plan, at)
        options: EngineOptions = {
            "clock": self.clock,
            "lease": LEASE,
            "max_interruptions": 1_000,
            "checkpoint": checkpoint,
        }
        self.inside: Any = SteppingEngine(self.store, **options)
        """For calls that a handler makes, on an event loop or not."""
        self.engine: Any = (AsyncEngine if asynchronous else SteppingEngine)(self.store, **options)
        self.others: Any = SteppingEngine(self.inner, **options)
        self.made: Counter[str] = Counter()
        """How often each effect was made, by its key, in the order in which they were made first."""
        self.broken: list[str] = []
        """Promises that were not kept."""
        self.failed_calls = 0
        self.lost_leases = 0
        """How often time has passed until a lease was over, and another worker came."""
        self.letters = 0
        self.was_resumed = False
        self.was_cancelled: bool | None = None
        """Whether somebody was told that the run is cancelled; True if it is to be rolled back."""

    # What handlers do.

    def work(self, ctx: Ctx) -> str:
        """Have an effect, and return its key."""
        stands = {record.name: record.status for record in self.run.history}.get(ctx.step)
        if stands in (StepStatus.COMPLETED, StepStatus.SUSPENDED):
            self.broken.append(f"{ctx.step} was called again when it was {stands}")
        self.made[ctx.key] += 1
        return ctx.key

    def undo(self, ctx: Ctx) -> None:
        """Take an effect back."""
        done = {record.name for record in self.run.compensations if record.status == StepStatus.COMPENSATED}
        if ctx.step in done:
            self.broken.append(f"{ctx.step} was compensated again")
        self.made[ctx.key] += 1

    # Callers, who see what they are told, and call again when that was an error.

    def call(
        self,
        method: str,
        *arguments: Any,
        ends: tuple[type[FluxError], ...] = (),
        inside: bool = False,
        **options: Any,
    ) -> Any:
        """Call a method of the engine until it returns; None if it is told that there is nothing to do any more."""
        failed_before = self.failed_calls
        for _ in range(TRIES):
            try:
                return self.perform(method, *arguments, inside=inside, **options)
            except ends as error:
                if self.failed_calls == failed_before and not inside:
                    self.broken.append(f"{method} was refused what nobody had done before: {error}")
                return None
            except AGAIN:
                self.call_failed()
        raise AssertionError(f"{method} failed {TRIES} times")

    def perform(self, method: str, *arguments: Any, inside: bool = False, **options: Any) -> Any:
        """Call a method of the engine, once."""
        engine = self.inside if inside else self.engine
        made = getattr(engine, method)(*arguments, **options)
        result = _awaited(made) if isinstance(engine, AsyncEngine) else made.finish()
        if isinstance(result, Result) and result.status != self.run.status:
            self.broken.append(f"{method} returned {result.status} for {self.run.status}")
        return result

    def call_failed(self) -> None:
        """Be told of a failure: somebody sees to the store, and leases end."""
        self.failed_calls += 1
        self.store.repair()
        self.clock.advance(LEASE + 1)

    def execute(self) -> Result[Any]:
        """Start run x, or go on with it."""
        result: Result[Any] = self.call("execute", self.flow, {}, id="x")
        return result

    def signal(self, name: str, payload: object, letter_id: str, **options: Any) -> None:
        """Send run x a signal."""
        self.call("signal", self.flow, "x", name, payload, id=letter_id, **options)

    def settle(self) -> Run:
        """Tick, as a schedule does, until nothing is due any more and nothing will be; return the run."""
        for _ in range(TRIES):
            report = self.call("tick", [self.flow])
            if report.skipped:
                self.call_failed()
            wake_at = self.run.wake_at
            if wake_at is None:
                return self.run
            self.clock.advance(max(0.0, wake_at - self.clock.time()))
        raise AssertionError(f"the run is still due: {self.run}")

    @property
    def run(self) -> Run:
        """Run x as it is stored."""
        run = self.others.get("x").finish()
        assert isinstance(run, Run)
        return run

    # What happens meanwhile.

    def wait_long(self) -> None:
        """Let a time pass in which the lease does not end."""
        self.clock.advance(LEASE / 3)

    def lose_lease(self) -> None:
        """Let the lease end, and another worker do what is due."""
        self.lost_leases += 1
        self.clock.advance(LONGER + 1)
        self.others.tick([self.flow]).finish()

    def receive_letter(self) -> None:
        """Let somebody send the run a signal that it does not wait for."""
        letter = f"noise {self.clock.time()} {self.store.calls}"
        with suppress(FluxError):  # it has ended, or is not there
            self.others.signal(self.flow, "x", "noise", id=letter, run=False).finish()
        stored = self.inner.load("x")
        self.letters += stored is not None and letter.encode() in stored.document

    def pause_and_resume(self) -> None:
        """Let somebody pause the run, and change his mind."""
        self.was_resumed = True
        with suppress(FluxError):
            self.others.pause("x").finish()
            self.others.resume(self.flow, "x").finish()

    def beat(self) -> None:
        """Let a beat of the heart renew the lease of whoever holds the run."""
        stored = self.inner.load("x")
        lease = json.loads(stored.document).get("lease") if stored else None
        if lease:
            self.others._drive(renew("x", lease["token"], LONGER, "beat")).finish()

    def be_cancelled(self, *, compensate: bool = False) -> None:
        """Let somebody cancel the run."""
        with suppress(RunEnded, RunNotFound):
            self.others.cancel(self.flow, "x", compensate=compensate).finish()
            self.was_cancelled = bool(self.was_cancelled) or compensate

    def be_rolled_back(self) -> None:
        """Let somebody cancel the run with compensation."""
        self.be_cancelled(compensate=True)

    # What is promised.

    def check(self) -> None:
        """Nothing was lost, and nothing was done twice."""
        assert not self.broken
        assert not self.store.was_gentle or self.failed_calls == self.lost_leases
        assert self.failed_calls or self.lost_leases > 1 or set(self.made.values()) <= {1}, self.made
        if self.inner.load("x") is not None:
            left = self.run.inbox
            if self.run.status != "completed":  # what was asked of a run that has failed may stay unserved
                left = tuple(letter for letter in left if letter.startswith("signal"))
            assert left == ("signal noise",) * self.letters


def _awaited(made: Any) -> Any:
    async def whole() -> Any:
        return await made

    return asyncio.run(whole())


# The lives.


def an_order(life: Life) -> None:
    """Complete, and be delivered again."""
    life.flow = (
        Workflow("w")
        .step("look", life.work)
        .commit("pay", life.work, compensate=life.undo)
        .commit("send", life.work)
        .step("tell", life.work)
    )
    life.execute()
    life.settle()
    result = life.execute()
    assert result.status == "completed"
    assert list(result.results.values()) == list(life.made) == _keys("look", "pay", "send", "tell")


def signals(life: Life) -> None:
    """Take two signals one after the other, each of which is sent twice."""

    def ask(ctx: Ctx) -> Suspension:
        life.work(ctx)
        return wait("answer")

    life.flow = Workflow("w").step("ask", ask).commit("act", life.work).step("ask again", ask)
    life.execute()
    for payload in (1, 1, 2, 2):
        life.signal("answer", payload, f"letter {payload}")
    run = life.settle()
    assert (run.status, _outputs(run)) == ("completed", {"ask": 1, "act": "x/act/1", "ask again": 2})


def signals_before_their_waits(life: Life) -> None:
    """Keep signals in their order until they are waited for."""
    life.flow = (
        Workflow("w").wait("a").step("b", lambda ctx: wait("answer")).step("c", lambda ctx: wait("answer"))
    )
    life.call("start", life.flow, {}, id="x")
    for name, payload in (("answer", 1), ("answer", 2), ("a", 3), ("answer", 1)):
        life.signal(name, payload, f"letter {payload}", run=False)
    run = life.settle()
    assert (run.status, _outputs(run)) == ("completed", {"a": 3, "b": 1, "c": 2})


def a_signal_to_a_held_run(life: Life) -> None:
    """Get a signal while a step runs, and pass the wait for it without standing still."""

    def ask(ctx: Ctx) -> str:
        key = life.work(ctx)
        life.signal("answer", 1, "letter", inside=True)
        return key

    life.flow = Workflow("w").step("ask", ask).wait("answer").commit("act", life.work)
    life.execute()
    run = life.settle()
    assert (run.status, list(_outputs(run).values())) == ("completed", ["x/ask/1", 1, "x/act/1"])


def a_cancellation(life: Life) -> None:
    """Be cancelled while waiting."""
    life.flow = Workflow("w").commit("pay", life.work, compensate=life.undo).wait("answer")
    life.execute()
    life.call("cancel", life.flow, "x", ends=(RunEnded,))
    assert life.settle().status == "cancelled"
    assert list(life.made) == _keys("pay")


def a_cancellation_with_compensation(life: Life) -> None:
    """Be cancelled while waiting, and rolled back."""
    life.flow = (
        Workflow("w")
        .commit("pay", life.work, compensate=life.undo)
        .step("reserve", life.work, compensate=life.undo)
        .wait("answer")
    )
    life.execute()
    life.call("cancel", life.flow, "x", compensate=True, ends=(RunEnded,))
    run = life.settle()
    assert (run.status, [record.name for record in run.compensations]) == ("rolled_back", ["reserve", "pay"])
    assert list(life.made) == _keys("pay", "reserve") + _keys("reserve", "pay", suffix="/compensate")


def a_cancellation_of_a_held_run(life: Life) -> None:
    """Be cancelled by a person while a commit is being made, which is compensated then."""

    def pay(ctx: Ctx) -> str:
        key = life.work(ctx)
        life.call("cancel", life.flow, "x", compensate=True, ends=(RunEnded,), inside=True)
        return key

    life.flow = Workflow("w").commit("pay", pay, compensate=life.undo).commit("send", life.work)
    life.execute()
    assert life.settle().status == "rolled_back"
    assert "x/send/1" not in life.made


def a_failure(life: Life) -> None:
    """Fail, and roll back; one compensation is tried again an hour later."""
    tried: list[str] = []

    def undo(ctx: Ctx) -> None:
        tried.append(ctx.key)
        if len(tried) == 1:
            raise ValueError
        life.undo(ctx)

    def fail(ctx: Ctx) -> None:
        raise Fatal("no")

    life.flow = (
        Workflow("w")
        .commit("pay", life.work, compensate=life.undo)
        .commit("send", life.work, compensate=undo, retries=Retry(9, initial=HOUR, max=HOUR, jitter="none"))
        .step("fail", fail)
    )
    life.execute()
    run = life.settle()
    assert (run.status, run.error and run.error.code) == ("rolled_back", "FATAL")
    assert list(life.made) == _keys("pay", "send") + _keys("send", "pay", suffix="/compensate")


def a_pause(life: Life) -> None:
    """Stand still from a pause to the resume, also if a signal comes."""
    life.flow = Workflow("w").wait("answer").commit("act", life.work)
    life.execute()
    life.call("pause", "x")
    life.signal("answer", 1, "letter")
    run = life.settle()
    assert (run.status, list(life.made)) == ("paused", []) or life.was_resumed
    life.call("resume", life.flow, "x")
    run = life.settle()
    assert (run.status, _outputs(run)) == ("completed", {"answer": 1, "act": "x/act/1"})


def a_commit_that_must_not_be_made_twice(life: Life) -> None:
    """Make a commit once; where nobody knows, a person looks, and says what came of it."""
    life.flow = (
        Workflow("w").step("look", life.work).commit("pay", life.work, once=True).step("tell", life.work)
    )
    life.execute()
    _see_to(life)
    assert list(_outputs(life.run).values()) == _keys("look", "pay", "tell")


def a_late_outcome(life: Life) -> None:
    """Have a commit made by a worker that loses its lease meanwhile, and tells what came of it."""
    lost: list[bool] = []

    def pay(ctx: Ctx) -> str:
        key = life.work(ctx)
        if not lost:
            lost.append(True)
            life.lose_lease()
        return key

    life.flow = Workflow("w").commit("pay", pay, once=True).step("tell", life.work)
    life.execute()
    assert life.settle().status == "completed" or not life.store.was_gentle
    _see_to(life)
    assert list(_outputs(life.run).values()) == _keys("pay", "tell")


def _see_to(life: Life) -> None:
    """Be the person who says of a commit that was interrupted whether it has happened."""
    while life.settle().status == "failed":
        error = life.run.error
        assert error is not None
        assert error.code == "INTERRUPTED"
        try:
            if life.made["x/pay/1"]:
                life.perform("resolve", life.flow, "x", "pay", output="x/pay/1")
            else:
                life.perform("retry_step", life.flow, "x", "pay")
        except AGAIN:
            life.call_failed()
    assert (life.run.status, life.made["x/pay/1"]) == ("completed", 1)


def an_unknown_outcome(life: Life) -> None:
    """Fail at a commit whose outcome is not known, and go on when a person has said what it was."""

    def pay(ctx: Ctx) -> None:
        life.work(ctx)
        raise OutcomeUnknown

    life.flow = Workflow("w").commit("pay", pay, once=True).commit("send", life.work)
    life.execute()
    assert life.settle().status == "failed"
    life.call("resolve", life.flow, "x", "pay", output="known", ends=(NotRetryable,))
    run = life.settle()
    assert (run.status, _outputs(run)) == ("completed", {"pay": "known", "send": "x/send/1"})
    assert life.made["x/pay/1"] == 1 or (life.failed_calls and not life.made["x/pay/1"])


def a_retried_step(life: Life) -> None:
    """Fail, and complete when a person retries it."""
    healthy: list[bool] = []

    def work(ctx: Ctx) -> str:
        if not healthy:
            raise Fatal("no")
        return life.work(ctx)

    life.flow = Workflow("w").commit("pay", life.work).step("look", work).commit("send", work)
    life.execute()
    assert life.settle().status == "failed"
    healthy.append(True)
    life.call("retry_step", life.flow, "x", "look", ends=(NotRetryable,))
    run = life.settle()
    assert (run.status, list(_outputs(run).values())) == ("completed", _keys("pay", "look", "send"))


def a_redone_commit(life: Life) -> None:
    """Complete, and make the commits again under another key when a person says so."""
    life.flow = Workflow("w").commit("pay", life.work).step("look", life.work).commit("send", life.work)
    life.execute()
    life.settle()
    life.call("retry_step", life.flow, "x", "pay", redo_commits=True, ends=(NotRetryable,))
    run = life.settle()
    assert run.status == "completed"
    assert life.failed_calls or list(_outputs(run).values()) == ["x/pay/2", "x/look/1", "x/send/2"]
    life.made["x/look/1"] -= 1  # a step has no generations


def a_long_back_off(life: Life) -> None:
    """Try a commit again after an hour, and after another."""
    tried: list[int] = []

    def flaky(ctx: Ctx) -> str:
        tried.append(ctx.attempt)
        if len(tried) < 3:
            raise ValueError
        return life.work(ctx)

    life.flow = Workflow("w").commit("pay", flaky, retries=Retry(9, initial=HOUR, max=HOUR, jitter="none"))
    life.execute()
    run = life.settle()
    assert (run.status, _outputs(run)) == ("completed", {"pay": "x/pay/1"})
    assert life.failed_calls or life.clock.time() >= 1_000_000.0 + 2 * HOUR


def large_values(life: Life) -> None:
    """Put values and history out to blobs, and read them back."""

    def grow(ctx: Ctx) -> str:
        ctx.data[ctx.step] = LARGE + ctx.step
        return LARGE + life.work(ctx)

    life.flow = Workflow("w")
    for number in range(16):
        life.flow = life.flow.step(f"s{number}", lambda ctx: None)
    life.flow = life.flow.commit("grow", grow).wait("answer").commit("end", grow)
    life.execute()
    life.signal("answer", LARGE, "letter")
    run = life.settle()
    assert (run.status, run.data) == ("completed", {"grow": LARGE + "grow", "end": LARGE + "end"})
    assert list(_outputs(run).values())[16:] == [LARGE + "x/grow/1", LARGE, LARGE + "x/end/1"]


def a_deletion(life: Life) -> None:
    """Be deleted with all that it stored, and start anew under the same id."""
    life.flow = Workflow("w").step("grow", lambda ctx: LARGE).wait("answer")
    life.execute()
    life.call("delete", "x", ends=(RunNotFound,))
    assert life.inner.load("x") is None
    assert not life.inner._blobs.get("x")
    life.letters = 0
    life.execute()
    life.signal("answer", 1, "letter")
    assert life.settle().status == "completed"


def a_deletion_that_is_given_up(life: Life) -> None:
    """Either be deleted or live on as before."""
    life.flow = Workflow("w").step("ask", life.work).wait("answer")
    life.execute()
    with suppress(StoreError, RunBusy):
        life.perform("delete", "x")
    life.store.repair()
    if life.inner.load("x") is not None:
        life.signal("answer", 1, "letter")
        assert life.settle().status == "completed"


def a_deletion_of_a_paused_run_that_is_given_up(life: Life) -> None:
    """Either be deleted or stay paused, and hear of a cancellation."""
    life.flow = Workflow("w").commit("pay", life.work, compensate=life.undo).wait("answer")
    life.execute()
    life.call("pause", "x")
    with suppress(StoreError, RunBusy):
        life.perform("delete", "x")
    life.store.repair()
    if life.inner.load("x") is not None:
        assert life.settle().status == "paused" or life.was_resumed
        life.call("cancel", life.flow, "x", compensate=True, ends=(RunEnded,))
        assert life.settle().status == "rolled_back"


SCENARIOS: list[Callable[[Life], None]] = [
    an_order,
    signals,
    signals_before_their_waits,
    a_signal_to_a_held_run,
    a_cancellation,
    a_cancellation_with_compensation,
    a_cancellation_of_a_held_run,
    a_failure,
    a_pause,
    a_commit_that_must_not_be_made_twice,
    a_late_outcome,
    an_unknown_outcome,
    a_redone_commit,
    a_retried_step,
    a_long_back_off,
    large_values,
    a_deletion,
    a_deletion_that_is_given_up,
    a_deletion_of_a_paused_run_that_is_given_up,
]

each_scenario = pytest.mark.parametrize("scenario", SCENARIOS)


def live(
    scenario: Callable[[Life], None],
    plan: str,
    at: int,
    *,
    asynchronous: bool = False,
    checkpoint: Checkpoint = "step",
) -> Life:
    """Live a life with the fault at a call, and look whether all that is promised was kept."""
    life = Life(plan, at, asynchronous=asynchronous, checkpoint=checkpoint)
    try:
        scenario(life)
        life.check()
    except Exception as error:
        error.add_note(f"The fault {plan!r} was at call {at} of the store.")
        raise
    finally:
        if asynchronous:
            life.engine.close()
    return life


@each_scenario
@pytest.mark.parametrize("plan", list(FAULTS.values()), ids=list(FAULTS))
def test_a_fault_at_any_call_loses_nothing_and_does_nothing_twice(
    scenario: Callable[[Life], None], plan: str
) -> None:
    """Whichever call of the store it is."""
    for at in count(1):
        if not live(scenario, plan, at).store.was_met:
            break


@each_scenario
@pytest.mark.parametrize("plan", ["-", "+", "--+", "L"])
def test_the_same_holds_for_the_asynchronous_engine(scenario: Callable[[Life], None], plan: str) -> None:
    """Its driver hands the machine the same errors."""
    for at in count(1):
        if not live(scenario, plan, at, asynchronous=True).store.was_met:
            break


@each_scenario
@pytest.mark.parametrize("plan", ["-", "+", "--+", "L", "W"])
def test_the_same_holds_if_steps_are_saved_with_the_next_commit(
    scenario: Callable[[Life], None], plan: str
) -> None:
    """What was not saved before the fault is done again, and no more than that."""
    for at in count(1):
        if not live(scenario, plan, at, checkpoint="commit").store.was_met:
            break


@each_scenario
@pytest.mark.parametrize("checkpoint", ["step", "commit"])
@pytest.mark.parametrize("share", [0.1, 0.3])
def test_a_store_that_fails_again_and_again_loses_nothing_and_does_nothing_twice(
    scenario: Callable[[Life], None], checkpoint: Checkpoint, share: float
) -> None:
    """Any fault, in any order, at a share of the calls, until the store has calmed down."""
    random = Random(f"{scenario.__name__}/{checkpoint}/{share}")
    for _ in range(10):
        acts = [random.choice(HARMLESS) if random.random() < share else "." for _ in range(CALM)]
        live(scenario, "".join(acts), 1, checkpoint=checkpoint)


@pytest.mark.parametrize("plan", ["c", "C", "u", "U", "+C", "lU", "UU"])
def test_a_cancellation_before_a_write_is_sent_again_is_heard(plan: str) -> None:
    """If it was not refused the run has not completed; what was done is undone once, if it was to be."""

    def scenario(life: Life) -> None:
        life.flow = Workflow("w")
        for name in ("pay", "send", "tell"):
            life.flow = life.flow.commit(name, life.work, compensate=life.undo)
        life.execute()
        expected = {None: "completed", False: "cancelled", True: "rolled_back"}[life.was_cancelled]
        assert life.settle().status == expected
        undone = [key for key in life.made if key.endswith("/compensate")]
        done = [f"{key}/compensate" for key in life.made if key not in undone]
        assert undone == (done[::-1] if life.was_cancelled else [])

    for at in count(1):
        if not live(scenario, plan, at).store.was_met:
            break


def test_a_worker_outlasts_a_storm_of_letters() -> None:
    """Before each of its writes somebody else was faster; it keeps what they sent, and completes in one call."""
    life = live(an_order, "!" * 30, 2)
    assert (life.failed_calls, life.run.status) == (0, "completed")
    assert life.letters > 3


def test_an_outsider_gives_way_to_a_storm_and_loses_nothing() -> None:
    """After ten tries it is told to try again; nothing was delivered, and sent again the signal is delivered once."""
    life = Life("!" * 20, 4)
    life.flow = Workflow("w").wait("answer")
    life.execute()
    with pytest.raises(RunBusy, match="again and again"):
        life.inside.signal(life.flow, "x", "answer", 1, id="letter").finish()
    assert set(life.run.inbox) == {"signal noise"}
    life.signal("answer", 1, "letter")
    assert life.settle().history[0].output == 1


def _keys(*steps: str, suffix: str = "") -> list[str]:
    return [f"x/{step}/1{suffix}" for step in steps]


def _outputs(run: Run) -> dict[str, Any]:
    return {record.name: record.output for record in run.history}
