"""Runs as JSON: what the command line, the control plane and the viewer show."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from flux_core import Context, Fatal, Workflow

if TYPE_CHECKING:
    from core.conftest import AnyEngine

Ctx = Context[Any, Any]


def pay(ctx: Ctx) -> str:
    """Take the money."""
    ctx.data["paid"] = True
    return "p1"


def refuse(ctx: Ctx) -> None:
    """Fail for good."""
    raise Fatal("no")


def test_a_completed_run_is_shown_whole(engine: AnyEngine) -> None:
    """What came in, what came of each step, what it changed."""
    engine.execute(Workflow("w", data=dict).commit("pay", pay), {"order": "o-1"}, id="x", tags=["vip"])
    shown = engine.run("x").to_dict()
    assert json.loads(json.dumps(shown)) == shown
    assert (shown["input"], shown["initial"], shown["data"]) == ({"order": "o-1"}, {}, {"paid": True})
    assert shown["results"] == {"pay": "p1"}
    assert shown["history"][0]["changes"] == {"paid": True}
    assert (shown["tags"], shown["error"], shown["inbox"]) == (["vip"], None, [])


def test_times_are_iso_8601_in_utc(engine: AnyEngine) -> None:
    """To the microsecond; a moment that is not there is null."""
    engine.execute(Workflow("w").sleep("a", 60), {}, id="x")
    shown = engine.run("x").summary()
    assert shown["waits_until"] == shown["wake_at"]
    assert shown["created_at"].endswith("Z")
    assert len(shown["created_at"]) == len("2026-01-01T00:00:00.000000Z")
    assert shown["expires_at"] is None


def test_a_run_in_short_is_the_beginning_of_a_whole_one(engine: AnyEngine) -> None:
    """A list shows less, and nothing else."""
    engine.execute(Workflow("w").commit("pay", pay), {}, id="x")
    run = engine.run("x")
    assert run.summary().items() <= run.to_dict().items()
    assert (run.summary()["step"], run.summary()["attempts"]) == ("pay", 1)


def test_a_run_that_has_not_begun_stands_at_no_step(engine: AnyEngine) -> None:
    """Nobody has tried anything yet."""
    engine.start(Workflow("w").step("a", pay), {}, id="x")
    shown = engine.run("x").summary()
    assert (shown["status"], shown["step"], shown["attempts"]) == ("pending", None, 0)


def test_a_traceback_is_only_shown_to_who_asks(engine: AnyEngine) -> None:
    """It says more of the code than a client is to know."""
    engine.execute(Workflow("w").step("a", refuse), {}, id="x")
    run = engine.run("x")
    assert run.to_dict()["error"] == {
        "type": "Fatal",
        "message": "no",
        "code": "FATAL",
        "retryable": False,
    }
    assert "traceback" not in run.to_dict()["history"][0]["error"]
    told = run.to_dict(traceback=True)
    assert "refuse" in told["error"]["traceback"]
    assert "refuse" in told["history"][0]["error"]["traceback"]


def test_a_page_carries_the_cursor_of_the_next(engine: AnyEngine) -> None:
    """Runs in short, and where to go on."""
    for name in ("x", "y"):
        engine.start(Workflow("w").step("a", pay), {}, id=name)
    first = engine.list(limit=1)
    last = engine.list(limit=1, cursor=first.cursor)
    assert first.to_dict() == {"runs": [run.summary() for run in first], "cursor": first.cursor}
    assert last.to_dict()["cursor"] is None


def test_a_moment_that_has_no_date_is_the_last_that_has_one(engine: AnyEngine) -> None:
    """A sleep may last longer than calendars do; it is shown all the same."""
    engine.execute(Workflow("w").sleep("a", 1e12), {}, id="x")
    assert engine.run("x").summary()["waits_until"] == "9999-12-31T23:59:59.000000Z"
