"""A run retold from its trace: what the store knows of it, as far as events go."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flux_core import Context, Engine, Fatal, FluxError, Retry, Run, TraceEvent, Workflow
from flux_core._retold import Retold, outlined
from flux_core.storage import MemoryStorage
from flux_core.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

HOUR = 3600.0
Ctx = Context[dict[str, Any], dict[str, Any]]


class Kept:
    """A sink that keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[TraceEvent] = []

    def emit(self, event: TraceEvent) -> None:
        """Keep the event."""
        self.events.append(event)

    def close(self) -> None:
        """Nothing to do."""


class Plan(NamedTuple):
    """What a node of a random workflow does."""

    kind: str
    fails: int
    fatal: bool
    retries: int
    waits: float
    """Seconds of back-off."""
    passed_over: bool
    condition_fails: bool
    compensates: bool
    undo_fails: int


PLANS = st.builds(
    Plan,
    st.sampled_from(["step", "step", "commit", "sleep", "wait"]),
    st.integers(0, 3),
    st.booleans(),
    st.integers(0, 2),
    st.sampled_from([0.0, HOUR]),
    st.sampled_from([False, False, True]),
    st.sampled_from([False, False, False, True]),
    st.booleans(),
    st.integers(0, 2),
)
ACTS = st.lists(
    st.sampled_from(
        ["tick", "tick", "signal", "retry", "redo", "cancel", "compensate", "pause", "resume", "resolve"]
    ),
    max_size=7,
)


def workflow_of(plans: Iterable[Plan]) -> Workflow[Any, Any]:
    """Return the workflow that the plans make; each node counts its own failures."""
    workflow: Workflow[Any, Any] = Workflow("random", timeout=100 * HOUR)
    for number, plan in enumerate(plans):
        name = f"n{number}"

        def when(ctx: Ctx, plan: Plan = plan) -> bool:
            if plan.condition_fails:
                raise RuntimeError("cannot say")
            return not plan.passed_over

        if plan.kind == "sleep":
            workflow = workflow.sleep(name, HOUR, when=when)
        elif plan.kind == "wait":
            workflow = workflow.wait(
                name, timeout=2 * HOUR, when=when, on_timeout="skip" if plan.fatal else "fail"
            )
        else:
            workflow = getattr(workflow, plan.kind)(
                name,
                handler(plan, number),
                retries=Retry(plan.retries, initial=plan.waits, factor=1, max=HOUR, jitter="none"),
                when=when,
                compensate=undo(plan) if plan.compensates else None,
            )
    return workflow


def handler(plan: Plan, number: int) -> Callable[[Ctx], str]:
    """Return the handler of a node."""
    failures = iter(range(plan.fails))

    def handle(ctx: Ctx) -> str:
        ctx.progress(0.5, "half way")
        if next(failures, None) is not None:
            raise Fatal("never") if plan.fatal else RuntimeError("not yet")
        ctx.data[ctx.step] = ctx.attempt
        ctx.data["last"] = number
        ctx.data.pop("gone", None)
        return f"{ctx.step} done"

    return handle


def undo(plan: Plan) -> Callable[[Ctx], None]:
    """Return the compensation of a node."""
    failures = iter(range(plan.undo_fails))

    def compensate(ctx: Ctx) -> None:
        if next(failures, None) is not None:
            raise RuntimeError("not undone")

    return compensate


def act(engine: Engine, clock: FakeClock, workflow: Workflow[Any, Any], what: str) -> None:
    """Do something to the run, if it can be done."""
    run = engine.get("r")
    assert run is not None
    step = run.history[-1].name if run.history else "n0"
    acts: dict[str, Callable[[], object]] = {
        "tick": lambda: engine.tick([workflow]),
        "signal": lambda: engine.signal(workflow, "r", run.waits_for or "n1", {"yes": True}),
        "retry": lambda: engine.retry_step(workflow, "r", step),
        "redo": lambda: engine.retry_step(workflow, "r", "n0", redo_commits=True),
        "cancel": lambda: engine.cancel(workflow, "r"),
        "compensate": lambda: engine.cancel(workflow, "r", compensate=True),
        "pause": lambda: engine.pause("r"),
        "resume": lambda: engine.resume(workflow, "r"),
        "resolve": lambda: engine.resolve(workflow, "r", step, output="told"),
    }
    clock.advance(HOUR)
    with suppress(FluxError):
        acts[what]()


def gist(run: Run) -> dict[str, Any]:
    """Return what a trace tells of a run."""
    return {
        "status": run.status,
        "nodes": [
            (step.name, str(step.status), step.attempts, step.output, dict(step.changes))
            for step in run.history
        ],
        "compensations": [(step.name, str(step.status), step.attempts) for step in run.compensations],
        "error": run.error and run.error.message,
        "errors": [step.error and (step.error.type, step.error.message) for step in run.history],
        "tries": [len(step.tries) for step in run.history],
        "waits": (run.waits_for, run.waits_until and round(run.waits_until)),
        "data": run.data,
        "input": run.input,
        "created": round(run.created_at, 1),
    }


@settings(max_examples=150, deadline=None)
@given(st.lists(PLANS, min_size=1, max_size=5), ACTS)
def test_the_trace_tells_what_the_store_knows(plans: list[Plan], acts: list[str]) -> None:
    """Whatever a run meets, the trace so far tells its status, nodes, attempts, outputs, changes and errors."""
    workflow, sink, clock = workflow_of(plans), Kept(), FakeClock(start=1_000_000.0)
    with Engine(MemoryStorage(), trace=[sink], clock=clock, max_inline_wait=0.0) as engine:
        engine.execute(workflow, {"order": 1}, id="r")
        for what in acts:
            act(engine, clock, workflow, what)
            run = engine.get("r")
            assert run is not None
            retold = Retold(sink.events).run()
            assert sorted(retold.kept) == sorted(run.kept)
            assert gist(retold) == gist(run), [e.to_dict() for e in sink.events]


def told(*events: tuple[str, dict[str, Any]]) -> Run:
    """Return the run of which these events tell, a second apart."""
    return Retold(
        TraceEvent(kind, 1_000_000 + 1000 * place, "r", "order", **fields)
        for place, (kind, fields) in enumerate(events)
    ).run()


BAKE: dict[str, Any] = {"step_name": "bake", "step_index": 0}
SEND: dict[str, Any] = {"step_name": "send", "step_index": 3, "commit": True}


def test_of_nothing_there_is_no_run() -> None:
    """It has no id yet."""
    with pytest.raises(ValueError, match="nothing is told"):
        Retold().run()


def test_a_trace_may_begin_in_the_middle() -> None:
    """What came before is not known, but when the run was created if an event tells its age."""
    run = told(("step:complete", {**SEND, "retries": 1}), ("workflow:suspend", {"duration": 500_000}))
    assert (run.status, run.created_at, [(node.name, node.attempts) for node in run.history]) == (
        "suspended",
        501.0,
        [("send", 2)],
    )
    run = told(("workflow:suspend", {"duration": 500_000}), ("workflow:resume", {"duration": 501_000}))
    assert (run.status, run.created_at) == ("running", 500.0)


def test_what_no_node_has_changed_was_so_from_the_beginning() -> None:
    """That is what is known of the data before the first node."""
    done = {"meta": {"output": 1, "changes": {"paid": True}}}
    run = told(
        ("workflow:start", {"input": {}}),
        ("step:complete", {**BAKE, **done}),
        ("workflow:complete", {"data": {"paid": True, "name": "x"}}),
    )
    assert (run.initial, run.data) == ({"name": "x"}, {"paid": True, "name": "x"})


def test_an_attempt_whose_worker_was_lost_counts() -> None:
    """The run goes on without a word about what came of it."""
    run = told(
        ("workflow:start", {}),
        ("step:start", {**BAKE, "retries": 0}),
        ("workflow:resume", {"status": "running"}),
    )
    assert (run.history[0].attempts, run.history[0].tries) == (1, ())


def test_a_run_that_loses_its_worker_once_too_often_fails_at_its_node() -> None:
    """No event is told of the node then."""
    run = told(
        ("workflow:start", {}),
        ("step:start", {**BAKE, "retries": 1}),
        ("workflow:error", {"status": "failed", "error": "lost", "meta": {"error": {"code": "CRASH_LOOP"}}}),
    )
    node = run.history[0]
    assert (run.status, node.status, node.attempts, node.error and node.error.code) == (
        "failed",
        "failed",
        2,
        "CRASH_LOOP",
    )


def test_a_node_that_fails_before_it_is_tried_has_no_attempt() -> None:
    """The workflow's time was over when its turn came."""
    late = {"error": "late", "status": "failed", "meta": {"error": {"code": "WORKFLOW_TIMEOUT"}}}
    node = told(("workflow:start", {}), ("step:error", {**BAKE, **late})).history[0]
    assert (node.status, node.attempts, node.tries) == ("failed", 0, ())


def test_the_error_tells_its_kind_and_cause() -> None:
    """As far as the trace does."""
    error = {
        "type": "OSError",
        "code": "STEP_FAILED",
        "retryable": False,
        "cause": "ConnectionError: refused",
    }
    failure = {**BAKE, "status": "failed", "error": "no", "meta": {"error": error}}
    run = told(("step:start", BAKE), ("step:error", failure))
    failed = run.history[0].error
    assert failed is not None
    assert (failed.type, failed.message, failed.retryable, failed.cause) == (
        "OSError",
        "no",
        False,
        "ConnectionError: refused",
    )


def test_what_is_not_known_changes_nothing() -> None:
    """Events of another Flux, of no step, or with fields that are of no use."""
    run = told(
        ("workflow:start", {"meta": {"traceparent": "00-1"}}),
        ("step:unheard", BAKE),
        ("step:start", {}),
        ("workflow:unheard", {"status": "odd", "meta": {"fromStep": "x"}}),
        ("step:suspend", {"step_name": "rest", "meta": {"until": "soon"}}),
        ("signal:received", {"meta": {"signal": "other"}}),
        ("step:complete", {"step_name": "rest", "retries": 0, "meta": {"changes": 5}}),
        ("step:retry", {"step_name": "next", "retries": 0, "meta": {"until": 5_000}}),
    )
    assert (run.status, run.traceparent, run.inbox, run.waits_until) == (
        "suspended",
        "00-1",
        ("signal other",),
        5.0,
    )
    assert [(node.name, node.status) for node in run.history] == [("rest", "completed"), ("next", "running")]


@pytest.mark.parametrize("until", [10**18, 10**400, -1, float("inf"), float("nan"), True, "soon"])
def test_a_moment_that_has_no_date_is_not_known(until: object) -> None:
    """A foreign trace may say anything, and one run of it must not keep all the others from being shown."""
    assert told(("step:suspend", {"step_name": "rest", "meta": {"until": until}})).waits_until is None


def test_a_signal_that_came_before_its_wait_is_taken() -> None:
    """The wait completes at once, and the inbox is empty."""
    run = told(
        ("signal:received", {"meta": {"signal": "approved"}}),
        ("step:complete", {"step_name": "approved", "step_index": 1, "retries": 0}),
    )
    assert (run.inbox, run.history[0].status) == ((), "completed")


def test_commits_that_a_retry_goes_back_over_are_kept_until_it_passes_them() -> None:
    """They count again when a later node begins, or the run completes; a commit that is made again is another one."""
    before: list[tuple[str, dict[str, Any]]] = [
        ("workflow:start", {}),
        ("step:complete", BAKE),
        ("step:complete", {"step_name": "pay", "step_index": 1, "commit": True}),
        ("step:complete", {"step_name": "pack", "step_index": 2}),
        ("step:complete", SEND),
        ("workflow:resume", {"meta": {"retry": True, "fromStep": 0}}),
        ("step:start", BAKE),
    ]
    run = told(*before)
    assert ([node.name for node in run.history], run.kept) == (["bake"], ("pay", "send"))
    redone = ("workflow:resume", {"meta": {"retry": True, "fromStep": 0, "kept": ["pay"]}})
    assert told(*before[:-2], redone).kept == ("pay",)
    passed = [*before, ("step:complete", BAKE), ("step:start", {"step_name": "pack", "step_index": 2})]
    run = told(*passed)
    assert ([node.name for node in run.history], run.kept) == (["bake", "pay", "pack"], ("send",))
    run = told(*passed, ("workflow:complete", {"data": {}}))
    assert ([node.name for node in run.history], run.kept) == (["bake", "pay", "pack", "send"], ())
    run = told(*passed, ("step:start", SEND))
    assert (str(run.history[-1].status), run.kept) == ("running", ())


def test_a_commit_that_is_resolved_is_the_one_that_failed() -> None:
    """Its error stays, as in the store."""
    failed = {**SEND, "retries": 0, "status": "failed", "error": "nobody knows"}
    run = told(("step:start", SEND), ("step:error", failed), ("step:complete", {**SEND, "retries": 0}))
    node = run.history[0]
    assert (node.status, node.error and node.error.message) == ("completed", "nobody knows")


def test_a_payload_without_a_name_is_for_the_node_that_waits() -> None:
    """The TypeScript engine runs nodes side by side, and does not say which signal came."""
    run = told(
        ("step:start", BAKE),
        ("step:suspend", {"step_name": "ask", "step_index": 1, "meta": {"signal": "ok"}}),
        ("signal:received", {"input": "yes"}),
    )
    assert [(str(node.status), node.output) for node in run.history] == [
        ("running", None),
        ("completed", "yes"),
    ]


def test_a_run_may_be_known_by_its_outline_alone() -> None:
    """Such as one whose events have just been cut off."""
    event = TraceEvent("workflow:start", 1000, "r", "order")
    run = Retold.bare(outlined(None, event))
    assert (run.id, run.status, run.history) == ("r", "running", ())


def test_a_node_that_was_interrupted_before_counts_what_came_before() -> None:
    """It fails without another attempt, and its event says how many there were."""
    failure = {
        **SEND,
        "retries": 2,
        "status": "failed",
        "error": "lost",
        "meta": {"error": {"code": "INTERRUPTED"}},
    }
    run = told(("step:error", failure))
    assert (run.history[0].attempts, run.history[0].tries) == (3, ())
