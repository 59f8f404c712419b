"""The app: workflows by name over one engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from flux_core import App, Context, InvalidWorkflow, TickReport, UnknownWorkflow, Workflow
from flux_core.storage import MemoryStorage
from flux_core.trace import ConsoleTrace

if TYPE_CHECKING:
    from core.conftest import Clock, Recorder

Ctx = Context[Any, Any]


def one(ctx: Ctx) -> int:
    """Return 1."""
    return 1


def flaky(ctx: Ctx) -> int:
    """Fail if the input says so."""
    n: int = ctx.input.get("n", 1)
    return 1 // n


@pytest.fixture
def app(clock: Clock) -> App:
    """Give an app of two workflows."""
    workflows = [Workflow("v").step("a", flaky), Workflow("w").step("a", one)]
    return App(workflows, MemoryStorage(), clock=clock)


def test_an_app_executes_by_name(app: App) -> None:
    """The options are the engine's."""
    result = app.execute("w", {}, id="x", tags=["t"], deadline=1e9, retry_failed=True)
    run = app.get("x")
    assert run is not None
    assert (result.results, run.workflow, run.tags) == ({"a": 1}, "w", ("t",))


def test_an_app_starts_and_ticks(app: App) -> None:
    """A tick serves every workflow of the app."""
    app.start("v", {}, id="x", tags=["t"])
    app.start("w", {}, id="y")
    assert app.tick(limit=9, deadline=1e9) == TickReport(due=2, claimed=2, completed=2)


def test_an_app_resumes_by_name(app: App) -> None:
    """A run that was started goes on."""
    app.start("w", {}, id="x")
    assert app.resume("w", "x", deadline=1e9).status == "completed"


def test_an_app_wakes_by_name(app: App) -> None:
    """A run that is due goes on."""
    app.start("w", {}, id="x")
    assert app.wake("w", "x", at=1.0, deadline=1e9).status == "completed"


def test_an_app_retries_by_name(app: App) -> None:
    """A step is gone back to."""
    app.execute("w", {}, id="x")
    assert app.retry_step("w", "x", "a", redo_commits=True, deadline=1e9).status == "completed"


def test_an_app_lists_and_deletes(app: App) -> None:
    """The filters are the engine's."""
    app.execute("v", {"n": 0}, id="x")
    app.execute("w", {}, id="y")
    page = app.list(workflow="v", status="failed", since=0, until=1e12, limit=5, cursor=None)
    assert [run.id for run in page] == ["x"]
    app.delete("x")
    assert app.get("x") is None


@pytest.mark.parametrize("method", ["execute", "start", "resume", "retry_step", "workflow"])
def test_an_unknown_workflow_is_named_with_those_there_are(app: App, method: str) -> None:
    """The error lists the names."""
    options: dict[str, list[Any]] = {
        "execute": [{}],
        "start": [{}],
        "resume": ["x"],
        "retry_step": ["x", "a"],
    }
    with pytest.raises(UnknownWorkflow, match=r"the app has no workflow 'u'; it has: v, w"):
        getattr(app, method)("u", *options.get(method, []))


def test_an_app_without_workflows_says_so() -> None:
    """There is none to be listed."""
    with pytest.raises(UnknownWorkflow, match="it has: none"):
        App([]).workflow("w")


def test_an_app_knows_its_workflows(app: App) -> None:
    """In the order in which they were given."""
    assert [workflow.name for workflow in app.workflows] == ["v", "w"]
    assert app.workflow("w") is app.workflows[1]


def test_two_workflows_of_one_name_are_refused() -> None:
    """A stored run must find one definition."""
    with pytest.raises(InvalidWorkflow, match=r"two workflows of the app are called 'w'"):
        App([Workflow("w").step("a", one), Workflow("w").step("b", one)])


def test_an_empty_workflow_is_refused() -> None:
    """What cannot be run shows when the app is made."""
    with pytest.raises(InvalidWorkflow, match="is empty"):
        App([Workflow("w")])


def test_the_engine_is_made_when_it_is_used(app: App) -> None:
    """Once, over the app's store."""
    assert app._engine is None
    assert app.engine is app.engine
    assert app.engine.storage is app.storage


def test_an_app_without_a_store_leaves_it_to_the_front() -> None:
    """Its engine takes memory if nobody gives it another."""
    app = App([Workflow("w").step("a", one)])
    assert app.storage is None
    assert isinstance(app.engine.storage, MemoryStorage)


def test_an_app_over_another_store_is_the_same_app(clock: Clock, recorder: Recorder) -> None:
    """Workflows and options follow."""
    other = MemoryStorage()
    app = App([Workflow("w").step("a", one)], clock=clock, trace=[recorder]).on(other)
    result = app.execute("w", {}, id="x")
    assert (app.storage, result.status, other.load("x") is None) == (other, "completed", False)
    assert len(recorder.events) == 4


def test_closing_an_app_closes_its_engine(recorder: Recorder) -> None:
    """The sinks and the store are closed with it."""
    with App([Workflow("w").step("a", one)], trace=[recorder]) as app:
        app.execute("w", {})
    assert recorder.closed == 1


def test_closing_an_app_that_was_not_used_makes_no_engine(recorder: Recorder) -> None:
    """There is nothing to close."""
    app = App([Workflow("w").step("a", one)], trace=[recorder])
    app.close()
    assert (app._engine, recorder.closed) == (None, 0)


def test_an_app_shows_its_sinks_and_its_waker() -> None:
    """A front may ask where trace events go, and who brings runs back, whatever iterable the sinks were given in."""
    sink, other = ConsoleTrace(), ConsoleTrace()
    app = App([Workflow("w").step("a", lambda ctx: None)], trace=iter([sink]))
    assert (app.trace, app.waker) == ((sink,), None)
    assert app.on(MemoryStorage(), trace=[other]).trace == (sink, other)
