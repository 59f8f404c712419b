"""HTTP functions: a request is answered with what its run has come to."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier, BrokenBarrierError
from typing import TYPE_CHECKING, Any

import pytest
from clouds.shop import order_id
from gcp.fronts import FRONTS

import flux_gcp
from flux_core import App, Context, Fatal, InvalidInput, Workflow
from flux_core._invocation import CURRENT
from flux_core._serving.store import with_store
from flux_core.storage import MemoryStorage

if TYPE_CHECKING:
    from pathlib import Path

    from clouds.shop import Shop
    from gcp.fronts import Front

    from flux_core._serving.store import Platform

Ctx = Context[dict[str, Any], dict[str, Any]]
ECHO = Workflow("echo").step("keep", lambda ctx: ctx.input)


def test_a_post_runs_the_workflow(shop: Shop, front: Front) -> None:
    """The body is the input, the answer the run's status, id and data."""
    answer = front.post(front.http(shop.app(), key=order_id), {"order_id": "o_1"})

    stands = {"status": "completed", "id": "o_1", "data": {"payment_id": "pay-o_1"}}
    assert (answer.status, answer.document) == (200, stands)
    assert answer.headers["Content-Type"] == "application/json"


def test_the_idempotency_key_names_the_run(shop: Shop, front: Front) -> None:
    """The same header is the same run, and is answered the same."""
    function = front.http(shop.app())
    answers = [
        front.post(function, {"order_id": "o_1"}, {"Idempotency-Key": "once"}).document for _ in range(2)
    ]

    assert [answer["id"] for answer in answers] == ["once", "once"]
    assert shop.charged == ["o_1"]


def test_an_order_that_is_refused_is_a_problem(shop: Shop, front: Front) -> None:
    """A handler's own refusal is answered 422, as RFC 9457 has it, and says why."""
    shop.declined["o_1"] = Fatal("the card has expired")
    answer = front.post(front.http(shop.app(), key=order_id), {"order_id": "o_1"})

    assert (answer.status, answer.headers["Content-Type"]) == (422, "application/problem+json")
    assert (answer.document["detail"], answer.document["id"]) == ("the card has expired", "o_1")


def test_an_error_that_nobody_foresaw_says_nothing_of_itself(shop: Shop, front: Front) -> None:
    """What a handler raises is in the run and the log; the client sees neither it nor a stack trace."""
    shop.declined["o_1"] = RuntimeError("password=hunter2")
    answer = front.post(front.http(shop.app(), key=order_id), {"order_id": "o_1"})

    assert answer.status == 500
    assert answer.document.keys() == {"type", "title", "status", "code", "id"}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"order o_1, please", 400, "MALFORMED_BODY"),
        (b"", 400, "MALFORMED_BODY"),
        (b"\xff\xfe", 400, "MALFORMED_BODY"),
        (b'{"order_id": 1}', 422, "INVALID_INPUT"),
        (b'{"order_id": "' + b"o" * 200 + b'"}', 413, "BODY_TOO_LARGE"),
    ],
)
def test_a_body_that_is_no_input_is_refused(
    shop: Shop, front: Front, body: bytes, status: int, code: str
) -> None:
    """The status and the code say what is wrong with it; no run is made."""
    app = shop.app()
    answer = front.post(front.http(app, max_body=200), body)

    assert (answer.status, answer.document["code"]) == (status, code)
    assert [*app.list()] == []


def test_a_get_is_refused(shop: Shop, front: Front) -> None:
    """A request that is no POST starts nothing, and is told what would."""
    answer = front.post(front.http(shop.app()), b"", method="GET")

    assert (answer.status, answer.headers["Allow"]) == (405, "POST")


def test_a_command_in_the_body_is_an_input(front: Front) -> None:
    """The control plane is not to be reached through a function that anybody may call."""
    app = App([ECHO], MemoryStorage())
    answer = front.post(front.http(app), {"flux": {"action": "list"}}, {"Idempotency-Key": "r_1"})

    assert answer.document["id"] == "r_1"
    run = app.get("r_1")
    assert run is not None
    assert run.input == {"flux": {"action": "list"}}


def test_a_request_chooses_its_workflow(front: Front) -> None:
    """A function that serves several asks the route, which is given the framework's own request."""
    app = App([ECHO, Workflow("other").step("nothing", lambda ctx: None)], MemoryStorage())
    function = front.http(app, route=lambda request: _path(request).strip("/"))
    front.post(function, {}, {"Idempotency-Key": "r_1"}, path="/other")

    run = app.get("r_1")
    assert run is not None
    assert run.workflow == "other"


def _path(request: Any) -> str:
    """Return the path of a request of Flask or of Starlette."""
    path: str = getattr(request, "path", None) or request.url.path
    return path


def test_a_step_has_the_functions_time(shop: Shop, front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    """The deadline is the function's time-out, counted from the arrival of the request."""
    monkeypatch.setenv("FLUX_FUNCTION_TIMEOUT", "3")
    front.post(front.http(shop.app()), {"order_id": "o_1"})

    assert shop.remaining == pytest.approx(3, abs=0.5)


def test_a_step_knows_the_request(front: Front) -> None:
    """While it is served, the invocation has the request's id and its headers, in the thread of the run too."""
    seen: list[Any] = []
    looking = Workflow("looking").step("look", lambda ctx: seen.append(CURRENT.get()))
    headers = {"Function-Execution-Id": "abc123", "Traceparent": "00-1-2-3"}
    front.post(front.http(App([looking], MemoryStorage())), {}, headers)

    assert (seen[0].request_id, seen[0].context["traceparent"]) == ("abc123", "00-1-2-3")
    assert CURRENT.get() is None


def test_a_store_that_cannot_be_opened_is_a_problem(
    front: Front, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Off Google Cloud the first request says so, in the log with the reason, to the client as a problem."""
    monkeypatch.setenv("FLUX_STORE", f"sqlite:///{tmp_path}/no/such/folder/runs.db")
    with caplog.at_level(logging.ERROR, "flux"):
        answer = front.post(front.http(ECHO), {})

    assert (answer.status, answer.document["code"]) == (503, "STORE_ERROR")
    assert "no/such/folder" in caplog.text


def test_two_first_requests_open_one_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs that are kept in memory would be lost with the store of which there is one too many."""
    both = Barrier(2)
    opened: list[App] = []

    def open_slowly(app: App, platform: Platform) -> App:
        with suppress(BrokenBarrierError):
            both.wait(0.3)  # for the other request, which is not to come
        opened.append(with_store(app, platform))
        return opened[-1]

    monkeypatch.setattr("flux_gcp._front.with_store", open_slowly)
    monkeypatch.setenv("FLUX_STORE", "memory://")
    (front, _), function = FRONTS, flux_gcp.http(ECHO)
    with ThreadPoolExecutor(2) as pool:
        answers = [*pool.map(lambda place: front.post(function, {"place": place}), range(2))]

    assert [answer.status for answer in answers] == [200, 200]
    assert len(opened) == 1


def test_on_google_cloud_the_store_is_opened_with_the_function(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that cannot be opened keeps the function from being deployed, rather than fail every order."""
    monkeypatch.setenv("K_SERVICE", "orders")
    monkeypatch.setenv("FLUX_STORE", "firestore://")

    with pytest.raises(InvalidInput, match="firestore names a project and a collection"):
        front.http(ECHO)


def test_a_store_of_one_sandbox_is_warned_of(
    front: Front, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """On Google Cloud, runs that are kept in memory are said to go with their sandbox."""
    monkeypatch.setenv("K_SERVICE", "orders")
    with caplog.at_level(logging.WARNING, "flux"):
        front.http(App([ECHO], MemoryStorage()))

    assert "runs are kept in memory, which lives and dies with this sandbox" in caplog.text


def test_an_adapter_brings_no_more_than_it_is_asked_for() -> None:
    """Names that are not its own are refused as any module refuses them."""
    with pytest.raises(AttributeError, match="no attribute 'handler'"):
        flux_gcp.handler  # noqa: B018


def test_every_name_is_there() -> None:
    """What the package lists can be had."""
    assert all(callable(getattr(flux_gcp, name)) for name in flux_gcp.__all__)
