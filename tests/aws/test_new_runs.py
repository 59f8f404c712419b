"""The control plane makes runs, shows them and removes them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from aws import events

import flux_aws
from flux_core import App, Fatal, InvalidInput, RunNotFound, Workflow
from flux_core.storage import MemoryStorage

if TYPE_CHECKING:
    from clouds.shop import Shop

ONE: Workflow[Any, Any] = Workflow("one").step("step", lambda ctx: 1)
TWO: Workflow[Any, Any] = Workflow("two").step("step", lambda ctx: 2)


def ask(app: App, action: str, **fields: Any) -> Any:
    """Send a command to the function of an app, and return the answer, which must be JSON."""
    function = flux_aws.handler(app, route=lambda event: "one")
    return json.loads(json.dumps(function({"flux": {"action": action, **fields}}, events.Context())))


def test_run_goes_on_until_the_run_ends() -> None:
    """A run is started under its id and its tags, and the answer is how it stands."""
    app = App([ONE, TWO], MemoryStorage())
    answer = ask(app, "run", workflow="two", input={"n": 1}, id="r-1", tags=["eu"])
    run = app.get("r-1")

    assert answer == {"status": "completed", "id": "r-1", "data": {}}
    assert run is not None
    assert (run.workflow, run.input, run.tags) == ("two", {"n": 1}, ("eu",))


def test_start_leaves_the_run_to_a_tick() -> None:
    """A run is saved, and runs when somebody looks at what is due."""
    app = App([ONE, TWO], MemoryStorage())
    answer = ask(app, "start", workflow="two", input={})

    assert answer["status"] == "pending"
    assert ask(app, "tick")["completed"] == 1


def test_a_new_run_needs_its_workflow() -> None:
    """Where the handler has no workflow of its own, nothing else says which is meant."""
    with pytest.raises(InvalidInput, match=r"^flux\.workflow: expected a str, got None"):
        ask(App([ONE, TWO], MemoryStorage()), "run", input={})


def test_a_new_run_is_of_the_handlers_workflow() -> None:
    """A handler that is for one workflow starts that."""
    app = App([ONE, TWO], MemoryStorage())
    flux_aws.handler(app, workflow="two")({"flux": {"action": "run", "input": {}}}, None)

    assert [run.workflow for run in app.list()] == ["two"]


def test_a_tick_has_a_limit() -> None:
    """No more runs than asked for are gone on with."""
    app = App([ONE, TWO], MemoryStorage())
    for _ in range(3):
        app.start("one", {})

    assert ask(app, "tick", limit=2)["claimed"] == 2


def test_retry_redoes_commits_if_told_to(shop: Shop) -> None:
    """A commit that has completed runs again only on purpose."""
    app = shop.app()
    app.execute("order", {"order_id": "o_1"}, id="o_1")
    flux_aws.handler(app)(
        {"flux": {"action": "retry", "id": "o_1", "step": "charge", "redo_commits": True}}, None
    )

    assert shop.charged == ["o_1", "o_1"]


def test_show_tells_a_run_whole(shop: Shop) -> None:
    """The document has the run's history and its error, times in ISO 8601, and no traceback."""
    shop.declined["o_1"] = Fatal("no such card")
    app = shop.app()
    app.execute("order", {"order_id": "o_1"}, id="o_1")
    document = json.loads(json.dumps(flux_aws.handler(app)({"flux": {"action": "show", "id": "o_1"}}, None)))
    (step,) = document["history"]

    assert (document["status"], document["input"]) == ("failed", {"order_id": "o_1"})
    assert (step["name"], step["status"], step["attempts"]) == ("charge", "failed", 1)
    assert document["created_at"].endswith("Z")
    assert document["error"] == step["error"]
    assert document["error"] == {
        "type": "Fatal",
        "message": "no such card",
        "code": "FATAL",
        "retryable": False,
    }


def test_show_needs_a_run(shop: Shop) -> None:
    """A run that is not there cannot be shown."""
    with pytest.raises(RunNotFound, match="no run 'o_1'"):
        flux_aws.handler(shop.app())({"flux": {"action": "show", "id": "o_1"}}, None)


def test_list_gives_pages() -> None:
    """Each page says where the next begins, and the last one that it is the last."""
    app = App([ONE, TWO], MemoryStorage())
    for number in range(3):
        app.execute("one", {}, id=f"r-{number}")
    first = ask(app, "list", limit=2)
    last = ask(app, "list", limit=2, cursor=first["cursor"])

    assert {run["id"] for page in (first, last) for run in page["runs"]} == {"r-0", "r-1", "r-2"}
    assert (len(first["runs"]), last["cursor"]) == (2, None)


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({}, ["done", "new"]),
        ({"workflow": "one"}, ["done"]),
        ({"status": "pending"}, ["new"]),
        ({"status": ["pending", "completed"]}, ["done", "new"]),
        ({"since": 4e9}, []),
        ({"since": "2000-01-01T00:00:00Z"}, ["done", "new"]),
        ({"until": "2000-01-01T00:00:00+01:00"}, []),
    ],
)
def test_list_filters(filters: dict[str, Any], found: list[str]) -> None:
    """Runs are found by workflow, status and the time of their making."""
    app = App([ONE, TWO], MemoryStorage())
    app.execute("one", {}, id="done")
    app.start("two", {}, id="new")

    assert sorted(run["id"] for run in ask(app, "list", **filters)["runs"]) == found


def test_delete_removes_a_run() -> None:
    """A run that nobody holds is gone, and the answer names it."""
    app = App([ONE, TWO], MemoryStorage())
    app.execute("one", {}, id="r-1")

    assert ask(app, "delete", id="r-1") == {"id": "r-1"}
    assert app.get("r-1") is None
