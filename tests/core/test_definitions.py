"""Definitions that change while runs are in flight."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from core.conftest import Death, die

from flux_core import Context, DefinitionChanged, InvalidWorkflow, Retry, Workflow

if TYPE_CHECKING:
    from core.conftest import AnyEngine, Clock, MakeEngine

Ctx = Context[Any, Any]


def one(ctx: Ctx) -> int:
    """Return 1."""
    return 1


def fail(ctx: Ctx) -> None:
    """Fail."""
    raise ValueError


@pytest.fixture
def lost(engine: AnyEngine, clock: Clock) -> AnyEngine:
    """Give an engine in whose store run x has completed step a and commit b, and lost its worker in step c."""
    workflow = Workflow("w").step("a", one).commit("b", one).step("c", die).step("d", one)
    with pytest.raises(Death):
        engine.execute(workflow, {}, id="x")
    clock.advance(60)
    return engine


@pytest.mark.parametrize(
    ("workflow", "reason"),
    [
        (Workflow("w").step("z", one).commit("b", one), r"ran step 'a' as node 1, where .* now has step 'z'"),
        (Workflow("w").commit("b", one).step("a", one), r"ran step 'a' as node 1, where .* has commit 'b'"),
        (Workflow("w").commit("a", one).commit("b", one), r"ran step 'a' as node 1, where .* has commit 'a'"),
        (
            Workflow("w").step("a", one).step("new", one).commit("b", one),
            r"ran commit 'b' as node 2, where .* has step 'new'",
        ),
        (Workflow("w").step("a", one), r"ran commit 'b' as node 2, where .* has no node"),
    ],
    ids=["renamed", "reordered", "another kind", "inserted", "removed"],
)
def test_a_definition_that_the_run_did_not_follow_is_refused(
    lost: AnyEngine, workflow: Workflow[Any, Any], reason: str
) -> None:
    """The error names the node; the run is left as it was."""
    before = lost.run("x")
    with pytest.raises(DefinitionChanged, match=reason):
        lost.resume(workflow, "x")
    assert lost.run("x") == before


@pytest.mark.parametrize(
    "workflow",
    [
        Workflow("w").step("a", one).commit("b", one).step("c", one).step("d", one).step("e", one),
        Workflow("w").step("a", one).commit("b", one).step("new", one).step("c", one).step("d", one),
        Workflow("w").step("a", one).commit("b", one).commit("z", one),
        Workflow("w", version="2").step("a", one, retries=3).commit("b", one, timeout=5).step("c", one),
    ],
    ids=["appended", "inserted at the position", "replaced", "other options"],
)
def test_a_definition_that_the_run_followed_so_far_goes_on(
    lost: AnyEngine, workflow: Workflow[Any, Any]
) -> None:
    """What comes from the position on may change freely."""
    result = lost.resume(workflow, "x")
    assert (result.status, list(result.results)) == ("completed", [node.name for node in workflow.nodes])


def test_a_shorter_definition_completes(lost: AnyEngine) -> None:
    """If every node that is left has run, the run is complete."""
    result = lost.resume(Workflow("w").step("a", one).commit("b", one), "x")
    assert (result.status, result.results, lost.run("x").status) == (
        "completed",
        {"a": 1, "b": 1},
        "completed",
    )


def test_a_failed_attempt_counts_as_run(engine: AnyEngine, clock: Clock) -> None:
    """A node of which an attempt has failed must still stand."""
    workflow = Workflow("w").step("a", fail, retries=Retry(1, initial=60, jitter="none"))
    engine.execute(workflow, {}, id="x")
    clock.advance(60)
    with pytest.raises(DefinitionChanged, match=r"ran step 'a' as node 1, where .* has step 'b'"):
        engine.resume(Workflow("w").step("b", one), "x")


def test_the_failed_node_must_stand_to_be_retried(engine: AnyEngine) -> None:
    """`retry_step` checks the nodes up to the one that it goes back to."""
    engine.execute(Workflow("w").step("a", one).step("b", fail), {}, id="x")
    with pytest.raises(DefinitionChanged, match=r"ran step 'a' as node 1"):
        engine.retry_step(Workflow("w").step("z", one).step("b", one), "x", "b")


def test_nodes_behind_a_retried_one_may_have_changed(engine: AnyEngine) -> None:
    """What is forgotten need not stand any more."""
    engine.execute(Workflow("w").step("a", one).step("b", fail), {}, id="x")
    result = engine.retry_step(Workflow("w").step("a", one).step("c", one), "x", "a")
    assert result.results == {"a": 1, "c": 1}


def test_a_run_keeps_the_version_that_it_was_started_under(engine: AnyEngine, clock: Clock) -> None:
    """Version and fingerprint are recorded once."""
    old = Workflow("w", version="1").step("a", die)
    with pytest.raises(Death):
        engine.execute(old, {}, id="x")
    clock.advance(60)
    engine.resume(Workflow("w", version="2").step("a", one).step("b", one), "x")
    run = engine.run("x")
    assert (run.version, run.fingerprint) == ("1", old.fingerprint)


def test_results_of_nodes_that_went_are_kept(engine: AnyEngine) -> None:
    """A completed run is returned whole, also under a definition that has other nodes."""
    engine.execute(Workflow("w").step("a", one), {}, id="x")
    assert engine.resume(Workflow("w").step("b", one), "x").results == {"a": 1}


@dataclass
class Before:
    """Data as it was."""

    count: str = "none"


@dataclass
class After:
    """Data as it is now: a field has another type."""

    count: int = 0


@dataclass
class More:
    """Data as it is now: a field is new."""

    count: str = "none"
    names: list[str] = field(default_factory=list)


def test_stored_data_that_no_longer_fits_is_named(engine: AnyEngine, clock: Clock) -> None:
    """The run is left as it was, and the error says where."""
    with pytest.raises(Death):
        engine.execute(Workflow("w", data=Before).step("a", die), {}, id="x")
    clock.advance(60)
    before = engine.run("x")
    with pytest.raises(DefinitionChanged, match=r"what run 'x' has saved does not fit .*count"):
        engine.resume(Workflow("w", data=After).step("a", one), "x")
    assert engine.run("x") == before


def test_stored_input_that_no_longer_fits_is_named(engine: AnyEngine, clock: Clock) -> None:
    """Input is read under the type that the workflow has now."""
    with pytest.raises(Death):
        engine.execute(Workflow("w", input=Before).step("a", die), {}, id="x")
    clock.advance(60)
    with pytest.raises(DefinitionChanged, match=r"what run 'x' has saved does not fit .*count"):
        engine.resume(Workflow("w", input=After).step("a", one), "x")


def says_text(ctx: Ctx) -> str:
    """Return a text."""
    return "1"


def says_number(ctx: Ctx) -> int:
    """Return a number."""
    return 1


def test_a_stored_output_that_no_longer_fits_is_named(engine: AnyEngine, clock: Clock) -> None:
    """Outputs are read under the annotations that the handlers have now."""
    with pytest.raises(Death):
        engine.execute(Workflow("w").step("a", says_text).step("b", die), {}, id="x")
    clock.advance(60)
    with pytest.raises(DefinitionChanged, match=r"what run 'x' has saved does not fit"):
        engine.resume(Workflow("w").step("a", says_number).step("b", one), "x")


def test_an_ended_run_whose_data_no_longer_fits_is_named(engine: AnyEngine) -> None:
    """Returning a run is as much a use of its data as going on with it."""
    engine.execute(Workflow("w", data=Before).step("a", one), {}, id="x")
    with pytest.raises(DefinitionChanged, match=r"what run 'x' has saved does not fit"):
        engine.resume(Workflow("w", data=After).step("a", one), "x")


def test_an_input_that_no_longer_fits_is_named_when_inputs_are_compared(engine: AnyEngine) -> None:
    """The caller's input is not blamed for the stored one."""
    engine.execute(Workflow("w", input=Before).step("a", one), {"count": "few"}, id="x")
    with pytest.raises(DefinitionChanged, match=r"what run 'x' has saved does not fit"):
        engine.execute(Workflow("w", input=After).step("a", one), {"count": 1}, id="x")


def test_a_kept_commit_whose_output_no_longer_fits_is_named(engine: AnyEngine, clock: Clock) -> None:
    """It is found before the retry claims the run, not in the middle of it."""
    engine.execute(Workflow("w").step("a", one).commit("b", says_text), {}, id="x")
    before = engine.run("x")
    with pytest.raises(DefinitionChanged, match=r"what run 'x' has saved does not fit"):
        engine.retry_step(Workflow("w").step("a", one).commit("b", says_number), "x", "a")
    assert engine.run("x") == before


def test_new_fields_get_their_defaults(engine: AnyEngine, clock: Clock) -> None:
    """Data may gain fields while runs are in flight."""
    with pytest.raises(Death):
        engine.execute(Workflow("w", data=Before).step("a", die), {}, id="x")
    clock.advance(60)
    assert engine.resume(Workflow("w", data=More).step("a", one), "x").data == More("none", [])


@dataclass
class Needy:
    """Data that cannot be made from nothing."""

    count: int


def test_data_that_cannot_be_made_is_refused(make_engine: MakeEngine) -> None:
    """Every field of data needs a default; nothing is saved."""
    engine = make_engine()
    with pytest.raises(InvalidWorkflow, match="give every field a default"):
        engine.execute(Workflow("w", data=Needy).step("a", one), {}, id="x")
    assert engine.get("x") is None
