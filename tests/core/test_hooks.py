"""Hooks: who is called when, with what, and what happens when one breaks."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from core.conftest import Death, die

from flux_core import Context, InvalidInput, Retry, Workflow

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.conftest import Clock, MakeEngine

    from flux_core._options import Hooks

Ctx = Context[Any, Any]


def one(ctx: Ctx) -> int:
    """Return 1."""
    return 1


def fail(ctx: Ctx) -> None:
    """Fail."""
    raise ValueError("broken")


class Noted:
    """Hooks that note their names and arguments, the context as its step and attempt."""

    def __init__(self, *, awaited: bool = False) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.awaited = awaited

    @property
    def on(self) -> Hooks:
        """All hooks, by name."""
        return {
            "step_start": self._hook("step_start"),
            "step_complete": self._hook("step_complete"),
            "step_error": self._hook("step_error"),
            "workflow_complete": self._hook("workflow_complete"),
            "workflow_error": self._hook("workflow_error"),
        }

    def _hook(self, name: str) -> Callable[..., Any]:
        def call(*arguments: object) -> None:
            shown = [(a.step, a.attempt) if isinstance(a, Context) else a for a in arguments]
            self.calls.append((name, *(repr(a) if isinstance(a, Exception) else a for a in shown)))

        async def call_async(*arguments: object) -> None:
            await asyncio.sleep(0)
            call(*arguments)

        return call_async if self.awaited else call


@pytest.mark.parametrize("awaited", [False, True])
def test_hooks_follow_a_run_that_completes(make_engine: MakeEngine, awaited: bool) -> None:  # noqa: FBT001
    """Each step's start and end, then the workflow's; plain and async hooks alike."""
    hooks = Noted(awaited=awaited)
    make_engine(on=hooks.on).execute(Workflow("w").step("a", one).commit("b", one), {})
    assert hooks.calls == [
        ("step_start", "a", ("a", 1)),
        ("step_complete", "a", ("a", 1), 1),
        ("step_start", "b", ("b", 1)),
        ("step_complete", "b", ("b", 1), 1),
        ("workflow_complete", ("b", 1)),
    ]


def test_hooks_follow_a_run_that_fails(make_engine: MakeEngine) -> None:
    """Start and error come for each attempt; the workflow's error once."""
    hooks = Noted()
    workflow = Workflow("w").step("a", fail, retries=Retry(1, initial=0)).step("b", one)
    make_engine(on=hooks.on).execute(workflow, {})
    error = "ValueError('broken')"
    assert hooks.calls == [
        ("step_start", "a", ("a", 1)),
        ("step_error", "a", ("a", 1), error),
        ("step_start", "a", ("a", 2)),
        ("step_error", "a", ("a", 2), error),
        ("workflow_error", ("a", 2), error),
    ]


def test_a_skipped_node_calls_no_hook(make_engine: MakeEngine) -> None:
    """Skipping the last node completes the workflow all the same."""
    hooks = Noted()
    workflow = Workflow("w").step("a", one, when=lambda ctx: False)
    make_engine(on=hooks.on).execute(workflow, {})
    assert hooks.calls == [("workflow_complete", ("a", 1))]


def test_a_condition_that_raises_is_an_error_of_its_step(make_engine: MakeEngine) -> None:
    """No attempt has started, and the step and the workflow have failed."""
    hooks = Noted()
    make_engine(on=hooks.on).execute(Workflow("w").step("a", one, when=fail), {})
    assert [call[0] for call in hooks.calls] == ["step_error", "workflow_error"]


def test_a_run_that_is_passed_over_calls_no_hook(make_engine: MakeEngine) -> None:
    """Returning a run that has ended is no event of it."""
    hooks = Noted()
    engine = make_engine(on=hooks.on)
    workflow = Workflow("w").step("a", one)
    engine.execute(workflow, {}, id="x")
    hooks.calls.clear()
    engine.execute(workflow, {}, id="x")
    assert hooks.calls == []


def test_step_complete_is_called_when_the_step_is_saved(make_engine: MakeEngine, store: Any) -> None:
    """A hook that looks into the store finds what it is told."""
    seen = []

    def look(step: str, ctx: Ctx, result: object) -> None:
        seen.append(store.load("x").status)

    make_engine(store, on={"step_complete": look}).execute(Workflow("w").step("a", one), {}, id="x")
    assert seen == ["completed"]


@pytest.mark.parametrize("awaited", [False, True])
def test_a_hook_that_raises_changes_nothing(
    make_engine: MakeEngine,
    caplog: pytest.LogCaptureFixture,
    awaited: bool,  # noqa: FBT001
) -> None:
    """The error is logged, with the hook's name, and the run goes on."""

    def broken(*arguments: object) -> None:
        raise RuntimeError("hook")

    async def broken_async(*arguments: object) -> None:
        raise RuntimeError("hook")

    hook = broken_async if awaited else broken
    engine = make_engine(on={"step_start": hook, "step_complete": hook, "workflow_complete": hook})
    assert engine.execute(Workflow("w").step("a", one), {}).status == "completed"
    assert [record.message.partition(" failed")[0] for record in caplog.records] == [
        "hook step_start",
        "hook step_complete",
        "hook workflow_complete",
    ]
    assert all(record.name == "flux" and record.exc_info for record in caplog.records)


def test_an_unknown_hook_is_refused(make_engine: MakeEngine) -> None:
    """The error lists the hooks."""
    unknown: Any = {"step_end": print}
    with pytest.raises(
        InvalidInput, match=r"no hook is called 'step_end'; there are: .*step_complete"
    ) as caught:
        make_engine(on=unknown)
    assert caught.value.path == "on"


def test_only_the_hooks_that_are_given_are_called(make_engine: MakeEngine) -> None:
    """One hook may come without the others."""
    seen: list[object] = []
    engine = make_engine(on={"workflow_complete": seen.append})
    engine.execute(Workflow("w").step("a", one), {})
    assert len(seen) == 1


def test_a_crash_loop_is_an_error_of_the_workflow(make_engine: MakeEngine, clock: Clock) -> None:
    """Who is called for a run that fails is called for one that fails like this."""
    hooks = Noted()
    engine = make_engine(on=hooks.on, max_interruptions=1)
    workflow = Workflow("w").step("a", die)
    with pytest.raises(Death):
        engine.execute(workflow, {}, id="x")
    clock.advance(60)
    engine.resume(workflow, "x")
    assert "workflow_error" in [call[0] for call in hooks.calls]
