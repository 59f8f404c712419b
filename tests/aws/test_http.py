"""An HTTP request runs the workflow on its body; whatever goes wrong is a problem document."""

from __future__ import annotations

import json
import time
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import pytest
from aws import events
from aws.shop import order_id

import flux_aws
from flux_core import App, Fatal, RunBusy, StoreError, Workflow
from flux_core.storage import MemoryStorage

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from aws.shop import Shop

    RequestWith: TypeAlias = Callable[..., dict[str, Any]]

pytestmark = pytest.mark.parametrize("request_with", [events.http_api, events.rest_api])


class Unreachable(MemoryStorage):
    """A store that does not answer."""

    def create(self, record: object) -> None:
        """Fail as a store may."""
        raise StoreError("the table at 10.0.0.7 does not answer")


def test_a_completed_run_is_200(request_with: RequestWith, shop: Shop) -> None:
    """The answer's body is that of a direct invocation."""
    answer = flux_aws.handler(shop.app(), key=order_id)(request_with({"order_id": "o_1"}), events.Context())

    assert (answer["statusCode"], answer["headers"]) == (200, {"Content-Type": "application/json"})
    assert json.loads(answer["body"]) == {
        "status": "completed",
        "id": "o_1",
        "data": {"payment_id": "pay-o_1"},
    }


def test_a_suspended_run_is_202(request_with: RequestWith) -> None:
    """A run that goes on later is accepted."""
    app = App(
        [Workflow("slow").step("call", lambda ctx: 1 / 0, retries=1)], MemoryStorage(), max_inline_wait=0
    )
    answer = flux_aws.handler(app)(request_with({}), events.Context())

    assert (answer["statusCode"], json.loads(answer["body"])["status"]) == (202, "suspended")


def test_a_base64_body_is_decoded(request_with: RequestWith, shop: Shop) -> None:
    """API Gateway encodes the bodies that it takes for binary."""
    event = request_with(b64encode(b'{"order_id": "o_1"}').decode()) | {"isBase64Encoded": True}

    assert flux_aws.handler(shop.app())(event, events.Context())["statusCode"] == 200


@pytest.mark.parametrize("header", ["Idempotency_Key", "idempotency_key", "IDEMPOTENCY_KEY"])
def test_the_idempotency_key_is_the_run_id(request_with: RequestWith, shop: Shop, header: str) -> None:
    """The same header is the same run, however its name is written."""
    answer = flux_aws.handler(shop.app())(
        request_with({"order_id": "o_1"}, **{header: "k-1"}), events.Context()
    )

    assert json.loads(answer["body"])["id"] == "k-1"


@pytest.mark.parametrize("header", ["", " "])
def test_an_empty_idempotency_key_is_400(request_with: RequestWith, shop: Shop, header: str) -> None:
    """An empty header, which would make one run of many orders, is refused by its name."""
    answer = flux_aws.handler(shop.app())(
        request_with({"order_id": "o_1"}, idempotency_key=header), events.Context()
    )

    assert (answer["statusCode"], "Idempotency-Key" in json.loads(answer["body"])["detail"]) == (400, True)


def test_a_key_that_is_no_text_is_500(
    request_with: RequestWith, shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    """What `key=` returns is the developer's to correct: the log says so, the client is told nothing."""
    key: Any = lambda order: 7  # noqa: E731 (of a type that a checker refuses)
    answer = flux_aws.handler(shop.app(), key=key)(request_with({"order_id": "o_1"}), events.Context())

    assert (answer["statusCode"], "detail" in json.loads(answer["body"])) == (500, False)
    assert "key= of the handler returned int; return a non-empty str" in caplog.text


def test_requests_without_a_key_are_runs_of_their_own(request_with: RequestWith, shop: Shop) -> None:
    """The same body twice, without a header, is two runs."""
    handler, context = flux_aws.handler(shop.app()), events.Context()
    handler(request_with({"order_id": "o_1"}) | {"headers": None}, context)
    handler(request_with({"order_id": "o_1"}) | {"headers": None}, context)

    assert shop.charged == ["o_1", "o_1"]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS"])
def test_only_post_starts_a_run(request_with: RequestWith, shop: Shop, method: str) -> None:
    """Any other method is refused with the one that is allowed."""
    answer = flux_aws.handler(shop.app())(request_with({"order_id": "o_1"}, method=method), events.Context())

    assert (answer["statusCode"], answer["headers"]["Allow"]) == (405, "POST")
    assert shop.charged == []


@pytest.mark.parametrize(
    "body", ["", "{", "nul", '{"order_id": NaN}', "[" * 100_000, '{"n": ' + "1" * 5000 + "}"]
)
def test_a_malformed_body_is_400(request_with: RequestWith, shop: Shop, body: str) -> None:
    """What is not JSON is the client's to correct."""
    answer = flux_aws.handler(shop.app())(request_with(body), events.Context())

    assert (answer["statusCode"], json.loads(answer["body"])["code"]) == (400, "MALFORMED_BODY")


@pytest.mark.parametrize("body", ["not base64!", b64encode(b"\xff{}").decode()])
def test_bytes_that_are_no_json_are_400(request_with: RequestWith, shop: Shop, body: str) -> None:
    """A body in base64 that cannot be decoded, or is not UTF-8, is as malformed."""
    answer = flux_aws.handler(shop.app())(request_with(body) | {"isBase64Encoded": True}, events.Context())

    assert answer["statusCode"] == 400


def test_a_wrong_shape_is_422_with_its_path(request_with: RequestWith, shop: Shop) -> None:
    """The problem says where in the input it is."""
    answer = flux_aws.handler(shop.app())(request_with({"order_id": 1}), events.Context())

    assert (answer["statusCode"], answer["headers"]["Content-Type"]) == (422, "application/problem+json")
    assert json.loads(answer["body"]) == {
        "type": "about:blank",
        "title": "Unprocessable Content",
        "status": 422,
        "detail": "order_id: expected str, got int",
        "code": "INVALID_INPUT",
        "path": "order_id",
    }


def test_an_input_that_cannot_be_saved_is_422(request_with: RequestWith) -> None:
    """JSON that is nested too deeply for the store is the client's to flatten."""
    app = App([Workflow("any").step("step", lambda ctx: 1)], MemoryStorage())
    answer = flux_aws.handler(app)(request_with('{"a": ' + "[" * 900 + "]" * 900 + "}"), events.Context())

    assert answer["statusCode"] == 422
    assert json.loads(answer["body"])["path"].startswith("a[0]")


def test_a_value_that_a_step_left_is_500(request_with: RequestWith) -> None:
    """What a step leaves that cannot be saved is a bug of the workflow, not of the request."""
    app = App([Workflow("bug").step("step", lambda ctx: object())], MemoryStorage())
    answer = flux_aws.handler(app)(request_with({}), events.Context())

    assert (answer["statusCode"], json.loads(answer["body"])["code"]) == (500, "NOT_SERIALIZABLE")


def test_another_input_under_the_same_key_is_409(request_with: RequestWith, shop: Shop) -> None:
    """One key is one input."""
    handler = flux_aws.handler(shop.app())
    handler(request_with({"order_id": "o_1"}, idempotency_key="k-1"), events.Context())
    answer = handler(request_with({"order_id": "o_2"}, idempotency_key="k-1"), events.Context())

    assert (answer["statusCode"], json.loads(answer["body"])["code"]) == (409, "INPUT_MISMATCH")


def test_a_run_that_is_held_is_409_until_its_lease_ends(request_with: RequestWith, shop: Shop) -> None:
    """The client is told when to come again: after the lost worker's deadline and the clock skew."""
    handler, event = flux_aws.handler(shop.app(), key=order_id), request_with({"order_id": "o_1"})
    shop.declined["o_1"] = SystemExit("the process ends")
    with pytest.raises(SystemExit):
        handler(event, events.Context(remaining=10))
    answer = handler(event, events.Context())

    assert answer["statusCode"] == 409
    assert int(answer["headers"]["Retry-After"]) == pytest.approx(15, abs=1)


def test_a_refused_order_is_422_with_its_reason(request_with: RequestWith, shop: Shop) -> None:
    """What a handler calls fatal is its word to the client."""
    shop.declined["o_1"] = Fatal("out of stock")
    answer = flux_aws.handler(shop.app(), key=order_id)(request_with({"order_id": "o_1"}), events.Context())

    assert json.loads(answer["body"]) == {
        "type": "about:blank",
        "title": "Unprocessable Content",
        "status": 422,
        "detail": "out of stock",
        "code": "FATAL",
        "id": "o_1",
    }


def test_a_failed_run_is_500_without_its_reason(
    request_with: RequestWith, shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    """What any other exception says may be a secret: the client gets the run's id, the log how to look it up."""
    shop.declined["o_1"] = ConnectionError("password 'hunter2' was refused")
    answer = flux_aws.handler(shop.app(), key=order_id)(request_with({"order_id": "o_1"}), events.Context())

    assert json.loads(answer["body"]) == {
        "type": "about:blank",
        "title": "Internal Server Error",
        "status": 500,
        "code": "STEP_FAILED",
        "id": "o_1",
    }
    assert "flux show o_1" in caplog.text


def test_a_store_that_fails_is_503(
    request_with: RequestWith, shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    """The client may come again; what is wrong with the store is for the log."""
    answer = flux_aws.handler(shop.app().on(Unreachable()))(
        request_with({"order_id": "o_1"}), events.Context()
    )

    assert answer["statusCode"] == 503
    assert "10.0.0.7" not in answer["body"]
    assert "10.0.0.7" in caplog.text


def test_anything_unexpected_is_500_without_detail(
    request_with: RequestWith,
    shop: Shop,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A bug is logged with its traceback, and says nothing of itself to the client."""
    app = shop.app()
    monkeypatch.setattr(app.engine.storage, "create", None)
    answer = flux_aws.handler(app)(request_with({"order_id": "o_1"}), events.Context())

    assert json.loads(answer["body"]) == {
        "type": "about:blank",
        "title": "Internal Server Error",
        "status": 500,
        "code": "INTERNAL_ERROR",
    }
    assert "Traceback" in caplog.text


def test_a_run_that_is_contended_is_409_for_a_moment(
    request_with: RequestWith, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lease that has ended already means the shortest wait, not none."""

    def busy(*arguments: object, **options: object) -> None:
        raise RunBusy("written by others again and again", until=time.time() - 60)

    app = shop.app()
    monkeypatch.setattr(app, "execute", busy)
    answer = flux_aws.handler(app)(request_with({"order_id": "o_1"}), events.Context())

    assert answer["headers"]["Retry-After"] == "1"
