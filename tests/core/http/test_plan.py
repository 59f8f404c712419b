"""What a retry would do is what it does."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from core.http.asking import Got, Respond, Sent, by, router
from core.http.shop_of_runs import AS_OPERATOR, shop
from hypothesis import given, settings
from hypothesis import strategies as st

from flux_core import App, Context, NotRetryable, Workflow
from flux_core._http.plan import rollback_plan
from flux_core.storage import MemoryStorage

Ctx = Context[dict[str, Any], dict[str, Any]]


def plan(respond: Respond, run_id: str, query: str = "") -> Got:
    """Ask what a retry would do."""
    return respond(Sent("GET", f"/runs/{run_id}/plan", query, AS_OPERATOR))


def planned(step: str, again: str, kept: str, next_: str, *, rollback: bool = False) -> dict[str, Any]:
    """Return a plan as it is answered; names stand between blanks."""
    lists = {"again": again.split(), "kept": kept.split(), "next": next_.split()}
    return {"step": step, **lists, "rollback": rollback}


@pytest.mark.parametrize(
    ("run_id", "query", "expected"),
    [
        ("failed", "", planned("check", "check", "", "charge approved pack ship")),
        ("interrupted", "", planned("send", "send", "", "")),
        ("interrupted", "step=read", planned("read", "read send", "", "")),
        ("completed", "step=check", planned("check", "check ship", "charge", "approved pack")),
        ("completed", "step=approved", planned("approved", "ship", "", "approved pack")),
        (
            "completed",
            "step=check&redo_commits=true",
            planned("check", "check charge ship", "", "approved pack"),
        ),
        (
            "completed",
            "step=charge&redo_commits=true",
            planned("charge", "charge ship", "", "approved pack"),
        ),
        ("compensation-failed", "", planned("charge", "charge", "", "", rollback=True)),
    ],
)
def test_a_retry_is_planned(run_id: str, query: str, expected: dict[str, Any]) -> None:
    """What runs again, which commits are kept, and what may come next; without a step, from what failed."""
    with shop() as app:
        got = plan(by(router(app)), run_id, query)
    assert (got.status, got.json) == (200, expected)


@pytest.mark.parametrize(
    ("run_id", "query", "status", "code"),
    [
        ("none", "", 404, "RUN_NOT_FOUND"),
        ("failed", "step=none", 404, "STEP_NOT_FOUND"),
        ("failed", "step=ship", 409, "NOT_RETRYABLE"),
        ("completed", "", 409, "NOT_RETRYABLE"),
        ("completed", "step=charge", 409, "NOT_RETRYABLE"),
        ("waiting", "", 409, "NOT_RETRYABLE"),
        ("waiting", "step=check", 409, "NOT_RETRYABLE"),
        ("rolled-back", "step=check", 409, "NOT_RETRYABLE"),
        ("compensation-failed", "step=check", 409, "NOT_RETRYABLE"),
        ("compensation-failed", "redo_commits=true", 409, "NOT_RETRYABLE"),
        ("failed", "redo_commits=1", 422, "INVALID_INPUT"),
    ],
)
def test_what_cannot_be_retried_is_not_planned(run_id: str, query: str, status: int, code: str) -> None:
    """It is refused as the retry itself is."""
    with shop() as app:
        got = plan(by(router(app)), run_id, query)
    assert (got.status, got.json["code"]) == (status, code)


@pytest.mark.parametrize(
    ("run_id", "body"),
    [
        ("failed", {"step": "none"}),
        ("failed", {"step": "ship"}),
        ("completed", {}),
        ("completed", {"step": "charge"}),
        ("waiting", {"step": "check"}),
        ("rolled-back", {"step": "check"}),
        ("compensation-failed", {"step": "check"}),
        ("compensation-failed", {"redo_commits": True}),
    ],
)
def test_a_plan_is_refused_in_the_words_of_the_retry(run_id: str, body: dict[str, Any]) -> None:
    """One set of rules says both what is wrong and what to do."""
    with shop() as app:
        respond = by(router(app))
        got = plan(respond, run_id, urlencode(body).lower())
        done = respond(Sent("POST", f"/runs/{run_id}/retry", "", AS_OPERATOR, json.dumps(body).encode()))
    assert got.json == done.json


def test_the_version_of_the_run_counts() -> None:
    """A run goes on under the definition that it was started with."""
    old = Workflow("w", version="1").step("a", lambda ctx: 1).step("b", lambda ctx: 1)
    new = Workflow("w", version="2").step("z", lambda ctx: 1)
    storage = MemoryStorage()
    App([old], storage).execute("w", {}, id="x")
    got = plan(by(router(App([old, new], storage))), "x", "step=b")
    assert got.json == planned("b", "b", "", "")
    got = plan(by(router(App([new], storage))), "x", "step=z")
    assert (got.status, got.json["code"]) == (409, "DEFINITION_CHANGED")


@pytest.mark.parametrize("kind", ["step", None])
def test_a_kept_commit_has_to_be_there(kind: str | None) -> None:
    """Under another name, or as a step, it would run again: the plan is refused as the retry is, unless it may."""

    def fail(ctx: Ctx) -> None:
        raise ValueError

    storage = MemoryStorage()
    old = Workflow("w").step("a", lambda ctx: 1).commit("c", lambda ctx: 1).step("f", fail)
    App([old], storage).execute("w", {}, id="x")
    new = Workflow("w").step("a", lambda ctx: 1)
    respond = by(
        router(App([(new if kind is None else new.step("c", lambda ctx: 1)).step("f", fail)], storage))
    )
    got = plan(respond, "x", "step=a")
    done = respond(Sent("POST", "/runs/x/retry", "", AS_OPERATOR, b'{"step": "a"}'))
    assert got.json == done.json
    assert (got.status, got.json["code"]) == (409, "DEFINITION_CHANGED")
    assert plan(respond, "x", "step=a&redo_commits=true").status == 200


def test_what_has_not_ended_is_told_so() -> None:
    """Not to name a step, which would be refused too; by the plan as by the retry."""
    with shop() as app:
        respond = by(router(app))
        done = respond(Sent("POST", "/runs/waiting/retry", "", AS_OPERATOR))
        for got in (plan(respond, "waiting"), done):
            assert "it has not ended; go on with it by resume" in got.json["detail"]


def test_without_a_definition_the_history_counts() -> None:
    """What the run has done is known, what would have come next is not."""
    storage = MemoryStorage()
    shop(storage)
    respond = by(router(App([Workflow("w").step("a", lambda ctx: 1)], storage)))
    assert plan(respond, "failed").json == planned("check", "check", "", "")
    got = plan(respond, "compensation-failed").json
    assert got == planned("charge", "charge", "", "", rollback=True)


def test_a_rollback_goes_on_backwards() -> None:
    """Nodes whose compensation has run are kept, those before the failed one are next."""

    def fail(ctx: Ctx) -> None:
        raise ValueError

    flow = Workflow("w").commit("a", lambda ctx: 1, compensate=lambda ctx: None).step("b", lambda ctx: 1)
    flow = flow.commit("c", lambda ctx: 1, compensate=fail)
    flow = flow.commit("d", lambda ctx: 1, compensate=lambda ctx: None).step("e", fail)
    with App([flow]) as app:
        app.execute("w", {}, id="x")
        assert plan(by(router(app)), "x").json == planned("c", "c", "d", "a", rollback=True)


def test_a_rollback_of_which_nothing_is_known() -> None:
    """A run that was read from a trace may not say which compensation has failed."""
    with shop() as app:
        run = app.get("compensation-failed")
        assert run is not None
        with pytest.raises(NotRetryable, match="nothing shows which compensation has failed"):
            rollback_plan(run._replace(compensations=()), None)


NAMES = "abcde"


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(
    kinds=st.lists(st.sampled_from(["step", "commit"]), min_size=5, max_size=5),
    fails=st.lists(st.sampled_from([*NAMES, ""]), max_size=3),
    backs=st.lists(st.sampled_from(NAMES), max_size=3),
    step=st.sampled_from(NAMES),
    redo=st.booleans(),
)
def test_what_was_planned_is_done(
    kinds: list[str], fails: list[str], backs: list[str], step: str, *, redo: bool
) -> None:
    """After any failures and retries: what is to run again runs, what is kept does not, nor anything else."""
    calls: list[str] = []
    failing = [""]

    def work(ctx: Ctx) -> str:
        calls.append(ctx.step)
        if ctx.step == failing[0]:
            raise ValueError
        return f"{ctx.step} {len(calls)}"

    flow: Workflow[Any, Any] = Workflow("w")
    for name, kind in zip(NAMES, kinds, strict=True):
        flow = flow.step(name, work) if kind == "step" else flow.commit(name, work)
    with App([flow], MemoryStorage()) as app:
        respond = by(router(app))
        failing[0] = next(iter(fails), "")
        app.execute("w", {}, id="x")
        for fail, back in zip([*fails[1:], "", ""], backs, strict=False):
            failing[0] = fail
            respond(Sent("POST", "/runs/x/retry", "", AS_OPERATOR, f'{{"step": "{back}"}}'.encode()))
        failing[0] = ""
        calls.clear()
        before = app.get("x")
        got = plan(respond, "x", f"step={step}&redo_commits={str(redo).lower()}")
        body = f'{{"step": "{step}", "redo_commits": {str(redo).lower()}}}'.encode()
        done = respond(Sent("POST", "/runs/x/retry", "", AS_OPERATOR, body))
        after = app.get("x")
        assert (got.status, got.json.get("code")) == (done.status, done.json.get("code"))
        if got.status == 200:
            assert after is not None
            assert before is not None
            assert calls == sorted(got.json["again"] + got.json["next"])
            assert sorted(got.json["again"] + got.json["next"] + got.json["kept"]) == list(
                NAMES[NAMES.index(step) :]
            )
