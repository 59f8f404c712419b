"""The control function: commands of Cloud Tasks, of Cloud Scheduler, of a person."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from clouds.shop import order_id

from flux_core import App, RunStatus, StoreError, Workflow
from flux_core.storage import MemoryStorage

if TYPE_CHECKING:
    from clouds.shop import Shop
    from gcp.fronts import Answer, Front

TASK = {"X-CloudTasks-TaskName": "f00-o_1", "X-CloudTasks-QueueName": "flux-wakes"}
SCHEDULED = {
    "X-CloudScheduler": "true",
    "X-CloudScheduler-JobName": "flux-tick",
    "User-Agent": "Google-Cloud-Scheduler",
}


def ask(front: Front, app: Any, action: str, headers: dict[str, str] | None = None, **fields: Any) -> Answer:
    """Send a command."""
    return front.post(front.control(app), {"flux": {"action": action, **fields}}, headers)


def waiting(shop: Shop, front: Front) -> App:
    """Return an app in which order `o_1` waits for its approval."""
    app = shop.approvals()
    front.post(front.http(app, key=order_id), {"order_id": "o_1"})
    return app


class Refusing(MemoryStorage):
    """A store that answers nothing."""

    def load(self, run_id: str) -> Any:
        """Fail."""
        raise StoreError("the database is down")


def test_cloud_scheduler_ticks(shop: Shop, front: Front) -> None:
    """A tick goes on with what is due, and answers its report."""
    app = shop.app()
    app.start("order", {"order_id": "o_1"})
    answer = ask(front, app, "tick", SCHEDULED)

    others = {"suspended": 0, "failed": 0, "skipped": 0, "handed": 0}
    assert (answer.status, answer.document) == (200, {"due": 1, "claimed": 1, "completed": 1} | others)


def test_a_task_wakes_a_run(shop: Shop, front: Front) -> None:
    """The waker's message goes on with a run that is due."""
    app = shop.app()
    run_id = app.start("order", {"order_id": "o_1"}).id
    answer = ask(front, app, "wake", TASK, id=run_id)

    assert answer.status == 200
    assert shop.charged == ["o_1"]


def test_a_task_that_can_never_be_obeyed_is_done(
    shop: Shop, front: Front, caplog: pytest.LogCaptureFixture
) -> None:
    """Cloud Tasks would send it again for days; the log says why nothing was done."""
    with caplog.at_level(logging.WARNING, "flux"):
        answer = ask(front, shop.app(), "resume", TASK, id="nobody")

    assert answer.status == 200
    assert "task f00-o_1 is acknowledged, and nothing done: RunNotFound" in caplog.text


@pytest.mark.parametrize(
    ("method", "body", "why"),
    [
        ("POST", b"tick", "the body is not JSON"),
        ("POST", b"", "there is no body"),
        ("GET", b"", "GET commands nothing"),
        ("PUT", b'{"flux": {"action": "tick"}}', "PUT commands nothing"),
    ],
)
def test_a_task_that_is_no_command_is_done(
    shop: Shop, front: Front, caplog: pytest.LogCaptureFixture, method: str, body: bytes, why: str
) -> None:
    """It will not be one at its next delivery either; the log says what it is."""
    with caplog.at_level(logging.WARNING, "flux"):
        answer = front.post(front.control(shop.app()), body, TASK, method=method)

    assert (answer.status, answer.document) == (200, {"task": "f00-o_1"})
    assert f"task f00-o_1 is acknowledged, and nothing done: {why}" in caplog.text


def test_a_task_that_may_be_obeyed_later_comes_again(front: Front, caplog: pytest.LogCaptureFixture) -> None:
    """A store that is down is no reason to forget a wake-up."""
    app = App([Workflow("order").step("nothing", lambda ctx: None)], Refusing())
    with caplog.at_level(logging.WARNING, "flux"):
        answer = ask(front, app, "wake", TASK, id="o_1")

    assert (answer.status, answer.document["code"]) == (500, "UNDONE")
    assert "task f00-o_1 is to come again: StoreError" in caplog.text


def test_a_person_steers_a_run(shop: Shop, front: Front) -> None:
    """A command of a person is answered as it is to the command line."""
    app = waiting(shop, front)
    answer = ask(front, app, "signal", id="o_1", name="approved")

    assert (answer.status, answer.document["status"]) == (200, "completed")
    run = app.get("o_1")
    assert run is not None
    assert run.status is RunStatus.COMPLETED


@pytest.mark.parametrize(
    ("command", "status", "code"),
    [
        ({"action": "show", "id": "nobody"}, 404, "RUN_NOT_FOUND"),
        ({"action": "dance"}, 422, "INVALID_INPUT"),
        ({"action": "show"}, 422, "INVALID_INPUT"),
        ("tick", 422, "INVALID_INPUT"),
    ],
)
def test_a_person_is_told_what_is_wrong(
    shop: Shop, front: Front, command: object, status: int, code: str
) -> None:
    """A command that cannot be obeyed is a problem document, with a status that says whose."""
    answer = front.post(front.control(shop.app()), {"flux": command})

    assert (answer.status, answer.document["code"]) == (status, code)


@pytest.mark.parametrize(
    "body", [{}, [], {"flux": {"action": "tick"}, "order_id": "o_1"}, {"action": "tick"}]
)
def test_what_is_no_command_is_refused(shop: Shop, front: Front, body: object) -> None:
    """A body with anything beside the command is taken for none."""
    answer = front.post(front.control(shop.app()), body)

    assert (answer.status, answer.document["path"]) == (422, "flux")


def test_a_body_that_is_not_json_is_refused(shop: Shop, front: Front) -> None:
    """It is told what it is not."""
    answer = front.post(front.control(shop.app()), b"tick")

    assert (answer.status, answer.document["code"]) == (400, "MALFORMED_BODY")


def test_a_get_is_refused(shop: Shop, front: Front) -> None:
    """A browser that comes by commands nothing."""
    answer = front.post(front.control(shop.app()), b"", method="GET")

    assert (answer.status, answer.headers["Allow"]) == (405, "POST")


def test_a_run_that_is_busy_is_a_conflict_to_a_person(front: Front) -> None:
    """Whoever asks while another worker holds the run is told when to ask again."""
    answers: list[Answer] = []

    def interfere(ctx: Any) -> None:
        with ThreadPoolExecutor(1) as pool:
            answers.append(pool.submit(ask, front, app, "resume", id="o_1").result())

    app = App([Workflow("order").step("interfere", interfere)], MemoryStorage())
    app.execute("order", {}, id="o_1")

    assert (answers[0].status, answers[0].document["code"]) == (409, "RUN_BUSY")
    assert int(answers[0].headers["Retry-After"]) > 1


def test_of_several_workflows_a_command_names_one(front: Front) -> None:
    """A function that serves several takes the workflow of a new run from the command."""
    two = [Workflow(name).step("nothing", lambda ctx: None) for name in ("order", "return")]
    app = App(two, MemoryStorage())
    named = ask(front, app, "run", workflow="return", input={}, id="r_1")
    unnamed = ask(front, app, "run", input={}, id="r_2")

    assert (named.status, unnamed.status) == (200, 422)
    assert unnamed.document["path"] == "flux.workflow"


def test_one_workflow_needs_no_app(front: Front) -> None:
    """A workflow alone is served as an app of that one."""
    answer = ask(front, Workflow("order").step("nothing", lambda ctx: None), "dance")

    assert answer.status == 422
