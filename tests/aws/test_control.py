"""The control plane: what a direct invocation can ask for beside an order."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from aws import events
from clouds.shop import Order, Progress, order_id

import flux_aws
from flux_core import (
    App,
    Conflict,
    Fatal,
    InvalidInput,
    NotRetryable,
    RunEnded,
    RunNotFound,
    SignalNotExpected,
    UnknownWorkflow,
    Workflow,
)
from flux_core.storage import MemoryStorage

if TYPE_CHECKING:
    from collections.abc import Callable

    from clouds.shop import Shop

    Handler = Callable[[Any, Any], Any]


def ask(handler: Handler, action: str, run_id: str | None = "o_1", **fields: Any) -> Any:
    """Send a command, as JSON, and return the answer, which must be JSON as well."""
    event = {"flux": {"action": action, **({"id": run_id} if run_id else {}), **fields}}
    return json.loads(json.dumps(handler(json.loads(json.dumps(event)), events.Context())))


def waiting(shop: Shop, **options: Any) -> tuple[App, Handler]:
    """Return an app in which order `o_1` waits for its approval, and the handler."""
    app = shop.approvals(**options)
    handler = flux_aws.handler(app, key=order_id)
    handler({"order_id": "o_1"}, events.Context())
    return app, handler


def test_tick_goes_on_with_what_is_due(shop: Shop) -> None:
    """A tick runs what was started, and answers its report."""
    app = shop.app()
    app.start("order", {"order_id": "o_1"})
    report = ask(flux_aws.handler(app), "tick", None)

    others = {"suspended": 0, "failed": 0, "skipped": 0, "handed": 0}
    assert report == {"due": 1, "claimed": 1, "completed": 1} | others


def test_resume_goes_on_with_a_run(shop: Shop) -> None:
    """A run is resumed by its id."""
    app = shop.app()
    app.start("order", {"order_id": "o_1"}, id="o_1")

    assert ask(flux_aws.handler(app), "resume")["status"] == "completed"


@pytest.mark.parametrize(
    ("action", "fields"),
    [
        ("resume", {}),
        ("retry", {"step": "charge"}),
        ("signal", {"name": "approved"}),
        ("cancel", {}),
        ("resolve", {"step": "charge"}),
    ],
)
def test_a_workflow_that_is_named_is_the_runs_own(shop: Shop, action: str, fields: dict[str, Any]) -> None:
    """`workflow` says of which workflow the run is; a run of another one is not touched."""
    app = App([shop.order, Workflow("other").step("step", lambda ctx: 1)], MemoryStorage())
    app.start("other", {}, id="o_1")
    handler = flux_aws.handler(app, workflow="order")

    with pytest.raises(RunNotFound, match="one of workflow 'other', not of 'order'"):
        ask(handler, action, **fields, workflow="order")
    with pytest.raises(UnknownWorkflow, match="no workflow 'third'"):
        ask(handler, action, **fields, workflow="third")


def test_a_run_is_of_its_own_workflow(shop: Shop) -> None:
    """Without a word about the workflow, the store says which it is; the handler's own is no matter."""
    app = App([shop.order, Workflow("other").step("step", lambda ctx: 1)], MemoryStorage())
    app.start("other", {}, id="o_1")

    assert ask(flux_aws.handler(app, workflow="order"), "resume")["status"] == "completed"


def test_a_run_of_no_workflow_is_not_found(shop: Shop) -> None:
    """A run whose workflow nobody says, and that is not stored, is none."""
    app = App([shop.order, Workflow("other").step("step", lambda ctx: 1)], MemoryStorage())

    with pytest.raises(RunNotFound, match="no run 'o_1'"):
        ask(flux_aws.handler(app, workflow="order"), "resume")


def test_a_run_of_another_workflow_is_resumed_by_its_name(shop: Shop) -> None:
    """One function serves every workflow of the app."""
    app = App([shop.order, Workflow("other").step("step", lambda ctx: 1)], MemoryStorage())
    app.start("other", {}, id="o_1")

    assert ask(flux_aws.handler(app, workflow="order"), "resume", workflow="other")["status"] == "completed"


@pytest.mark.parametrize("step", [{}, {"step": "charge"}])
def test_retry_goes_back_to_a_step(shop: Shop, step: dict[str, str]) -> None:
    """A failed run is retried from the step that is named, or from the one that failed."""
    handler = flux_aws.handler(shop.app(), key=order_id)
    shop.declined["o_1"] = Fatal("no such card")
    handler({"order_id": "o_1"}, None)
    shop.declined.clear()

    assert ask(handler, "retry", **step)["status"] == "completed"


def test_retry_goes_on_with_a_rollback_that_failed(shop: Shop) -> None:
    """What failed is the compensation, so that is what is tried again."""
    _, handler = waiting(shop)
    shop.declined = {"ship o_1": Fatal("no such street"), "refund o_1": ConnectionError("payment service")}
    failed = ask(handler, "signal", name="approved")
    del shop.declined["refund o_1"]
    with pytest.raises(Conflict, match="has changed since revision 1"):
        ask(handler, "retry", revision=1)
    retried = ask(handler, "retry")

    assert (failed["status"], retried["status"], shop.refunded) == (
        "compensation_failed",
        "rolled_back",
        ["o_1"],
    )
    assert retried["error"]["message"] == "no such street"


def test_retry_needs_a_failed_step(shop: Shop) -> None:
    """A run in which nothing failed is not retried unless a step is named."""
    handler = flux_aws.handler(shop.app(), key=order_id)
    handler({"order_id": "o_1"}, None)

    with pytest.raises(NotRetryable, match="'o_1' is completed and has no failed step"):
        ask(handler, "retry")


def test_retry_needs_a_run(shop: Shop) -> None:
    """A run that is not there cannot be retried."""
    with pytest.raises(RunNotFound, match="no run 'o_1'"):
        ask(flux_aws.handler(shop.app()), "retry")


def test_a_signal_goes_on_with_the_run(shop: Shop) -> None:
    """The payload is what the wait leaves, and the answer is where the run stands then."""
    app, handler = waiting(shop)
    answer = ask(handler, "signal", name="approved", payload={"by": "Ada"})

    run = app.get("o_1")
    assert run is not None
    assert answer == {"status": "completed", "id": "o_1", "data": {"payment_id": "pay-o_1"}}
    assert run.history[1].output == {"by": "Ada"}


def test_a_signal_without_a_payload_is_one(shop: Shop) -> None:
    """What the wait leaves is null then."""
    app, handler = waiting(shop)
    ask(handler, "signal", name="approved")

    run = app.get("o_1")
    assert run is not None
    assert (run.status, run.history[1].output) == ("completed", None)


def test_a_signal_may_be_left_to_the_next_tick(shop: Shop) -> None:
    """With `run` false it is put into the inbox, and no more."""
    _, handler = waiting(shop)
    answer = ask(handler, "signal", name="approved", run=False)

    assert answer["status"] == "suspended"
    assert ask(handler, "tick", None)["completed"] == 1


def test_a_signal_that_is_sent_twice_is_one(shop: Shop) -> None:
    """The `signal_id` tells a repetition from another signal."""
    app, handler = waiting(shop)
    for _ in range(2):
        ask(handler, "signal", name="seen", signal_id="s-1", run=False)

    run = app.get("o_1")
    assert run is not None
    assert run.inbox == ("signal seen",)


def test_a_signal_to_a_run_that_has_ended_is_an_exception(shop: Shop) -> None:
    """No wait will take it."""
    handler = flux_aws.handler(shop.app(), key=order_id)
    handler({"order_id": "o_1"}, None)

    with pytest.raises(SignalNotExpected):
        ask(handler, "signal", name="approved")


@pytest.mark.parametrize(
    ("fields", "status", "refunded"),
    [
        ({}, "cancelled", []),
        ({"compensate": False}, "cancelled", []),
        ({"compensate": True}, "rolled_back", ["o_1"]),
    ],
)
def test_cancel_ends_a_run(shop: Shop, fields: dict[str, Any], status: str, refunded: list[str]) -> None:
    """With `compensate` true what was done is taken back first."""
    _, handler = waiting(shop)

    assert (ask(handler, "cancel", **fields)["status"], shop.refunded) == (status, refunded)


def test_a_run_that_has_ended_is_not_cancelled(shop: Shop) -> None:
    """There is nothing to cancel."""
    _, handler = waiting(shop)
    ask(handler, "cancel")

    with pytest.raises(RunEnded):
        ask(handler, "cancel")


def test_pause_has_a_run_stand_still_until_it_is_resumed(shop: Shop) -> None:
    """A signal that comes meanwhile is kept."""
    _, handler = waiting(shop)
    paused = ask(handler, "pause")
    signalled = ask(handler, "signal", name="approved")

    assert paused == {"status": "paused", "id": "o_1", "data": {"payment_id": "pay-o_1"}}
    assert (signalled["status"], ask(handler, "resume")["status"]) == ("paused", "completed")


def test_a_rollback_that_is_paused_is_answered_with_its_error(shop: Shop) -> None:
    """The answer says what the run is rolled back for, without a traceback."""
    slow = Workflow("slow", input=Order, data=Progress)
    start = slow.commit("charge", shop.charge, compensate=shop.refund, retries=1)
    app = App([start.step("fail", lambda ctx: 1 / 0)], MemoryStorage(), max_inline_wait=0)
    handler = flux_aws.handler(app, key=order_id)
    shop.declined["refund o_1"] = ConnectionError("payment service")
    resting = handler({"order_id": "o_1"}, events.Context())
    paused = ask(handler, "pause")

    assert (resting["status"], paused["status"]) == ("rolling_back", "paused")
    assert paused["error"] == {
        "type": "ZeroDivisionError",
        "message": "division by zero",
        "code": "STEP_FAILED",
        "retryable": True,
    }


def test_resolve_says_that_a_commit_did_happen() -> None:
    """The run goes on behind it, with the output that is given."""
    app = App([Workflow("ship").commit("ship", lambda ctx: 1 / 0)], MemoryStorage())
    handler = flux_aws.handler(app, key=order_id)
    handler({"order_id": "o_1"}, None)
    answer = ask(handler, "resolve", step="ship", output="sent")

    run = app.get("o_1")
    assert run is not None
    assert (answer["status"], run.history[0].output) == ("completed", "sent")


def test_a_resolved_run_may_be_left_to_the_next_tick() -> None:
    """With `run` false it is only told."""
    app = App([Workflow("ship").commit("ship", lambda ctx: 1 / 0)], MemoryStorage())
    handler = flux_aws.handler(app, key=order_id)
    handler({"order_id": "o_1"}, None)

    assert ask(handler, "resolve", step="ship", run=False)["status"] == "failed"
    assert ask(handler, "tick", None)["completed"] == 1


def test_a_run_that_has_not_failed_is_not_resolved(shop: Shop) -> None:
    """There is nothing to say of its commits."""
    _, handler = waiting(shop)

    with pytest.raises(NotRetryable):
        ask(handler, "resolve", step="charge")


def test_a_command_goes_on_within_the_time_of_its_invocation(shop: Shop) -> None:
    """What the invocation has no time for is left suspended."""
    _, handler = waiting(shop)
    event = {"flux": {"action": "signal", "id": "o_1", "name": "approved"}}
    began = time.monotonic()

    assert handler(event, events.Context(remaining=0.1))["status"] == "suspended"
    assert time.monotonic() - began < 1


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (
            {"action": "explode"},
            "action: expected one of tick, wake, run, start, resume, retry, .*, delete; got 'explode'",
        ),
        ({"action": ["tick"]}, "action: expected one of"),
        ({}, "action: expected one of"),
        ("tick", ": expected an object"),
        (None, ": expected an object"),
        ({"action": "tick", "id": "o_1"}, "id: unknown field; tick takes limit"),
        ({"action": "tick", "limit": 0}, "limit: expected an int of at least 1, got 0"),
        ({"action": "tick", "limit": True}, "limit: expected an int of at least 1, got True"),
        ({"action": "wake"}, "id: expected a str, got None"),
        ({"action": "run", "workflow": "approval"}, "input: expected the workflow's input, got none"),
        ({"action": "start", "input": {}, "workflow": 7}, "workflow: expected a str, got 7"),
        ({"action": "start", "input": {}, "tags": "eu"}, "tags: expected a list of str, got 'eu'"),
        ({"action": "start", "input": {}, "tags": [7]}, "tags: expected a list of str"),
        ({"action": "retry", "id": "o_1", "redo_commits": "yes"}, "redo_commits: expected true or false"),
        ({"action": "show"}, "id: expected a str, got None"),
        ({"action": "delete"}, "id: expected a str, got None"),
        ({"action": "list", "status": 7}, "status: expected a str, got 7"),
        ({"action": "list", "status": [7]}, "status: expected a list of str"),
        ({"action": "list", "since": "yesterday"}, "since: expected Unix seconds, or ISO 8601"),
        ({"action": "list", "since": "2026-01-31T12:00:00"}, "since: expected Unix seconds, or ISO 8601"),
        (
            {"action": "list", "until": True},
            "until: expected Unix seconds, or ISO 8601 with a time zone as in .*; got True",
        ),
        ({"action": "list", "limit": "ten"}, "limit: expected an int of at least 1, got 'ten'"),
        ({"action": "resume"}, "id: expected a str, got None"),
        ({"action": "resume", "id": "o_1", "workflow": ["order"]}, "workflow: expected a str"),
        (
            {"action": "resume", "id": "o_1", "step": "charge"},
            "step: unknown field; resume takes id, workflow",
        ),
        ({"action": "retry", "id": 7}, "id: expected a str, got 7"),
        ({"action": "retry", "id": "o_1", "step": 7}, "step: expected a str"),
        ({"action": "signal", "name": "approved"}, "id: expected a str"),
        ({"action": "signal", "id": "o_1"}, "name: expected a str, got None"),
        ({"action": "signal", "id": "o_1", "name": 7}, "name: expected a str, got 7"),
        ({"action": "signal", "id": "o_1", "name": "approved", "signal_id": 7}, "signal_id: expected a str"),
        ({"action": "signal", "id": "o_1", "name": "approved", "run": "no"}, "run: expected true or false"),
        (
            {"action": "signal", "id": "o_1", "name": "approved", "value": 1},
            "value: unknown field; signal takes",
        ),
        ({"action": "cancel"}, "id: expected a str"),
        ({"action": "cancel", "id": "o_1", "compensate": 1}, "compensate: expected true or false, got 1"),
        ({"action": "cancel", "id": "o_1", "compensat": True}, "compensat: unknown field; cancel takes"),
        ({"action": "pause"}, "id: expected a str"),
        ({"action": "pause", "id": "o_1", "run": True}, "run: unknown field; pause takes id"),
        ({"action": "resolve", "id": "o_1"}, "step: expected a str"),
        ({"action": "resolve", "id": "o_1", "step": "charge", "run": None}, "run: expected true or false"),
    ],
)
def test_a_command_that_is_none_is_refused(shop: Shop, command: object, message: str) -> None:
    """What the control plane cannot do, it says, and does nothing: a field with a slip in its name counts too."""
    app, handler = waiting(shop)
    before = app.get("o_1")
    with pytest.raises(InvalidInput, match=rf"^flux\.?{message}"):
        handler({"flux": command}, None)

    assert app.get("o_1") == before
