"""Going back to a step of a run that has ended: what is forgotten, what is kept, what runs again."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from core.conftest import Death, die

from flux_core import (
    Conflict,
    Context,
    DefinitionChanged,
    InvalidInput,
    NotRetryable,
    Retry,
    RunBusy,
    StepNotFound,
    Workflow,
)

if TYPE_CHECKING:
    from core.conftest import AnyEngine, Clock, MakeEngine

    from flux_core.storage import MemoryStorage, Storage

Ctx = Context[Any, Any]


class World:
    """Handlers that note their calls, and fail while their name is on the list."""

    def __init__(self, *failing: str) -> None:
        self.failing = set(failing)
        self.calls: list[str] = []
        self.keys: list[str] = []

    def work(self, ctx: Ctx) -> str:
        """Append the step to data, and return how often any step was called."""
        self.calls.append(ctx.step)
        self.keys.append(ctx.key)
        if ctx.step in self.failing:
            raise ValueError(ctx.step)
        ctx.data[ctx.step] = [*ctx.data, ctx.step]
        return f"{ctx.step} {len(self.calls)}"

    def flow(self, *nodes: str) -> Workflow[Any, Any]:
        """Return a workflow; a name in upper case is a commit."""
        workflow: Workflow[Any, Any] = Workflow("w")
        for name in nodes:
            workflow = (workflow.commit if name.isupper() else workflow.step)(name, self.work)
        return workflow


def test_a_failed_step_is_retried(make_engine: MakeEngine, any_store: Storage) -> None:
    """Nodes that completed before it do not run again; the ones after it run."""
    world = World("b")
    flow = world.flow("a", "b", "c")
    make_engine(any_store).execute(flow, {}, id="x")
    world.failing.clear()
    result = make_engine(any_store).retry_step(flow, "x", "b")
    assert (result.status, result.error, world.calls) == ("completed", None, ["a", "b", "b", "c"])
    assert result.results == {"a": "a 1", "b": "b 3", "c": "c 4"}


def test_a_retried_step_has_all_its_attempts(engine: AnyEngine, clock: Clock) -> None:
    """Attempts and failures begin at 1 again."""
    attempts = []

    def work(ctx: Ctx) -> None:
        attempts.append(ctx.attempt)
        raise ValueError

    flow = Workflow("w").step("a", work, retries=Retry(1, initial=0))
    engine.execute(flow, {}, id="x")
    engine.retry_step(flow, "x", "a")
    assert attempts == [1, 2, 1, 2]


def test_a_step_of_a_completed_run_is_run_again(make_engine: MakeEngine, any_store: Storage) -> None:
    """The steps after it are forgotten, and run again too."""
    world = World()
    flow = world.flow("a", "b", "c")
    engine = make_engine(any_store)
    engine.execute(flow, {}, id="x")
    result = engine.retry_step(flow, "x", "b")
    assert (result.status, world.calls) == ("completed", ["a", "b", "c", "b", "c"])
    assert result.results == {"a": "a 1", "b": "b 4", "c": "c 5"}


def test_data_is_set_back(make_engine: MakeEngine, any_store: Storage) -> None:
    """The step sees data as it was before it, in spite of what came after."""
    world = World()
    flow = world.flow("a", "b", "c")
    engine = make_engine(any_store)
    engine.execute(flow, {}, id="x")
    world.failing.add("b")
    assert engine.retry_step(flow, "x", "b").data == {"a": ["a"]}


def test_data_is_set_back_to_the_beginning(engine: AnyEngine) -> None:
    """Before the first step data is what the type gives."""
    world = World()
    flow = world.flow("a", "b")
    engine.execute(flow, {}, id="x")
    world.failing.add("a")
    assert engine.retry_step(flow, "x", "a").data == {}


def test_a_removed_key_is_back(engine: AnyEngine) -> None:
    """What a forgotten step removed from data is there again."""
    seen = []

    def drop(ctx: Ctx) -> None:
        seen.append(dict(ctx.data))
        del ctx.data["n"]

    flow = Workflow("w").step("a", lambda ctx: ctx.data.update(n=1)).step("b", drop)
    engine.execute(flow, {}, id="x")
    engine.retry_step(flow, "x", "b")
    assert seen == [{"n": 1}, {"n": 1}]


def test_completed_commits_are_kept(make_engine: MakeEngine, any_store: Storage) -> None:
    """Their output and their changes to data count again; they do not run."""
    world = World()
    flow = world.flow("a", "B", "c", "D")
    make_engine(any_store).execute(flow, {}, id="x")
    result = make_engine(any_store).retry_step(flow, "x", "a")
    assert (result.status, world.calls) == ("completed", ["a", "B", "c", "D", "a", "c"])
    assert result.results == {"a": "a 5", "B": "B 2", "c": "c 6", "D": "D 4"}
    assert list(result.data) == ["a", "B", "c", "D"]
    assert [record.status for record in result.history] == ["completed"] * 4


def test_a_kept_commit_removes_again_what_it_removed(engine: AnyEngine) -> None:
    """Removals are changes too."""
    calls: list[int] = []

    def drop(ctx: Ctx) -> None:
        calls.append(1)
        del ctx.data["n"]

    flow = Workflow("w").step("a", lambda ctx: ctx.data.update(n=1, m=2)).commit("b", drop)
    engine.execute(flow, {}, id="x")
    result = engine.retry_step(flow, "x", "a")
    assert (result.data, calls) == ({"m": 2}, [1])


def test_kept_commits_are_kept_through_a_failure(make_engine: MakeEngine, any_store: Storage) -> None:
    """A retry that fails again before it passes them has not forgotten them, nor has the store."""
    world = World()
    flow = world.flow("a", "B", "c")
    make_engine(any_store).execute(flow, {}, id="x")
    world.failing.add("a")
    assert make_engine(any_store).retry_step(flow, "x", "a").status == "failed"
    world.failing.clear()
    result = make_engine(any_store).retry_step(flow, "x", "a")
    assert (result.status, world.calls.count("B"), result.results["B"]) == ("completed", 1, "B 2")


def test_kept_commits_are_kept_through_a_lost_worker(
    make_engine: MakeEngine, any_store: Storage, clock: Clock
) -> None:
    """A retry that is interrupted does not run them either."""
    world = World()
    make_engine(any_store).execute(world.flow("a", "B", "c"), {}, id="x")
    dying: Workflow[Any, Any] = Workflow("w").step("a", die).commit("B", world.work).step("c", world.work)
    with pytest.raises(Death):
        make_engine(any_store).retry_step(dying, "x", "a")
    clock.advance(60)
    result = make_engine(any_store).resume(world.flow("a", "B", "c"), "x")
    assert (result.status, world.calls.count("B")) == ("completed", 1)


def test_a_large_kept_output_comes_back(make_engine: MakeEngine, any_store: Storage) -> None:
    """A kept commit's blobs are found again after a failure in between."""
    failing = [False]
    large = "x" * 20_000

    def first(ctx: Ctx) -> None:
        if failing[0]:
            raise ValueError

    def fill(ctx: Ctx) -> str:
        ctx.data["v"] = large
        return large

    flow = Workflow("w").step("a", first).commit("b", fill)
    make_engine(any_store).execute(flow, {}, id="x")
    failing[0] = True
    make_engine(any_store).retry_step(flow, "x", "a")
    failing[0] = False
    result = make_engine(any_store).retry_step(flow, "x", "a")
    assert (result.data, result.results["b"]) == ({"v": large}, large)


def test_a_failed_commit_may_be_retried(engine: AnyEngine) -> None:
    """It has not completed; it runs again under the same key."""
    world = World("A")
    flow = world.flow("A")
    engine.execute(flow, {}, id="x")
    world.failing.clear()
    assert engine.retry_step(flow, "x", "A").status == "completed"
    assert world.keys == ["x/A/1", "x/A/1"]


def test_a_completed_commit_is_not_retried(engine: AnyEngine) -> None:
    """The error says what to say if it must be."""
    world = World()
    flow = world.flow("A", "b")
    engine.execute(flow, {}, id="x")
    with pytest.raises(NotRetryable, match=r"commit 'A' of run 'x' has completed.*ask for redo_commits"):
        engine.retry_step(flow, "x", "A")
    assert world.calls == ["A", "b"]


def test_redoing_raises_the_generation_of_the_key(make_engine: MakeEngine, any_store: Storage) -> None:
    """The commit and those after it run again under new keys; steps keep theirs."""
    world = World()
    flow = world.flow("A", "B", "c", "D")
    make_engine(any_store).execute(flow, {}, id="x")
    result = make_engine(any_store).retry_step(flow, "x", "B", redo_commits=True)
    assert result.status == "completed"
    assert world.keys[4:] == ["x/B/2", "x/c/1", "x/D/2"]
    make_engine(any_store).retry_step(flow, "x", "A", redo_commits=True)
    assert world.keys[7:] == ["x/A/2", "x/B/3", "x/c/1", "x/D/3"]


def test_redoing_from_a_step_redoes_the_commits_after_it(engine: AnyEngine) -> None:
    """`redo_commits` is about what comes after too."""
    world = World()
    flow = world.flow("a", "B")
    engine.execute(flow, {}, id="x")
    engine.retry_step(flow, "x", "a", redo_commits=True)
    assert world.keys[2:] == ["x/a/1", "x/B/2"]


def test_redoing_takes_in_commits_that_an_earlier_retry_kept(engine: AnyEngine) -> None:
    """A commit that is kept behind a failed step is redone if that is asked for."""
    world = World()
    flow = world.flow("a", "B")
    engine.execute(flow, {}, id="x")
    world.failing.add("a")
    engine.retry_step(flow, "x", "a")
    world.failing.clear()
    engine.retry_step(flow, "x", "a", redo_commits=True)
    assert world.keys == ["x/a/1", "x/B/1", "x/a/1", "x/a/1", "x/B/2"]


def test_a_redone_commit_that_was_interrupted_has_the_same_new_key(
    make_engine: MakeEngine, any_store: Storage, clock: Clock
) -> None:
    """The generation is raised once, in the store."""
    world = World()
    make_engine(any_store).execute(world.flow("A"), {}, id="x")
    with pytest.raises(Death):
        make_engine(any_store).retry_step(Workflow("w").commit("A", die), "x", "A", redo_commits=True)
    clock.advance(60)
    make_engine(any_store).resume(world.flow("A"), "x")
    assert world.keys == ["x/A/1", "x/A/2"]


def test_a_retry_may_be_repeated(engine: AnyEngine) -> None:
    """Twice in a row is as good as once, twice."""
    world = World()
    flow = world.flow("a", "b", "C")
    engine.execute(flow, {}, id="x")
    engine.retry_step(flow, "x", "b")
    result = engine.retry_step(flow, "x", "b")
    assert world.calls == ["a", "b", "C", "b", "b"]
    assert result.data == {"a": ["a"], "b": ["a", "b"], "C": ["a", "b", "C"]}


def test_a_skipped_node_may_be_retried(engine: AnyEngine) -> None:
    """It is decided anew."""
    skip = [True]
    flow = Workflow("w").step("a", lambda ctx: 1, when=lambda ctx: not skip[0]).step("b", lambda ctx: 2)
    engine.execute(flow, {}, id="x")
    skip[0] = False
    assert engine.retry_step(flow, "x", "a").results == {"a": 1, "b": 2}


def test_a_long_history_is_cut(make_engine: MakeEngine, any_store: Storage) -> None:
    """Going back over nodes that were moved out in pages leaves the ones before as they were."""
    world = World()
    flow = world.flow(*(f"s{index}" for index in range(60)))
    make_engine(any_store).execute(flow, {}, id="x")
    make_engine(any_store).retry_step(flow, "x", "s30")
    run = make_engine(any_store).run("x")
    assert [record.output for record in run.history] == [
        *(f"s{index} {index + 1}" for index in range(30)),
        *(f"s{index} {index + 31}" for index in range(30, 60)),
    ]


def test_an_unknown_step_is_not_found(engine: AnyEngine) -> None:
    """The error lists those there are."""
    world = World()
    engine.execute(world.flow("a"), {}, id="x")
    with pytest.raises(StepNotFound, match="it has: a"):
        engine.retry_step(world.flow("a"), "x", "b")


def test_a_step_that_has_not_run_is_not_retryable(engine: AnyEngine) -> None:
    """There is nothing to go back to."""
    world = World("a")
    engine.execute(world.flow("a", "b"), {}, id="x")
    with pytest.raises(NotRetryable, match=r"step 'b' of run 'x' has not run; retry an earlier one"):
        engine.retry_step(world.flow("a", "b"), "x", "b")


def test_a_pending_run_is_not_retryable(engine: AnyEngine) -> None:
    """It goes on by resume."""
    world = World()
    engine.start(world.flow("a"), {}, id="x")
    with pytest.raises(NotRetryable, match=r"run 'x' is pending: it has not ended; go on with it by resume"):
        engine.retry_step(world.flow("a"), "x", "a")


def test_a_suspended_run_is_not_retryable(engine: AnyEngine) -> None:
    """It goes on when it is due."""
    world = World("a")
    flow = Workflow("w").step("a", world.work, retries=Retry(1, initial=60, jitter="none"))
    engine.execute(flow, {}, id="x")
    with pytest.raises(NotRetryable, match="is suspended: it has not ended"):
        engine.retry_step(flow, "x", "a")


def test_a_held_run_is_busy(engine: AnyEngine, clock: Clock) -> None:
    """Another worker is at it; the error says until when."""
    flow = Workflow("w").step("a", die)
    with pytest.raises(Death):
        engine.execute(flow, {}, id="x")
    with pytest.raises(RunBusy) as caught:
        engine.retry_step(flow, "x", "a")
    assert caught.value.until == clock.time() + 60


def test_a_lost_run_is_not_retryable(engine: AnyEngine, clock: Clock) -> None:
    """A run whose worker was lost has not ended: it is taken over by resume."""
    flow = Workflow("w").step("a", die)
    with pytest.raises(Death):
        engine.execute(flow, {}, id="x")
    clock.advance(60)
    with pytest.raises(NotRetryable, match=re.escape("run 'x' is running: it has not ended")):
        engine.retry_step(flow, "x", "a")


def test_a_retry_holds_the_run(make_engine: MakeEngine, store: MemoryStorage, clock: Clock) -> None:
    """While the step runs again nobody else may take the run."""
    seen = []

    def look(ctx: Ctx) -> None:
        record = store.load("x")
        seen.append(record and (record.status, record.wake_at))

    flow = Workflow("w").step("a", look)
    engine = make_engine(store)
    engine.execute(flow, {}, id="x")
    engine.retry_step(flow, "x", "a")
    assert seen == [("running", clock.time() + 60)] * 2


def test_a_completed_commit_that_was_renamed_is_not_forgotten(engine: AnyEngine) -> None:
    """A commit behind the point that a retry goes back to must still be there: under a new name it would run again."""
    world = World("c")
    engine.execute(world.flow("a", "PAY", "c"), {}, id="x")
    world.failing.clear()
    with pytest.raises(
        DefinitionChanged, match="has completed commit 'PAY', which workflow 'w' no longer has"
    ):
        engine.retry_step(world.flow("a", "CHARGE", "c"), "x", "a")
    assert world.calls == ["a", "PAY", "c"]
    assert engine.run("x").status == "failed"


def test_a_renamed_commit_can_be_given_up(engine: AnyEngine) -> None:
    """Who says redo_commits has looked, and takes the new definition as it is."""
    world = World("c")
    engine.execute(world.flow("a", "PAY", "c"), {}, id="x")
    world.failing.clear()
    result = engine.retry_step(world.flow("a", "CHARGE", "c"), "x", "a", redo_commits=True)
    assert result.status == "completed"
    assert world.calls[3:] == ["a", "CHARGE", "c"]


def test_a_retry_that_was_decided_on_another_revision_is_refused(
    any_store: Storage, make_engine: MakeEngine
) -> None:
    """Of two who look at one failed run and retry it, one does; the other is told that it has changed since."""
    world = World("a")
    engine, flow = make_engine(any_store), world.flow("a", "b")
    engine.execute(flow, {}, id="r")
    seen = engine.run("r").revision
    world.failing.clear()
    assert engine.retry_step(flow, "r", "a", revision=seen).status == "completed"
    with pytest.raises(Conflict, match=f"run 'r' has changed since revision {seen}"):
        engine.retry_step(flow, "r", "a", revision=seen)
    assert world.calls == ["a", "a", "b"]


def test_commits_that_a_retry_has_kept_are_told(engine: AnyEngine) -> None:
    """A run that went back over a commit, and failed before it, says that the commit is kept."""
    world = World("z")
    flow = world.flow("a", "B", "z")
    engine.execute(flow, {}, id="r")
    world.failing = {"a"}
    engine.retry_step(flow, "r", "a")
    assert engine.run("r").kept == ("B",)
    assert engine.run("r").to_dict()["kept"] == ["B"]


@pytest.mark.parametrize("revision", ["2", 2.0, [1]])
def test_a_revision_is_a_number(engine: AnyEngine, revision: Any) -> None:
    """Anything else is refused before the run is looked at."""
    with pytest.raises(InvalidInput, match="revision"):
        engine.retry_step(World().flow("a"), "r", "a", revision=revision)
