"""`checkpoint="commit"`: only what must be durable is saved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from core.conftest import Death, die

from flux_core import Context, InvalidInput, Retry, Workflow, sleep

if TYPE_CHECKING:
    from core.conftest import AnyEngine, Clock, MakeEngine

    from flux_core.storage import MemoryStorage

Ctx = Context[Any, Any]


def one(ctx: Ctx) -> int:
    """Return 1."""
    return 1


@pytest.fixture
def sparing(make_engine: MakeEngine, store: MemoryStorage) -> AnyEngine:
    """Give an engine that saves no more than it must."""
    return make_engine(store, checkpoint="commit")


def revisions(engine: AnyEngine, flow: Workflow[Any, Any]) -> int:
    """Return how often a run of the workflow is written, its creation included."""
    engine.execute(flow, {}, id="x")
    return engine.run("x").revision


STEPS = Workflow("w").step("a", one).step("b", one).step("c", one).step("d", one)


def test_steps_alone_are_saved_at_the_end(sparing: AnyEngine, make_engine: MakeEngine) -> None:
    """Two writes for a run of four steps; by default there are five."""
    assert revisions(sparing, STEPS) == 2
    assert revisions(make_engine(), STEPS) == 5


def test_each_commit_is_saved(sparing: AnyEngine) -> None:
    """A run of four nodes with two commits takes three writes."""
    flow = Workflow("w").step("a", one).commit("b", one).step("c", one).commit("d", one)
    assert revisions(sparing, flow) == 3


def test_a_node_with_a_compensation_is_saved(sparing: AnyEngine) -> None:
    """What must be undone must be known."""
    assert revisions(sparing, Workflow("w").step("a", one, compensate=one).step("b", one)) == 3


def test_a_failed_attempt_is_saved(sparing: AnyEngine, clock: Clock) -> None:
    """It has spent one of the retries, and the steps before it come along."""

    def work(ctx: Ctx) -> int:
        if ctx.attempt == 1:
            raise ValueError("once")
        return 1

    assert revisions(sparing, STEPS.step("e", work, retries=Retry(1))) == 3


def test_a_suspension_is_saved(sparing: AnyEngine, clock: Clock) -> None:
    """With the steps before it, which are not run again."""
    calls: list[str] = []
    flow = (
        Workflow("w").step("a", lambda ctx: calls.append("a")).sleep("b", 5).step("c", lambda ctx: sleep(5))
    )
    assert sparing.execute(flow, {}, id="x").status == "suspended"
    clock.advance(5)
    assert sparing.resume(flow, "x").status == "suspended"
    clock.advance(5)
    assert sparing.resume(flow, "x").status == "completed"
    assert calls == ["a"]


def test_an_intent_is_saved(sparing: AnyEngine) -> None:
    """A commit with `once=True` takes two writes."""
    assert revisions(sparing, Workflow("w").step("a", one).commit("b", one, once=True).step("c", one)) == 4


def test_a_skipped_step_is_not_saved(sparing: AnyEngine) -> None:
    """It would be skipped again."""
    assert revisions(sparing, Workflow("w").step("a", one, when=lambda ctx: False).step("b", one)) == 2


def test_steps_since_the_last_save_run_again_after_a_crash(sparing: AnyEngine, clock: Clock) -> None:
    """The commit before them does not."""
    calls: list[str] = []

    def noting(name: str) -> Any:
        return lambda ctx: calls.append(name)

    flow = Workflow("w").step("a", noting("a")).commit("b", noting("b")).step("c", noting("c"))
    with pytest.raises(Death):
        sparing.execute(flow.step("d", die), {}, id="x")
    clock.advance(61)
    result = sparing.resume(flow.step("d", noting("d")), "x")
    assert (result.status, calls) == ("completed", ["a", "b", "c", "c", "d"])


def test_a_step_that_is_not_saved_began_when_the_one_before_it_ended(
    sparing: AnyEngine, clock: Clock
) -> None:
    """And not when the run was last saved."""
    flow = Workflow("w").step("a", lambda ctx: clock.advance(3)).step("b", lambda ctx: clock.advance(4))
    sparing.execute(flow, {}, id="x")
    first, second = sparing.run("x").history
    assert first.completed_at == second.started_at == (first.started_at or 0) + 3
    assert second.completed_at == (first.started_at or 0) + 7


def test_an_unknown_checkpoint_is_refused(make_engine: MakeEngine) -> None:
    """The message says which there are."""
    with pytest.raises(InvalidInput, match='checkpoint: expected "step" or "commit", got \'never\''):
        make_engine(checkpoint="never")  # type: ignore[arg-type]  # the misuse
