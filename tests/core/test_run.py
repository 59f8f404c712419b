"""Results and runs as callers see them, and errors as runs keep them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from flux_core import Context, ErrorInfo, Fatal, Workflow
from flux_core._events import error_info
from flux_core._views import error_dict

if TYPE_CHECKING:
    from core.conftest import AnyEngine, Clock

Ctx = Context[Any, Any]


def when(ctx: Ctx) -> datetime:
    """Return a moment."""
    return datetime(2026, 1, 2, tzinfo=UTC)


def fail(ctx: Ctx) -> None:
    """Fail."""
    raise ValueError("broken")


def test_a_result_says_what_became_of_the_run(engine: AnyEngine, clock: Clock) -> None:
    """The names are the run's own."""
    workflow = Workflow("w").step("a", lambda ctx: clock.advance(2))
    result = engine.execute(workflow, {}, id="x")
    assert (result.id, result.workflow, result.status, result.error) == ("x", "w", "completed", None)
    assert (result.duration, result.wake_at) == (2.0, None)
    assert repr(result) == "<Result of run 'x': completed>"


def test_a_result_is_json_able(engine: AnyEngine) -> None:
    """Data and results are shown plainly; skipped nodes have none."""
    workflow = (
        Workflow("w")
        .step("a", lambda ctx: ctx.data.update(at=when(ctx)))
        .step("b", when)
        .step("c", when, when=lambda ctx: False)
    )
    result = engine.execute(workflow, {}, id="x")
    assert json.loads(json.dumps(result.to_dict())) == {
        "id": "x",
        "workflow": "w",
        "status": "completed",
        "data": {"at": "2026-01-02T00:00:00+00:00"},
        "results": {"a": None, "b": "2026-01-02T00:00:00+00:00"},
        "duration": 0.0,
        "error": None,
    }


def test_a_failed_result_shows_no_traceback(engine: AnyEngine) -> None:
    """What leaves the store says type, message and code."""
    shown = engine.execute(Workflow("w").step("a", fail), {}).to_dict()
    assert shown["error"] == {
        "type": "ValueError",
        "message": "broken",
        "code": "STEP_FAILED",
        "retryable": True,
    }


def test_the_store_keeps_the_traceback(engine: AnyEngine) -> None:
    """For the developer, who looks at the run."""
    engine.execute(Workflow("w").step("a", fail), {}, id="x")
    error = engine.run("x").error
    assert error is not None
    assert "in fail" in (error.traceback or "")


def test_no_error_is_none() -> None:
    """There is nothing to show."""
    assert error_dict(None) is None


def test_an_error_keeps_its_type_and_code() -> None:
    """Flux's errors have codes of their own."""
    info = error_info(Fatal("no"), retryable=False)
    assert info[:4] == ("Fatal", "no", "FATAL", False)


def test_a_long_message_is_cut() -> None:
    """A run does not grow with what a handler says."""
    info = error_info(ValueError("x" * 1_000_000), retryable=True)
    assert len(info.message) == 2_000
    assert len(info.traceback or "") == 8_000


def test_a_long_traceback_keeps_its_end() -> None:
    """Where the error happened is said last."""

    def deep(levels: int) -> None:
        if levels:
            deep_too(levels - 1)
        raise ValueError("at the bottom")

    def deep_too(levels: int) -> None:
        deep(levels)

    try:
        deep(100)
    except ValueError as error:
        info = error_info(error, retryable=True)
    assert (info.traceback or "").endswith("ValueError: at the bottom\n")


def test_an_error_whose_text_breaks_is_kept_all_the_same(engine: AnyEngine) -> None:
    """An exception that cannot say what it is fails its step like any other."""

    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    def work(ctx: Ctx) -> None:
        raise Mute

    result = engine.execute(Workflow("w").step("a", work), {}, id="x")
    assert result.error is not None
    assert (result.error.type, engine.run("x").status) == ("Mute", "failed")


def test_an_error_may_be_any_text(engine: AnyEngine) -> None:
    """What UTF-8 cannot say survives the store."""

    def work(ctx: Ctx) -> None:
        raise ValueError("\ud800 \x00 é")

    engine.execute(Workflow("w").step("a", work), {}, id="x")
    error = engine.run("x").error
    assert error is not None
    assert error.message == "\ud800 \x00 é"


def test_an_error_has_no_traceback_by_default() -> None:
    """One that was read from elsewhere may lack it."""
    assert ErrorInfo("T", "m", "C", retryable=True).traceback is None
