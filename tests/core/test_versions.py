"""Several versions of one workflow in an app: each run goes on under its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from flux_core import App, DefinitionChanged, InputMismatch, InvalidInput, InvalidWorkflow, Workflow
from flux_core.storage import MemoryStorage

if TYPE_CHECKING:
    from core.conftest import AnyEngine, Clock

OLD = Workflow("w").step("greet", lambda ctx: "old").wait("go").step("end", lambda ctx: "old end")
NEW = Workflow("w", version="2").wait("go").step("end", lambda ctx: "new end")


@pytest.fixture
def app(clock: Clock) -> App:
    """Give an app with both versions, over a store in which an old run waits."""
    store = MemoryStorage()
    App([OLD], store, clock=clock).execute("w", {}, id="old")
    return App([OLD, NEW], store, clock=clock)


def test_the_last_version_starts_new_runs(app: App) -> None:
    """Whatever the versions are called."""
    app.execute("w", {}, id="new")
    run = app.get("new")
    assert run is not None
    assert (run.version, run.waits_for) == ("2", "go")
    assert app.workflow("w") is NEW
    assert app.workflows == (OLD, NEW)


def test_a_run_goes_on_under_its_own_version_by_a_signal(app: App) -> None:
    """The old one ends as it was meant to."""
    app.execute("w", {}, id="new")
    assert app.signal("w", "old", "go").results["end"] == "old end"
    assert app.signal("w", "new", "go").results["end"] == "new end"


def test_a_run_goes_on_under_its_own_version_by_a_tick(app: App) -> None:
    """One tick serves them all."""
    app.execute("w", {}, id="new")
    app.signal("w", "old", "go", run=False)
    app.signal("w", "new", "go", run=False)
    assert app.tick().completed == 2
    assert {run.id: run.history[-1].output for run in app.list()} == {"new": "new end", "old": "old end"}


def test_a_repeated_start_joins_the_run_under_its_version(app: App) -> None:
    """The same id is the same run, whichever version would start it now."""
    app.pause("old")
    assert app.execute("w", {}, id="old").status == "paused"
    assert app.start("w", {}, id="old").id == "old"
    app.signal("w", "old", "go")
    assert app.resume("w", "old").results == {"greet": "old", "go": None, "end": "old end"}


@dataclass
class Small:
    """The input of the first version."""

    a: int


@dataclass
class Large:
    """The input of the second version, which asks for more."""

    a: int
    b: int


@pytest.mark.parametrize("method", ["execute", "start"])
def test_an_event_of_an_older_version_may_be_delivered_again(clock: Clock, method: str) -> None:
    """It is the old run's input, though it is none for the new version; another input is refused as ever."""
    old, new = Workflow("w", input=Small).wait("go"), Workflow("w", input=Large, version="2").wait("go")
    store = MemoryStorage()
    App([old], store, clock=clock).execute("w", {"a": 1}, id="x")
    call = getattr(App([old, new], store, clock=clock), method)
    assert call("w", {"a": 1}, id="x").status == "suspended"
    with pytest.raises(InputMismatch):
        call("w", {"a": 2}, id="x")
    for options in ({"id": "y"}, {}):
        with pytest.raises(InvalidInput, match="missing field 'b'"):
            call("w", {"a": 1}, **options)
    with pytest.raises(InvalidInput, match="missing field 'b'"):
        getattr(App([new], store, clock=clock), method)("w", {"a": 1}, id="x")


def test_a_step_is_retried_under_the_version_of_its_run(app: App) -> None:
    """Its steps are those of that version."""
    app.signal("w", "old", "go")
    assert app.retry_step("w", "old", "greet").status == "suspended"


def test_a_failed_commit_is_resolved_under_the_version_of_its_run(clock: Clock) -> None:
    """The new version need not even have it."""

    def fail(ctx: object) -> int:
        raise ValueError("no")

    old = Workflow("w").commit("pay", fail).step("end", lambda ctx: ctx.results["pay"])
    app = App([old, NEW], clock=clock)
    App([old], app.engine.storage, clock=clock).execute("w", {}, id="x")
    assert app.resolve("w", "x", "pay", output=7).results["end"] == 7


def test_an_unknown_version_goes_on_if_its_nodes_still_stand(app: App) -> None:
    """As one whose definition has changed without a version does."""
    only_new = App([NEW], app.engine.storage)
    with pytest.raises(DefinitionChanged, match=r"ran step 'greet' as node 1.*now has wait 'go'"):
        only_new.signal("w", "old", "go")


def test_an_engine_ticks_several_versions(engine: AnyEngine, store: MemoryStorage) -> None:
    """They are told apart by what the runs say."""
    for version, flow in (("old", OLD), ("new", NEW)):
        engine.start(flow, {}, id=version)
    report = engine.tick([OLD, NEW])
    assert (report.due, report.suspended) == (2, 2)
    assert {run.id: run.version for run in engine.list()} == {"old": "1", "new": "2"}


def test_two_workflows_of_one_name_need_versions() -> None:
    """The message says so."""
    with pytest.raises(InvalidWorkflow, match=r"called 'w'.*version= of their own, and both say '1'"):
        App([OLD, Workflow("w").step("a", lambda ctx: None)])


def test_versions_keep_their_own_conditions_and_compensations(clock: Clock) -> None:
    """A run is rolled back by the compensations of its own version."""
    undone: list[str] = []

    def version(number: str) -> Workflow[Any, Any]:
        flow: Workflow[Any, Any] = Workflow("w", version=number)
        return flow.commit("pay", lambda ctx: None, compensate=lambda ctx: undone.append(number)).wait("go")

    store = MemoryStorage()
    App([version("1")], store, clock=clock).execute("w", {}, id="x")
    app = App([version("1"), version("2")], store, clock=clock)
    assert app.cancel("w", "x", compensate=True).status == "rolled_back"
    assert undone == ["1"]
