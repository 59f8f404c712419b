"""Runs whose worker was lost: leases, taking over, and runs that lose one worker after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from core.conftest import Death, die, steal

from flux_core import Context, LeaseLost, Retry, RunBusy, Workflow
from flux_core.storage import MemoryStorage

if TYPE_CHECKING:
    from core.conftest import AnyEngine, Clock, MakeEngine

    from flux_core import Run
    from flux_core.storage import Record, Storage

Ctx = Context[Any, Any]


def one(ctx: Ctx) -> int:
    """Return 1."""
    return 1


def attempt(ctx: Ctx) -> int:
    """Return the attempt's number."""
    return ctx.attempt


def crash(engine: AnyEngine, workflow: Workflow[Any, Any]) -> None:
    """Start run x, and lose its worker."""
    with pytest.raises(Death):
        engine.execute(workflow, {}, id="x")


def crash_again(engine: AnyEngine, workflow: Workflow[Any, Any]) -> Run:
    """Take run x over, and lose that worker too."""
    with pytest.raises(Death):
        engine.resume(workflow, "x")
    return engine.run("x")


def test_a_held_run_is_not_taken_over(make_engine: MakeEngine, any_store: Storage, clock: Clock) -> None:
    """Until its lease ends a run is its worker's; the error says until when."""
    engine = make_engine(any_store)
    crash(engine, Workflow("w").step("a", die))
    clock.advance(59)
    with pytest.raises(RunBusy, match=r"run 'x' is held by worker \w+ until 13:47:40Z") as caught:
        engine.resume(Workflow("w").step("a", one), "x")
    assert caught.value.until == clock.time() + 1


def test_a_lost_run_goes_on(make_engine: MakeEngine, any_store: Storage, clock: Clock) -> None:
    """When the lease has ended another worker goes on; what was saved does not run again."""
    calls: list[str] = []
    crash(make_engine(any_store), Workflow("w").step("a", lambda ctx: calls.append("a")).step("b", die))
    clock.advance(60)
    workflow = Workflow("w").step("a", lambda ctx: calls.append("again")).step("b", attempt)
    result = make_engine(any_store).resume(workflow, "x")
    assert (result.status, result.results, calls) == ("completed", {"a": None, "b": 2}, ["a"])


def test_an_interruption_is_saved_before_any_handler_runs(
    make_engine: MakeEngine, store: MemoryStorage, clock: Clock
) -> None:
    """A worker that is lost at once again is counted too."""
    engine = make_engine(store)
    workflow = Workflow("w").step("a", die)
    crash(engine, workflow)
    for count in (1, 2, 3):
        clock.advance(60)
        assert crash_again(engine, workflow).interruptions == count


def test_an_interrupted_attempt_counts_as_one(make_engine: MakeEngine, clock: Clock) -> None:
    """`ctx.attempt` and the record count it; the key is the same."""
    engine = make_engine()
    crash(engine, Workflow("w").commit("a", die))
    clock.advance(60)
    result = engine.resume(Workflow("w").commit("a", lambda ctx: (ctx.attempt, ctx.key)), "x")
    assert (result.results["a"], result.history[0].attempts) == ((2, "x/a/1"), 2)


def test_an_interruption_is_not_taken_from_the_retries(make_engine: MakeEngine, clock: Clock) -> None:
    """After two lost workers the step still has each of its retries."""
    attempts = []

    def work(ctx: Ctx) -> None:
        attempts.append(ctx.attempt)
        raise ValueError

    engine = make_engine()
    crash(engine, Workflow("w").step("a", die))
    clock.advance(60)
    crash_again(engine, Workflow("w").step("a", die))
    clock.advance(60)
    result = engine.resume(Workflow("w").step("a", work, retries=Retry(2, initial=0)), "x")
    assert (result.status, attempts) == ("failed", [3, 4, 5])


def test_a_completed_node_forgives_interruptions(make_engine: MakeEngine, clock: Clock) -> None:
    """Only interruptions in a row count."""
    engine = make_engine()
    crash(engine, Workflow("w").step("a", die).step("b", one))
    clock.advance(60)
    assert crash_again(engine, Workflow("w").step("a", one).step("b", die)).interruptions == 0
    clock.advance(60)
    assert crash_again(engine, Workflow("w").step("a", one).step("b", die)).interruptions == 1


def test_the_fifth_interruption_in_a_row_ends_the_run(
    make_engine: MakeEngine, any_store: Storage, clock: Clock
) -> None:
    """The run fails as `CrashLoop`, without another call of the handler; a redelivery does not retry it."""
    engine = make_engine(any_store)
    workflow = Workflow("w").commit("a", die)
    crash(engine, workflow)
    for _ in range(4):
        clock.advance(60)
        crash_again(engine, workflow)
    clock.advance(60)
    result = engine.resume(workflow, "x")
    assert result.status == "failed"
    assert result.error is not None
    assert (result.error.type, result.error.code, result.error.retryable) == (
        "CrashLoop",
        "CRASH_LOOP",
        False,
    )
    assert result.error.message.startswith("commit 'a' lost its worker 5 times in a row")
    run = engine.run("x")
    assert (run.held_until, run.wake_at, run.history[0].status) == (None, None, "failed")
    assert engine.execute(workflow, {}, id="x", retry_failed=True).status == "failed"


def test_the_limit_of_interruptions_is_an_option(make_engine: MakeEngine, clock: Clock) -> None:
    """With `max_interruptions=1` no run is taken over."""
    engine = make_engine(max_interruptions=1)
    crash(engine, Workflow("w").step("a", die))
    clock.advance(60)
    assert engine.resume(Workflow("w").step("a", one), "x").status == "failed"


def test_a_crash_loop_can_be_retried_by_a_person(make_engine: MakeEngine, clock: Clock) -> None:
    """Once the cause is gone, `retry_step` runs the step with all interruptions forgiven."""
    engine = make_engine(max_interruptions=1)
    crash(engine, Workflow("w").step("a", die))
    clock.advance(60)
    engine.resume(Workflow("w").step("a", die), "x")
    result = engine.retry_step(Workflow("w").step("a", attempt), "x", "a")
    assert (result.status, result.results, engine.run("x").interruptions) == ("completed", {"a": 1}, 0)


def test_a_condition_counts_after_a_worker_was_lost(make_engine: MakeEngine, clock: Clock) -> None:
    """A node that was to be skipped is skipped by the next worker too."""
    calls: list[str] = []

    def workflow(last: Any) -> Workflow[Any, Any]:
        return (
            Workflow("w")
            .step("a", one)
            .commit("b", lambda ctx: calls.append("b"), when=lambda ctx: False)
            .step("c", last)
        )

    engine = make_engine()
    crash(engine, workflow(die))
    clock.advance(60)
    result = engine.resume(workflow(one), "x")
    assert (result.results, calls) == ({"a": 1, "c": 1}, [])


def test_the_step_that_was_interrupted_is_the_one_that_is_counted(
    make_engine: MakeEngine, clock: Clock
) -> None:
    """Nodes that were skipped before the interrupted one take nothing of the count."""

    def workflow(last: Any) -> Workflow[Any, Any]:
        return Workflow("w").step("a", one).step("b", one, when=lambda ctx: False).step("c", last)

    engine = make_engine()
    crash(engine, workflow(die))
    clock.advance(60)
    result = engine.resume(workflow(attempt), "x")
    assert result.results == {"a": 1, "c": 2}


@pytest.mark.parametrize(
    ("worked", "renewed"), [(30.0, False), (30.0 - 2**-10, False), (30.0 + 2**-10, True)]
)
def test_a_save_renews_a_lease_of_which_less_than_half_is_left(
    make_engine: MakeEngine,
    any_store: Storage,
    clock: Clock,
    worked: float,
    renewed: bool,  # noqa: FBT001
) -> None:
    """With half of it or more the lease is left alone: to move it costs index writes."""
    seen = []

    def look(ctx: Ctx) -> None:
        record = any_store.load("x")
        seen.append(record and record.wake_at)

    begun = clock.time()
    workflow = Workflow("w").step("a", lambda ctx: clock.advance(worked)).step("b", look)
    make_engine(any_store).execute(workflow, {}, id="x")
    assert seen == [begun + (worked if renewed else 0) + 60]


def test_a_lease_is_renewed_for_the_time_of_a_back_off(
    make_engine: MakeEngine, store: MemoryStorage, clock: Clock
) -> None:
    """The save before a back-off looks as far ahead as the worker will be away."""
    seen = []

    def work(ctx: Ctx) -> None:
        record = store.load("x")
        seen.append(record and record.wake_at)
        if ctx.attempt == 1:
            clock.advance(28)
            raise ValueError

    begun = clock.time()
    workflow = Workflow("w").step("a", work, retries=Retry(1, initial=4, jitter="none"))
    make_engine(store).execute(workflow, {}, id="x")
    assert seen == [begun + 60, begun + 28 + 4 + 60]


def test_a_lease_is_as_long_as_the_option_says(
    make_engine: MakeEngine, store: MemoryStorage, clock: Clock
) -> None:
    """`lease` is in seconds."""
    crash(make_engine(store, lease=7), Workflow("w").step("a", die))
    record = store.load("x")
    assert record is not None
    assert record.wake_at == clock.time() + 7


def test_a_worker_that_lost_its_lease_stops(
    make_engine: MakeEngine, any_store: Storage, clock: Clock
) -> None:
    """It saves nothing of what it did after another worker took over."""

    def slow(ctx: Ctx) -> str:
        clock.advance(61)
        steal(any_store, "x")
        return "slow"

    engine = make_engine(any_store)
    after: list[object] = []
    with pytest.raises(LeaseLost, match=r"run 'x' was taken over by another worker"):
        engine.execute(Workflow("w").step("a", slow).step("b", after.append), {}, id="x")
    run = engine.run("x")
    assert (run.revision, run.history, after) == (2, (), [])


class Stolen(MemoryStorage):
    """A store in which another worker writes a run just before so many of the saves."""

    thefts = 0

    def save(self, record: Record, *, replaces: int) -> None:
        """Let the other worker be faster."""
        if self.thefts:
            self.thefts -= 1
            stored = self._records[record.id]
            self._records[record.id] = stored._replace(revision=stored.revision + 1, writer="other")
        super().save(record, replaces=replaces)


@pytest.mark.parametrize("method", ["resume", "retry_step"])
def test_a_claim_that_another_worker_beat_is_decided_anew(
    make_engine: MakeEngine, clock: Clock, method: str
) -> None:
    """Whoever comes second looks at the run again; if it may still go on, it does."""
    store = Stolen()
    engine = make_engine(store)
    workflow = Workflow("w").step("a", one, when=lambda ctx: 1 / ctx.input["n"])
    arguments = ["a"] if method == "retry_step" else []
    if method == "retry_step":
        engine.execute(workflow, {"n": 0}, id="x")
    else:
        engine.start(workflow, {"n": 1}, id="x")
    store.thefts = 3
    result = getattr(engine, method)(workflow, "x", *arguments)
    assert (result.status, store.thefts) == ("completed" if method == "resume" else "failed", 0)


@pytest.mark.parametrize("method", ["resume", "retry_step"])
def test_a_run_that_others_write_again_and_again_is_busy(make_engine: MakeEngine, method: str) -> None:
    """After ten lost races the caller is told to try again."""
    store = Stolen()
    engine = make_engine(store)
    workflow = Workflow("w").step("a", lambda ctx: 1 / 0)
    arguments = ["a"] if method == "retry_step" else []
    if method == "retry_step":
        engine.execute(workflow, {}, id="x")
    else:
        engine.start(workflow, {}, id="x")
    store.thefts = 10
    with pytest.raises(RunBusy, match=r"run 'x' is being written by others again and again"):
        getattr(engine, method)(workflow, "x", *arguments)
    assert store.thefts == 0
