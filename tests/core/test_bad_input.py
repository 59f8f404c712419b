"""What cannot be meant, comes too late, or breaks beside the run: each is refused by name, and loses nothing."""

from __future__ import annotations

import re
from datetime import timedelta
from math import inf, nan
from typing import TYPE_CHECKING, Any

import pytest
from core.conftest import Clock, Death, die

from flux_core import (
    Context,
    Fatal,
    InvalidId,
    InvalidInput,
    InvalidWorkflow,
    NotRetryable,
    Retry,
    RunBusy,
    RunEnded,
    RunNotFound,
    SignalNotExpected,
    StepNotFound,
    Workflow,
    sleep,
    wait,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.conftest import AnyEngine, MakeEngine

    from flux_core import Hooks, TraceEvent
    from flux_core.storage import MemoryStorage

Ctx = Context[Any, Any]
Flow = Workflow[Any, Any]


def one(ctx: Ctx) -> int:
    """Return 1."""
    return 1


def fail(ctx: Ctx) -> None:
    """Fail."""
    raise ValueError("broken")


def shown(value: object) -> str:
    """Return what a test of the value is called."""
    return repr(value)[:9]


def stop(engine: AnyEngine, flow: Flow) -> None:
    """Cancel run x."""
    engine.cancel(flow, "x")


def hold(engine: AnyEngine, flow: Flow) -> None:
    """Pause run x."""
    engine.pause("x")


def nothing(engine: AnyEngine, flow: Flow) -> None:
    """Leave run x as it is."""


PAID = Workflow("w").commit("a", one)
BOOKED = Workflow("w").commit("a", one, compensate=one)
STUCK = Workflow("w").commit("a", one, compensate=fail)
SLOW = Workflow("w").commit("a", one, compensate=fail, retries=Retry(1, initial=60, jitter="none"))

ENDED: dict[str, tuple[Flow, Callable[[AnyEngine, Flow], None]]] = {
    "completed": (PAID, nothing),
    "failed": (PAID.step("b", fail), nothing),
    "cancelled": (PAID.wait("go"), stop),
    "rolled_back": (BOOKED.step("b", fail), nothing),
    "compensation_failed": (STUCK.step("b", fail), nothing),
}
OPEN: dict[str, tuple[Flow, Callable[[AnyEngine, Flow], None]]] = {
    "suspended": (PAID.wait("go"), nothing),
    "paused": (PAID.wait("go"), hold),
    "rolling_back": (SLOW.step("b", fail), nothing),
}
INSTEAD = {
    "cancelled": "that is final; start another run",
    "rolled_back": "that is final; start another run",
    "compensation_failed": "its rollback has failed; go on with that by resume",
    "paused": "it has not ended; go on with it by resume",
    "suspended": "it has not ended; go on with it by resume",
    "rolling_back": "it has not ended; go on with it by resume",
}
"""What the refusal of a retry says of each status."""
LOOK = "see it with: flux show x"


def stand(engine: AnyEngine, status: str) -> Flow:
    """Have run x of workflow w, whose commit a has completed, stand there; return its definition."""
    flow, then = (ENDED | OPEN)[status]
    engine.execute(flow, {}, id="x")
    then(engine, flow)
    assert engine.run("x").status == status
    return flow


# Signals, cancellations and pauses that cannot be served


@pytest.mark.parametrize("status", ENDED)
def test_a_signal_for_a_run_that_has_ended_is_refused(engine: AnyEngine, status: str) -> None:
    """The error names the run, its status and the signal; nothing is saved."""
    flow = stand(engine, status)
    before = engine.run("x")
    with pytest.raises(SignalNotExpected, match=f"run 'x' is {status}: it has ended, .* signal 'go'; {LOOK}"):
        engine.signal(flow, "x", "go")
    assert engine.run("x") == before


@pytest.mark.parametrize("status", ENDED)
@pytest.mark.parametrize("options", [{}, {"compensate": True}])
def test_a_run_that_has_ended_is_not_cancelled(
    engine: AnyEngine, status: str, options: dict[str, bool]
) -> None:
    """The error names the run and its status, with compensation as without; nothing is saved."""
    flow = stand(engine, status)
    before = engine.run("x")
    with pytest.raises(RunEnded, match=f"run 'x' is {status}: it has ended and cannot be cancelled; {LOOK}"):
        engine.cancel(flow, "x", **options)
    assert engine.run("x") == before


@pytest.mark.parametrize("status", ENDED)
def test_a_run_that_has_ended_is_not_paused(engine: AnyEngine, status: str) -> None:
    """The error names the run and its status; nothing is saved."""
    stand(engine, status)
    before = engine.run("x")
    with pytest.raises(RunEnded, match=f"run 'x' is {status}: it has ended and cannot be paused; {LOOK}"):
        engine.pause("x")
    assert engine.run("x") == before


OUTSIDE: dict[str, Callable[[AnyEngine, Flow, str], object]] = {
    "signal": lambda engine, flow, run_id: engine.signal(flow, run_id, "go"),
    "cancel": lambda engine, flow, run_id: engine.cancel(flow, run_id),
    "resolve": lambda engine, flow, run_id: engine.resolve(flow, run_id, "a", output=1),
    "pause": lambda engine, flow, run_id: engine.pause(run_id),
}


@pytest.mark.parametrize("method", ["signal", "cancel"])
def test_a_run_that_goes_back_is_not_stopped(engine: AnyEngine, method: str) -> None:
    """Neither a signal nor a cancellation is refused, and neither changes anything."""
    flow = stand(engine, "rolling_back")
    before = engine.run("x")
    OUTSIDE[method](engine, flow, "x")
    assert engine.run("x") == before


@pytest.mark.parametrize("method", OUTSIDE)
def test_a_run_that_is_not_there_is_not_found(engine: AnyEngine, method: str) -> None:
    """The error says where to look for those there are."""
    with pytest.raises(RunNotFound, match="no run 'x' in the store; see those there are with: flux list"):
        OUTSIDE[method](engine, PAID, "x")


@pytest.mark.parametrize("method", ["signal", "cancel", "resolve"])
def test_a_run_of_another_workflow_is_left_alone(engine: AnyEngine, method: str) -> None:
    """The error says whose run it is; nothing is saved."""
    stand(engine, "suspended")
    before = engine.run("x")
    with pytest.raises(RunNotFound, match="run 'x' is one of workflow 'w', not of 'other'"):
        OUTSIDE[method](engine, Workflow("other").commit("a", one), "x")
    assert engine.run("x") == before


@pytest.mark.parametrize("method", OUTSIDE)
def test_an_id_that_can_be_no_runs_is_refused(engine: AnyEngine, method: str) -> None:
    """The error shows the id, and says what ids are made of."""
    with pytest.raises(InvalidId, match="the run id 'a b' is not 1 to 128 characters of A-Z"):
        OUTSIDE[method](engine, PAID, "a b")


@pytest.mark.parametrize("method", ["signal", "cancel", "resolve"])
def test_a_name_is_no_workflow(engine: AnyEngine, method: str) -> None:
    """An engine takes the definition; the error says who takes names."""
    name: Any = "w"
    with pytest.raises(InvalidInput, match="workflow: expected a Workflow, got 'w'; an App takes names"):
        OUTSIDE[method](engine, name, "x")


@pytest.mark.parametrize(
    ("payload", "path"),
    [
        (object(), "payload"),
        ({"to": object()}, "payload.to"),
        ([object()], "payload[0]"),
        ({"lines": [1, {"item": object()}]}, "payload.lines[1].item"),
    ],
)
def test_a_payload_that_cannot_be_saved_is_refused(engine: AnyEngine, payload: object, path: str) -> None:
    """The error names the path in the payload and says what to do; nothing is saved."""
    flow = stand(engine, "suspended")
    before = engine.run("x")
    with pytest.raises(InvalidInput, match="object cannot be saved: turn it into plain values") as caught:
        engine.signal(flow, "x", "go", payload)
    assert (caught.value.path, engine.run("x")) == (path, before)


NO_NAMES = ["", " ", None, 5, "a\nb", "n" * 129]


@pytest.mark.parametrize("name", NO_NAMES, ids=shown)
def test_a_signal_needs_a_name(engine: AnyEngine, name: object) -> None:
    """It is one that a wait may have; nothing is saved."""
    flow = stand(engine, "suspended")
    before = engine.run("x")
    with pytest.raises(InvalidInput, match="signal: expected the name of a signal"):
        engine.signal(flow, "x", name)
    assert engine.run("x") == before


@pytest.mark.parametrize("name", NO_NAMES, ids=shown)
def test_a_step_cannot_wait_for_no_name(name: Any) -> None:
    """`wait()` takes the names that signals have."""
    with pytest.raises(InvalidInput, match="signal: expected the name of a signal"):
        wait(name)


@pytest.mark.parametrize("letter", ["", "i" * 129, "a\nb", 5, b"i"], ids=shown)
def test_the_id_of_a_signal_is_a_short_text(engine: AnyEngine, letter: object) -> None:
    """1 to 128 printable characters, so that the run can remember it; nothing is saved."""
    flow = stand(engine, "suspended")
    before = engine.run("x")
    with pytest.raises(InvalidInput, match="id: expected 1 to 128 printable characters, got"):
        engine.signal(flow, "x", "go", id=letter)
    assert engine.run("x") == before


def test_the_longest_id_of_a_signal_is_taken(engine: AnyEngine) -> None:
    """128 characters are enough for any key of another system, or its hash."""
    flow = stand(engine, "suspended")
    assert engine.signal(flow, "x", "go", id="i" * 128).status == "completed"


@pytest.mark.parametrize("method", ["signal", "cancel", "resolve"])
def test_a_deadline_is_a_moment(engine: AnyEngine, method: str) -> None:
    """The error says on which clock."""
    with pytest.raises(InvalidInput, match=r"deadline: expected time\.monotonic\(\) seconds, got 'soon'"):
        getattr(engine, method)(PAID, "x", *(() if method == "cancel" else ("a",)), deadline="soon")


# Retries, resumes and resolutions of runs that stand elsewhere


@pytest.mark.parametrize("method", ["retry_step", "resolve"])
def test_a_step_that_is_not_there_is_not_found(engine: AnyEngine, method: str) -> None:
    """The error lists those there are; nothing is saved."""
    flow = stand(engine, "failed")
    before = engine.run("x")
    with pytest.raises(StepNotFound, match="workflow 'w' has no step 'c'; it has: a, b"):
        engine.wait(getattr(engine.engine, method)(flow, "x", "c"))
    assert engine.run("x") == before


@pytest.mark.parametrize("status", INSTEAD)
def test_a_run_that_stands_elsewhere_is_not_retried(engine: AnyEngine, status: str) -> None:
    """The error names the status, and what the run can do instead; nothing is saved."""
    flow = stand(engine, status)
    before = engine.run("x")
    with pytest.raises(NotRetryable, match=f"run 'x' is {status}: {INSTEAD[status]}"):
        engine.retry_step(flow, "x", "a")
    assert engine.run("x") == before


@pytest.mark.parametrize("status", ["completed", "failed", "cancelled", "rolled_back"])
def test_resuming_what_has_ended_runs_nothing(engine: AnyEngine, status: str) -> None:
    """It returns the run as it stands."""
    flow = stand(engine, status)
    before = engine.run("x")
    assert engine.resume(flow, "x").status == status
    assert engine.run("x") == before


@pytest.mark.parametrize("status", [*ENDED, *OPEN])
def test_a_run_that_has_not_failed_at_the_commit_is_not_resolved(engine: AnyEngine, status: str) -> None:
    """The error names the run, its status and the commit; nothing is saved."""
    flow = stand(engine, status)
    before = engine.run("x")
    with pytest.raises(NotRetryable, match=f"run 'x' .*{status}.*'a'.*nothing to resolve.*flux show x"):
        engine.resolve(flow, "x", "a", output=1)
    assert engine.run("x") == before


def test_a_step_that_failed_is_not_resolved(engine: AnyEngine) -> None:
    """It can be retried: only of a commit can somebody know that it happened."""
    flow = stand(engine, "failed")
    with pytest.raises(NotRetryable, match=r"run 'x' .*'b'.*nothing to resolve.*flux show x"):
        engine.resolve(flow, "x", "b")


def test_a_run_whose_worker_was_lost_is_not_resolved(engine: AnyEngine) -> None:
    """It has not failed yet: whoever takes it over finds that nobody knows."""
    flow = Workflow("w").commit("a", die, once=True)
    with pytest.raises(Death):
        engine.execute(flow, {}, id="x")
    with pytest.raises(NotRetryable, match=r"run 'x' is running.*'a'.*nothing to resolve.*flux show x"):
        engine.resolve(flow, "x", "a")


def typed(ctx: Ctx) -> list[int]:
    """Fail to return some numbers."""
    raise ValueError("broken")


@pytest.mark.parametrize(
    ("handler", "output", "path", "reason"),
    [
        (typed, "7", "output", r"expected list\[int\], got str"),
        (typed, None, "output", r"expected list\[int\], got None"),
        (typed, [7, "7"], "output[1]", "expected int, got str"),
        (fail, {"a": [object()]}, "output.a[0]", "object cannot be saved"),
    ],
)
def test_an_output_that_the_commit_could_not_return_is_refused(
    engine: AnyEngine, handler: Callable[[Ctx], object], output: object, path: str, reason: str
) -> None:
    """What a run is resolved with must come back under the commit's annotation; nothing is saved."""
    flow = Workflow("w").commit("pay", handler)
    engine.execute(flow, {}, id="x")
    before = engine.run("x")
    with pytest.raises(InvalidInput, match=reason) as caught:
        engine.resolve(flow, "x", "pay", output=output)
    assert (caught.value.path, engine.run("x")) == (path, before)


# A clock that goes back


class Jumping(Clock):
    """A clock whose time of day can be set; its monotonic seconds go on."""

    def __init__(self) -> None:
        super().__init__()
        self.set_by = 0.0

    def time(self) -> float:
        """Return Unix seconds, as they are set."""
        return super().time() + self.set_by


def test_a_sleep_ends_at_its_moment_though_the_clock_went_back(
    make_engine: MakeEngine,
) -> None:
    """The run is due when the clock gets there, and not lost meanwhile."""
    clock = Jumping()
    engine = make_engine(clock=clock)
    flow = Workflow("w").sleep("nap", 60)
    engine.execute(flow, {}, id="x")
    clock.set_by = -3600
    clock.advance(60)
    assert engine.tick([flow]).due == 0
    clock.advance(3600)
    assert engine.tick([flow]).completed == 1


def test_a_signal_is_taken_though_the_clock_went_back(make_engine: MakeEngine) -> None:
    """What is sent before a wait seems to have begun ends it all the same."""
    clock = Jumping()
    engine = make_engine(clock=clock)
    flow = Workflow("w").wait("go", timeout=60)
    engine.execute(flow, {}, id="x")
    clock.set_by = -3600
    assert engine.signal(flow, "x", "go", 1).results == {"go": 1}


def test_a_lost_run_is_taken_over_at_the_end_of_its_lease_though_the_clock_went_back(
    make_engine: MakeEngine,
) -> None:
    """Until then it is busy, and the error says until when."""
    clock = Jumping()
    engine = make_engine(clock=clock)
    with pytest.raises(Death):
        engine.execute(Workflow("w").step("a", die), {}, id="x")
    clock.set_by = -3600
    clock.advance(60)
    flow = Workflow("w").step("a", one)
    with pytest.raises(RunBusy, match=r"run 'x' is held by worker \w+ until 13:47:40Z"):
        engine.resume(flow, "x")
    clock.advance(3600)
    assert engine.resume(flow, "x").status == "completed"


def test_a_clock_that_goes_back_in_a_step_breaks_no_run(make_engine: MakeEngine) -> None:
    """The run goes on to its end, and has taken no less than no time."""
    clock = Jumping()

    def set_back(ctx: Ctx) -> None:
        clock.set_by = -3600

    flow = Workflow("w").step("a", set_back).commit("b", one, once=True)
    result = make_engine(clock=clock).execute(flow, {})
    assert (result.status, result.duration) == ("completed", 0)


def test_a_worker_keeps_its_deadline_though_the_clock_went_back(make_engine: MakeEngine) -> None:
    """The earlier of its two clocks counts: it begins nothing that the platform would cut off."""
    clock = Jumping()

    def set_back(ctx: Ctx) -> None:
        clock.set_by = -3600
        clock.advance(9.8)

    flow = Workflow("w").step("a", set_back).step("b", one)
    result = make_engine(clock=clock).execute(flow, {}, deadline=clock.monotonic() + 10)
    assert (result.status, result.results) == ("suspended", {"a": None})


# What breaks beside the handlers


def undone(node: Callable[[Flow], Flow], undo: list[str]) -> Flow:
    """Return a workflow of a commit that can be undone, and a node."""
    return node(Workflow("w").commit("a", one, compensate=lambda ctx: undo.append(ctx.step)))


@pytest.mark.parametrize(
    "node",
    [
        lambda flow: flow.step("b", one, when=fail),
        lambda flow: flow.commit("b", one, when=fail),
        lambda flow: flow.sleep("b", 60, when=fail),
        lambda flow: flow.wait("b", when=fail),
    ],
    ids=["step", "commit", "sleep", "wait"],
)
def test_a_condition_that_raises_rolls_its_run_back(engine: AnyEngine, node: Callable[[Flow], Flow]) -> None:
    """It fails its node as a handler would, whatever the node's kind."""
    undo: list[str] = []
    result = engine.execute(undone(node, undo), {})
    assert result.error is not None
    assert (result.status, result.error.type, undo) == ("rolled_back", "ValueError", ["a"])
    assert (result.history[1].name, result.history[1].status) == ("b", "failed")


NO_DURATIONS = [-1, nan, inf, -inf, "5", True, [], timedelta(-1), 1e13, 10**400]


@pytest.mark.parametrize("length", [*NO_DURATIONS, None], ids=shown)
def test_a_computed_sleep_that_is_no_time_fails_its_node(engine: AnyEngine, length: Any) -> None:
    """The error says what a sleep is and what came; the run is rolled back as for any other."""
    undo: list[str] = []
    flow = undone(lambda flow: flow.sleep("nap", lambda ctx: length), undo)
    result = engine.execute(flow, {})
    assert result.error is not None
    assert (result.status, undo, result.history[1].status) == ("rolled_back", ["a"], "failed")
    assert re.search("duration of sleep 'nap': expected a .*time of 0 .*seconds; got", result.error.message)


def test_a_sleep_that_cannot_be_computed_fails_its_node(engine: AnyEngine) -> None:
    """What its function raises is the error of the run."""

    def length(ctx: Ctx) -> float:
        raise ValueError("broken")

    undo: list[str] = []
    result = engine.execute(undone(lambda flow: flow.sleep("nap", length), undo), {})
    assert result.error is not None
    assert (result.status, result.error.message, undo) == ("rolled_back", "broken", ["a"])


@pytest.mark.parametrize("suspension", [wait("go"), sleep(60)], ids=["wait", "sleep"])
def test_a_compensation_cannot_suspend_its_run(engine: AnyEngine, suspension: object) -> None:
    """It fails for good, naming its step; the run keeps the error that it goes back for."""
    flow = Workflow("w").commit("a", one, compensate=lambda ctx: suspension, retries=3).step("b", fail)
    result = engine.execute(flow, {}, id="x")
    assert result.error is not None
    assert (result.status, result.error.message) == ("compensation_failed", "broken")
    tried = engine.run("x").compensations[0]
    assert tried.error is not None
    assert (tried.attempts, tried.error.code) == (1, Fatal.code)
    assert "the compensation of step 'a' returned" in tried.error.message
    assert "cannot suspend its run" in tried.error.message


def test_a_suspension_inside_an_output_is_refused(engine: AnyEngine) -> None:
    """A handler returns it alone; in a list it is no output, and the error names the path."""
    result = engine.execute(Workflow("w").step("a", lambda ctx: [wait("go")]), {})
    assert result.error is not None
    assert (result.status, result.error.code) == ("failed", "NOT_SERIALIZABLE")
    assert "step 'a' left what cannot be saved: [0]" in result.error.message


class Broken:
    """A trace sink, hooks and a waker that raise whatever they are told."""

    def emit(self, event: TraceEvent) -> None:
        """Fail."""
        raise RuntimeError("sink")

    def close(self) -> None:
        """Do nothing."""

    def wake(self, run_id: str, at: float) -> None:
        """Fail."""
        raise RuntimeError("waker")

    @staticmethod
    def hook(*arguments: object) -> None:
        """Fail."""
        raise RuntimeError("hook")

    @property
    def on(self) -> Hooks:
        """Every hook."""
        return {
            "step_start": self.hook,
            "step_complete": self.hook,
            "step_error": self.hook,
            "workflow_complete": self.hook,
            "workflow_error": self.hook,
        }


def way(engine: AnyEngine) -> list[object]:
    """Take one run through a wait to its end, one to be cancelled, and one back; return what became of them."""
    flow = Workflow("w").commit("a", one, compensate=one).wait("go")
    statuses: list[object] = [engine.execute(flow, {}, id=run_id).status for run_id in ("x", "y", "z")]
    statuses += [engine.signal(flow, "x", "go").status, engine.cancel(flow, "y").status]
    statuses += [engine.pause("z").status, engine.resume(flow, "z").status]
    return [*statuses, engine.execute(flow.step("b", fail, when=fail), {}, id="f").status]


def logged(caplog: pytest.LogCaptureFixture) -> set[str]:
    """Return what was logged to have failed."""
    assert all(record.name == "flux" and record.exc_info for record in caplog.records)
    return {record.message.removesuffix(" failed") for record in caplog.records}


def test_hooks_that_raise_change_nothing(make_engine: MakeEngine, caplog: pytest.LogCaptureFixture) -> None:
    """Runs that wait, are signalled, cancelled, paused and rolled back end as without them; each hook is logged."""
    flow = Workflow("w").commit("a", one, compensate=one).step("b", fail)
    engine = make_engine(on=Broken().on)
    assert (way(engine), engine.execute(flow, {}).status) == (way(make_engine()), "rolled_back")
    assert logged(caplog) == {f"hook {name}" for name in Broken().on}


def test_a_sink_that_raises_changes_nothing(
    make_engine: MakeEngine, caplog: pytest.LogCaptureFixture
) -> None:
    """Nor when it is told of what others ask of a run."""
    assert way(make_engine(trace=[Broken()])) == way(make_engine())
    assert logged(caplog) == {"trace sink Broken.emit"}


def test_a_waker_that_raises_changes_nothing(
    make_engine: MakeEngine, store: MemoryStorage, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """It is a hint: the run sleeps, its call returns, and a tick goes on with it; the log names the run."""
    engine = make_engine(store, waker=Broken())
    flow = Workflow("w").sleep("nap", 60)
    assert engine.execute(flow, {}, id="x").status == "suspended"
    clock.advance(60)
    assert engine.tick([flow]).completed == 1
    assert logged(caplog) == {"waking run 'x'"}


# Options that cannot be meant


@pytest.mark.parametrize("length", NO_DURATIONS, ids=shown)
def test_a_sleep_is_a_finite_time(length: Any) -> None:
    """Of a node the error names node and workflow; what a handler returns is refused where it is made."""
    expected = "expected a .*time of 0 .*seconds; got "
    with pytest.raises(InvalidWorkflow, match=f"sleep 'nap' of workflow 'w': duration: {expected}"):
        Workflow("w").sleep("nap", length)
    with pytest.raises(InvalidInput, match=f"sleep: {expected}"):
        sleep(length)


@pytest.mark.parametrize("length", [length for length in NO_DURATIONS if length != inf], ids=shown)
def test_a_time_out_is_a_time(length: Any) -> None:
    """Of a wait and of a workflow, with the name of either in the error; and of what a handler returns."""
    expected = "timeout must be more than 0 .*seconds; got "
    with pytest.raises(InvalidWorkflow, match=f"wait 'go' of workflow 'w': {expected}"):
        Workflow("w").wait("go", timeout=length)
    with pytest.raises(InvalidWorkflow, match=f"workflow 'w': {expected}"):
        Workflow("w", timeout=length)
    with pytest.raises(InvalidInput, match=r"timeout: expected a .*time of 0 .*seconds; got "):
        wait("go", timeout=length)


def test_a_time_out_without_end_is_none() -> None:
    """Infinity is a number of seconds, in a node as in what a handler returns."""
    assert Workflow("w").wait("go", timeout=inf).nodes[0].timeout == inf
    assert wait("go", timeout=inf) == wait("go")


@pytest.mark.parametrize("word", ["die", None, True])
def test_a_wait_that_is_over_fails_or_is_skipped(word: Any) -> None:
    """There is no third way; the error names the wait."""
    with pytest.raises(InvalidWorkflow, match="wait 'go' of workflow 'w': on_timeout must be"):
        Workflow("w").wait("go", on_timeout=word)


@pytest.mark.parametrize("once", ["no", None, 1])
def test_once_is_true_or_false(once: Any) -> None:
    """A word would be true, whatever it says; the error names the commit."""
    with pytest.raises(InvalidWorkflow, match="commit 'a' of workflow 'w': once must be True or False; got"):
        Workflow("w").commit("a", one, once=once)


@pytest.mark.parametrize("add", ["sleep", "wait"])
def test_the_condition_of_a_sleep_or_a_wait_can_be_called(add: str) -> None:
    """As that of a step; the error names the node."""
    arguments = (60,) if add == "sleep" else ()
    with pytest.raises(InvalidWorkflow, match=f"{add} 'a' of workflow 'w': when must be callable; got 5"):
        getattr(Workflow("w"), add)("a", *arguments, when=5)


@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [
        ("checkpoint", "Step", 'expected "step" or "commit", got \'Step\''),
        ("checkpoint", None, 'expected "step" or "commit", got None'),
        ("waker", "sqs://queue", "got 'sqs://queue'"),
        ("waker", 5, "got 5"),
        ("wakers", [], "an engine has no option 'wakers'; there are: storage, .*waker"),
        ("retries", 3, "an engine has no option 'retries'; there are: .*default_retries"),
    ],
)
def test_an_option_that_cannot_be_is_refused(
    make_engine: MakeEngine, option: str, value: object, reason: str
) -> None:
    """The error names the option, what may be and what came."""
    options: dict[str, Any] = {option: value}
    with pytest.raises(InvalidInput, match=reason) as caught:
        make_engine(**options)
    assert caught.value.path == option
