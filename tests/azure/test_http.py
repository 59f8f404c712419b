"""An HTTP request is answered with what its run has come to, or with a problem document."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from clouds.shop import order_id

import flux_azure
from flux_core import App, Fatal, InvalidInput

from .triggers import context, functions, request

if TYPE_CHECKING:
    import azure.functions as func
    from clouds.shop import Shop

ORDER = {"order_id": "o_1"}


def answer(app: App, asked: func.HttpRequest, **options: Any) -> tuple[int, str, dict[str, Any]]:
    """Return the status, the type and the document with which a request is answered."""
    function = functions(flux_azure.blueprint(app, http="orders", key=order_id, **options))["http_orders"]
    said: func.HttpResponse = function(asked, context())
    return said.status_code, said.headers["Content-Type"], json.loads(said.get_body())


def test_an_order_is_answered_with_its_run(shop: Shop) -> None:
    """The body is the input; the answer says how the run stands."""
    assert answer(shop.app(), request(ORDER)) == (
        200,
        "application/json",
        {"status": "completed", "id": "o_1", "data": {"payment_id": "pay-o_1"}},
    )


def test_the_idempotency_key_names_the_run(shop: Shop) -> None:
    """Without a key the header does, so that a request sent twice is one run."""
    app = shop.app()
    function = functions(flux_azure.blueprint(app, http="orders"))["http_orders"]
    for _ in range(2):
        function(request(ORDER, headers={"Idempotency-Key": "k-1"}), context())

    assert ([run.id for run in app.list()], shop.charged) == (["k-1"], ["o_1"])


def test_a_failure_is_a_problem_without_a_trace(shop: Shop) -> None:
    """What a step raised is told as a problem document, and its stack is not."""
    shop.declined["o_1"] = Fatal("out of stock")
    status, kind, problem = answer(shop.app(), request(ORDER))

    assert (status, kind) == (422, "application/problem+json")
    assert problem == {
        "type": "about:blank",
        "title": "Unprocessable Content",
        "status": 422,
        "detail": "out of stock",
        "code": "FATAL",
        "id": "o_1",
    }


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        (request("{"), 400, "MALFORMED_BODY"),
        (request(""), 400, "MALFORMED_BODY"),
        (request(ORDER, "GET"), 405, "METHOD_NOT_ALLOWED"),
        (request({"order_id": "o" * 100}), 413, "BODY_TOO_LARGE"),
        (request({}), 422, "INVALID_INPUT"),
    ],
)
def test_a_bad_request_is_refused(shop: Shop, asked: func.HttpRequest, status: int, code: str) -> None:
    """The problem names what is wrong, and nothing is run."""
    refused = answer(shop.app(), asked, max_body=60)

    assert (refused[0], refused[2]["code"], shop.charged) == (status, code, [])


def test_a_store_that_cannot_be_opened_is_a_problem(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The client learns that it is not its fault, the log learns the rest."""
    monkeypatch.setenv("FLUX_STORE", "shoebox://orders")
    status, _, problem = answer(App([shop.order]), request(ORDER))

    assert (status, problem["status"], "shoebox" in caplog.text) == (status, status, True)
    assert "Traceback" not in json.dumps(problem)


def test_a_control_command_is_an_input(shop: Shop) -> None:
    """A body commands nothing, whatever it looks like."""
    status, _, problem = answer(shop.app(), request({"flux": {"action": "tick"}}))

    assert (status, problem["code"]) == (422, InvalidInput.code)


def test_the_client_is_answered_before_the_load_balancer_gives_up(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run has 225 seconds at most, even where functions may run for hours."""
    monkeypatch.setenv("AzureFunctionsJobHost__functionTimeout", "02:00:00")
    answer(shop.app(), request(ORDER))

    assert shop.remaining == pytest.approx(225, abs=2)
