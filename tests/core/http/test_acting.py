"""Acting on runs over HTTP, and starting others."""

from __future__ import annotations

import json
from threading import Barrier, Thread
from typing import TYPE_CHECKING, Any

import pytest
from core.http.asking import Got, Respond, Sent, by, router
from core.http.shop_of_runs import AS_OPERATOR, ORDER, REPORT, shop

from flux_core import App, Context, LeaseLost, RunStatus, Workflow
from flux_core._http import Access, Router
from flux_core._serving.service import Service
from flux_core.storage import MemoryStorage, SQLiteStorage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Ctx = Context[dict[str, Any], dict[str, Any]]


@pytest.fixture
def app() -> Iterator[App]:
    """Give a shop with runs in every state."""
    with shop() as made:
        yield made


@pytest.fixture
def respond(app: App) -> Respond:
    """Give what sends requests to its API."""
    return by(router(app))


def post(respond: Respond, path: str, body: Any = None, query: str = "", **headers: str) -> Got:
    """Ask for an act; a body that is None is none."""
    sent = b"" if body is None else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return respond(Sent("POST", path, query, AS_OPERATOR | named, sent))


def etag(respond: Respond, run_id: str) -> str:
    """Return the entity tag of a run as it is."""
    return respond(Sent("GET", f"/runs/{run_id}", headers=AS_OPERATOR)).headers["ETag"]


def status(app: App, run_id: str) -> str:
    """Return where a run stands."""
    run = app.get(run_id)
    assert run is not None
    return run.status


def start(respond: Respond, body: Any, query: str = "", **headers: str) -> Got:
    """Start an order."""
    return post(respond, "/workflows/order/runs", body, query, **headers)


def test_a_run_is_started(app: App, respond: Respond) -> None:
    """The answer is what it has come to, and where it is found."""
    got = start(respond, {"order_id": "o-1"}, "tag=a&tag=b", Idempotency_Key="o:1")
    assert (got.status, got.json["status"], got.json["id"]) == (200, "completed", "o:1")
    assert got.json["data"]["payment_id"] == "pay-o-1"
    assert got.headers["Location"] == "../../runs/o:1"
    run = app.get("o:1")
    assert run is not None
    assert run.tags == ("a", "b")


def test_a_run_without_a_key_is_a_new_one(respond: Respond) -> None:
    """Each request is another."""
    assert start(respond, {}).json["id"] != start(respond, {}).json["id"]


def test_a_key_that_is_no_id_is_hashed(respond: Respond) -> None:
    """It names the same run each time."""
    first, second = (start(respond, {}, Idempotency_Key="an order / 7") for _ in range(2))
    assert (first.status, first.json) == (200, second.json)


@pytest.mark.parametrize(
    ("body", "headers", "code", "status"),
    [
        (None, {}, "MALFORMED_BODY", 400),
        ({"order": 1}, {}, "INVALID_INPUT", 422),
        ([], {}, "INVALID_INPUT", 422),
        ({}, {"Idempotency_Key": ""}, "INVALID_ID", 400),
        ({}, {"Idempotency_Key": "waiting"}, "INPUT_MISMATCH", 409),
        ({"at": {"check": "fatal"}}, {}, "FATAL", 422),
        ({"at": {"check": "fail"}}, {}, "STEP_FAILED", 500),
    ],
)
def test_a_run_that_is_not_started_or_fails(
    respond: Respond, body: Any, headers: dict[str, str], code: str, status: int
) -> None:
    """It is answered as every front answers it."""
    got = start(respond, body, **headers)
    assert (got.status, got.json["code"]) == (status, code)


def test_a_workflow_that_is_not_there(respond: Respond) -> None:
    """It is said which there are."""
    got = post(respond, "/workflows/none/runs", {})
    assert (got.status, got.json["code"], "order" in got.json["detail"]) == (404, "UNKNOWN_WORKFLOW", True)


def test_a_run_may_be_started_and_left(app: App, respond: Respond) -> None:
    """With `Prefer: respond-async` the next tick goes on with it."""
    got = start(respond, {}, Idempotency_Key="later", Prefer="wait=5, Respond-Async;x=y")
    assert (got.status, got.json["status"], got.headers["Preference-Applied"]) == (
        202,
        "pending",
        "respond-async",
    )
    assert got.headers["Location"] == "../../runs/later"
    app.tick()
    assert status(app, "later") == "completed"


def test_a_run_that_has_ended_is_not_left(respond: Respond) -> None:
    """Its end is the answer."""
    start(respond, {}, Idempotency_Key="done")
    got = start(respond, {}, Idempotency_Key="done", Prefer="respond-async")
    assert (got.status, got.json["status"], "Preference-Applied" in got.headers) == (200, "completed", False)


@pytest.mark.parametrize(
    ("workflow", "key", "named"),
    [(None, "order_id", "o-1"), (ORDER, "order_id", "o-1"), (REPORT, "order_id", "by-header")],
    ids=["routed", "its own", "another's"],
)
def test_a_run_is_named_by_its_input_where_runs_are(workflow: Any, key: str, named: str) -> None:
    """A key that a front was given names the runs of its workflow here too, and of no other."""
    service = Service.of(
        App([ORDER, REPORT], MemoryStorage()),
        workflow=workflow,
        route=str if workflow is None else None,
        key=lambda order: str(order[key]),
    )
    respond = by(Router(service, access=Access({})), trusted=True)
    assert start(respond, {"order_id": "o-1"}, Idempotency_Key="by-header").json["id"] == named


class Stolen(MemoryStorage):
    """A store in which every lease is lost at the first save."""

    def save(self, *arguments: Any, **options: Any) -> None:
        """Fail."""
        raise LeaseLost("another worker has the run")


class Counting:
    """A sink that counts measurements."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def emit(self, event: Any) -> None:
        """Take no note."""

    def close(self) -> None:
        """Do nothing."""

    def measure(self, name: str, value: float, *, unit: str, workflow: str | None) -> None:
        """Take note."""
        self.names.append(f"{name} of {workflow}")


def test_a_lost_lease_is_counted() -> None:
    """As on every front."""
    sink = Counting()
    with App([ORDER], Stolen(), trace=[sink]) as app:
        got = start(by(router(app)), {})
    assert (got.status, got.json["code"], sink.names) == (409, "LEASE_LOST", ["LeaseLost of order"])


@pytest.mark.parametrize(
    ("path", "body", "stands"),
    [
        ("/runs/waiting/signals/approved", {"by": "me"}, "completed"),
        ("/runs/waiting/signals/approved", None, "completed"),
        ("/runs/waiting/cancel", None, "cancelled"),
        ("/runs/waiting/cancel", {}, "cancelled"),
        ("/runs/waiting/cancel", {"compensate": True}, "rolled_back"),
        ("/runs/waiting/pause", None, "paused"),
        ("/runs/waiting/pause", {}, "paused"),
        ("/runs/paused/resume", None, "completed"),
        ("/runs/pending/resume", None, "completed"),
        ("/runs/failed/retry", None, "failed"),
        ("/runs/failed/retry", {"step": "check"}, "failed"),
        ("/runs/completed/retry", {"step": "charge", "redo_commits": True}, "completed"),
        ("/runs/compensation-failed/retry", None, "compensation_failed"),
        ("/runs/interrupted/resolve", {"step": "send", "output": "sent"}, "completed"),
        ("/runs/interrupted/resolve", {"step": "send", "run": False}, "failed"),
    ],
)
def test_a_run_is_acted_on(app: App, respond: Respond, path: str, body: Any, stands: str) -> None:
    """The answer is how it stands then, with its error if it has one."""
    run_id = path.split("/")[2]
    got = post(respond, path, body)
    assert (got.status, got.json["status"], got.json["id"]) == (200, stands, run_id)
    assert ("error" in got.json) == (
        stands in {"failed", "compensation_failed", "rolled_back"}
    ) or stands == "rolled_back"
    assert status(app, run_id) == stands


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/runs/none/pause", None, 404, "RUN_NOT_FOUND"),
        ("/runs/a%2Fb/pause", None, 400, "INVALID_ID"),
        ("/runs/completed/pause", None, 409, "RUN_ENDED"),
        ("/runs/completed/cancel", None, 409, "RUN_ENDED"),
        ("/runs/completed/retry", None, 409, "NOT_RETRYABLE"),
        ("/runs/completed/retry", {"step": "charge"}, 409, "NOT_RETRYABLE"),
        ("/runs/completed/retry", {"step": "none"}, 404, "STEP_NOT_FOUND"),
        ("/runs/completed/signals/approved", None, 409, "SIGNAL_NOT_EXPECTED"),
        ("/runs/completed/resolve", {"step": "charge", "output": "paid"}, 409, "NOT_RETRYABLE"),
        ("/runs/completed/resolve", {}, 422, "INVALID_INPUT"),
        ("/runs/completed/resolve", None, 400, "MALFORMED_BODY"),
        ("/runs/running/resume", None, 409, "RUN_BUSY"),
    ],
)
def test_an_act_that_is_refused(respond: Respond, path: str, body: Any, status: int, code: str) -> None:
    """Nothing is done, and it is said why."""
    got = post(respond, path, body)
    assert (got.status, got.json["code"]) == (status, code)


def test_who_may_act_is_told_who_is_at_it(respond: Respond) -> None:
    """Until when, and when to come again."""
    got = post(respond, "/runs/running/resume")
    assert "is held by worker" in got.json["detail"]
    assert int(got.headers["Retry-After"]) > 0


def test_a_definition_that_has_changed() -> None:
    """It is a conflict, which names what no longer fits."""
    storage = MemoryStorage()
    shop(storage)
    app = App([Workflow("order").step("measure", lambda ctx: None), REPORT], storage)
    got = post(by(router(app)), "/runs/failed/retry", {"step": "measure"})
    assert (got.status, got.json["code"], "'check'" in got.json["detail"]) == (
        409,
        "DEFINITION_CHANGED",
        True,
    )


def test_a_signal_may_be_left_for_the_next_tick(app: App, respond: Respond) -> None:
    """With `run=false` nobody goes on with the run here."""
    got = post(respond, "/runs/waiting/signals/approved", 1, "run=false")
    assert (got.status, got.json["status"]) == (200, "suspended")
    app.tick()
    assert status(app, "waiting") == "completed"


def test_a_signal_has_an_id(app: App, respond: Respond) -> None:
    """The same id twice is one signal; one that cannot be one is refused."""
    for _ in range(2):
        post(respond, "/runs/sleeping/signals/approved", 1, "run=false", Idempotency_Key="s-1")
    run = app.get("sleeping")
    assert run is not None
    assert run.inbox == ("signal approved",)
    assert post(respond, "/runs/sleeping/signals/approved", 1, Idempotency_Key="\x00").status == 422


def test_a_signal_for_a_run_as_it_was_seen_is_one(app: App, respond: Respond) -> None:
    """However often it arrives before the run has changed for whoever looks; another name is another signal."""
    seen = etag(respond, "sleeping")
    path, pressed = "/runs/sleeping/signals/approved", Barrier(2)

    def press() -> None:
        pressed.wait(10)
        post(respond, path, 1, "run=false", If_Match=seen)

    threads = [Thread(target=press) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    post(respond, "/runs/sleeping/signals/other", 1, "run=false", If_Match=etag(respond, "sleeping"))
    run = app.get("sleeping")
    assert run is not None
    assert run.inbox == ("signal approved", "signal other")


def test_the_id_of_a_signal_that_is_none_is_named(respond: Respond) -> None:
    """As the client called it."""
    got = post(respond, "/runs/sleeping/signals/approved", 1, Idempotency_Key="k" * 200)
    assert (got.status, got.json["path"]) == (422, "Idempotency-Key")
    got = post(respond, "/runs/sleeping/signals/%20", 1)
    assert (got.status, got.json["path"]) == (422, "name")


def test_long_data_is_cut(app: App, respond: Respond) -> None:
    """As that of the run which is shown; it says which, and how long it is."""

    def fill(ctx: Ctx) -> None:
        ctx.data["notes"], ctx.data["card"] = "n" * 100_000, "4111"

    app = App([Workflow("long").step("fill", fill).wait("go")])
    app.execute("long", {}, id="x")
    got = post(by(router(app)), "/runs/x/pause")
    assert (got.json["shortened"], got.json["data"]["card"]) == ({"data.notes": 100_002}, "4111")
    assert len(got.text) < 2000


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("pause", None),
        ("cancel", None),
        ("resume", None),
        ("retry", {"step": "a"}),
        ("signals/s", 1),
        ("", None),
    ],
)
@pytest.mark.parametrize("others", [1, 2])
def test_a_run_of_another_app_is_not_acted_on(path: str, body: Any, others: int) -> None:
    """Whoever shares its store with another app is told that the workflow is not served, whatever is asked."""
    storage = MemoryStorage()
    App([Workflow("gone").step("a", lambda ctx: 1)], storage).start("gone", {}, id="x")
    served = [Workflow(f"w{number}").step("a", lambda ctx: 1) for number in range(others)]
    respond = by(router(App(served, storage)))
    sent = b"" if body is None else json.dumps(body).encode()
    got = respond(Sent("POST" if path else "DELETE", f"/runs/x/{path}".rstrip("/"), "", AS_OPERATOR, sent))
    assert (got.status, got.json["code"], "'gone'" in got.json["detail"]) == (404, "UNKNOWN_WORKFLOW", True)
    assert storage.load("x") is not None


def test_a_run_is_removed(app: App, respond: Respond) -> None:
    """There is nothing to say of it then; one that is held stays."""
    got = respond(Sent("DELETE", "/runs/completed", headers=AS_OPERATOR))
    assert (got.status, got.text, "Content-Type" in got.headers) == (204, "", False)
    assert app.get("completed") is None
    assert respond(Sent("DELETE", "/runs/completed", headers=AS_OPERATOR)).status == 404
    assert respond(Sent("DELETE", "/runs/running", headers=AS_OPERATOR)).status == 409


@pytest.mark.parametrize("path", ["retry", "resume", "pause", "cancel", "resolve", "signals/approved", ""])
def test_a_run_that_has_changed_is_not_acted_on(app: App, respond: Respond, path: str) -> None:
    """Who says what they saw, by `If-Match`, does nothing to what they have not seen."""
    seen = etag(respond, "interrupted")
    app.retry_step("report", "interrupted", "send")
    before = etag(respond, "interrupted")
    body = b'{"step": "send"}' if path in {"retry", "resolve"} else b""
    sent = Sent(
        "POST" if path else "DELETE",
        f"/runs/interrupted/{path}".rstrip("/"),
        headers=AS_OPERATOR | {"If-Match": seen},
        body=body,
    )
    got = respond(sent)
    assert (got.status, got.json["code"]) == (412, "RUN_CHANGED")
    assert etag(respond, "interrupted") == before


def test_a_run_that_is_as_it_was_seen_is_acted_on(respond: Respond) -> None:
    """Its tag may be one of several, or any; a weak one says too little."""
    tag = etag(respond, "waiting")
    assert post(respond, "/runs/waiting/pause", If_Match=f"W/{tag}").status == 412
    assert post(respond, "/runs/waiting/pause", If_Match=f'"other", {tag}').status == 200
    assert post(respond, "/runs/waiting/resume", If_Match="*").status == 200
    assert post(respond, "/runs/none/resume", If_Match="*").status == 404


def test_two_people_press_retry_at_the_same_time(tmp_path: Path) -> None:
    """Both saw the same run: it is retried once, and the other is told."""
    barrier, ran, failing = Barrier(2), [], [True]

    def ship(ctx: Ctx) -> None:
        ran.append(ctx.attempt)
        if failing[0]:
            raise ValueError

    path = tmp_path / "shop.db"
    flow = Workflow("order").commit("ship", ship)
    with App([flow], SQLiteStorage(path)) as first, App([flow], SQLiteStorage(path)) as second:
        people = [by(router(first)), by(router(second))]
        for round_ in range(5):
            failing[0] = True
            first.execute("order", {}, id=f"o-{round_}")
            seen = etag(people[0], f"o-{round_}")
            failing[0] = False
            ran.clear()
            answers: list[Got] = []

            def press(respond: Respond, run_id: str = f"o-{round_}", seen: str = seen) -> None:
                barrier.wait(10)
                answers.append(post(respond, f"/runs/{run_id}/retry", {"step": "ship"}, If_Match=seen))  # noqa: B023 (joined within the round)

            threads = [Thread(target=press, args=(each,)) for each in people]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(10)
            done, told = sorted(answers, key=lambda got: got.status)
            assert (done.status, done.json["status"], len(ran)) == (200, "completed", 1)
            assert told.json["code"] in {"RUN_CHANGED", "RUN_BUSY", "NOT_RETRYABLE"}
            assert told.status in {409, 412}


def test_a_retry_that_comes_second_is_told(
    app: App, respond: Respond, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if the run changes after it was found to be as it was seen."""
    seen = etag(respond, "failed")
    retry_step = app.retry_step

    def overtaken(*arguments: Any, **options: Any) -> Any:
        monkeypatch.undo()
        retry_step("order", "failed", "check")
        return retry_step(*arguments, **options)

    monkeypatch.setattr(app, "retry_step", overtaken)
    got = post(respond, "/runs/failed/retry", {"step": "check"}, If_Match=seen)
    assert (got.status, got.json["code"]) == (412, "RUN_CHANGED")


def test_a_deadline_is_kept(app: App) -> None:
    """A front that is about to be killed leaves the run to the next invocation."""
    late = by(router(app), deadline=1.0)
    assert post(late, "/runs/pending/resume").json["status"] == "suspended"
    assert start(late, {}).status == 202
    assert {run.status for run in app.list(id_prefix="pending")} == {RunStatus.SUSPENDED}
