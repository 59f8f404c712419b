"""An HTTP request runs the workflow on its body; whatever goes wrong is a problem document."""

from __future__ import annotations

import asyncio
import json
import time
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import pytest
from aws import events
from clouds.shop import Order, Progress, order_id

import flux_aws
from flux_core import (
    App,
    Context,
    Fatal,
    FluxError,
    OutcomeUnknown,
    Retry,
    RunBusy,
    RunEnded,
    SignalNotExpected,
    StoreError,
    Workflow,
)
from flux_core.storage import MemoryStorage

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from clouds.shop import Shop

    RequestWith: TypeAlias = Callable[..., dict[str, Any]]

pytestmark = pytest.mark.parametrize("request_with", [events.http_api, events.rest_api, events.load_balancer])


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


def wait_for_approval(request_with: RequestWith, shop: Shop) -> tuple[App, Callable[[], dict[str, Any]]]:
    """Return an app in which order `o_1` waits for its approval, and what sends the order again."""
    app = shop.approvals()
    handler = flux_aws.handler(app, key=order_id)

    def send() -> dict[str, Any]:
        answer: dict[str, Any] = handler(request_with({"order_id": "o_1"}), events.Context())
        return answer

    assert send()["statusCode"] == 202
    return app, send


def test_a_paused_run_is_202(request_with: RequestWith, shop: Shop) -> None:
    """It has not ended."""
    app, send = wait_for_approval(request_with, shop)
    app.pause("o_1")
    answer = send()

    assert (answer["statusCode"], json.loads(answer["body"])["status"]) == (202, "paused")


def test_a_run_that_is_being_rolled_back_is_202_without_its_reason(
    request_with: RequestWith, shop: Shop
) -> None:
    """It has not ended either; what it failed with may be a secret."""
    start = Workflow("slow", input=Order, data=Progress)
    slow = start.commit("charge", shop.charge, compensate=shop.refund, retries=1)
    app = App([slow.step("fail", lambda ctx: 1 / 0)], MemoryStorage(), max_inline_wait=0)
    shop.declined["refund o_1"] = ConnectionError("payment service")
    answer = flux_aws.handler(app, key=order_id)(request_with({"order_id": "o_1"}), events.Context())

    assert (answer["statusCode"], answer["headers"]["Content-Type"]) == (202, "application/json")
    assert json.loads(answer["body"]) == {
        "status": "rolling_back",
        "id": "o_1",
        "data": {"payment_id": "pay-o_1"},
    }


@pytest.mark.parametrize("compensate", [False, True])
def test_a_cancelled_run_is_409(request_with: RequestWith, shop: Shop, *, compensate: bool) -> None:
    """The order that is sent again is not run: the problem says why."""
    app, send = wait_for_approval(request_with, shop)
    app.cancel("approval", "o_1", compensate=compensate)

    assert json.loads(send()["body"]) == {
        "type": "about:blank",
        "title": "Conflict",
        "status": 409,
        "detail": "run 'o_1' was cancelled",
        "code": "CANCELLED",
        "id": "o_1",
    }


@pytest.mark.parametrize(
    ("error", "status", "code", "detail"),
    [
        (Fatal("no such street"), 422, "FATAL", "no such street"),
        (ConnectionError("carrier"), 500, "STEP_FAILED", None),
    ],
)
def test_a_failure_that_was_rolled_back_is_a_failure(
    request_with: RequestWith, shop: Shop, error: Exception, status: int, code: str, detail: str | None
) -> None:
    """Whether anything had to be compensated is nothing to the client."""
    app, send = wait_for_approval(request_with, shop)
    shop.declined["ship o_1"] = error
    app.signal("approval", "o_1", "approved")
    answer = send()

    body = json.loads(answer["body"])
    assert (answer["statusCode"], body["code"], body.get("detail")) == (status, code, detail)


@pytest.mark.parametrize("cancelled", [False, True])
def test_a_run_that_could_not_be_rolled_back_is_500(
    request_with: RequestWith, shop: Shop, caplog: pytest.LogCaptureFixture, *, cancelled: bool
) -> None:
    """A part of it stands: that is for a person here, whatever the reason for the rollback was."""
    app, send = wait_for_approval(request_with, shop)
    shop.declined = {"ship o_1": Fatal("no such street"), "refund o_1": ConnectionError("payment service")}
    if cancelled:
        app.cancel("approval", "o_1", compensate=True)
    else:
        app.signal("approval", "o_1", "approved")

    assert json.loads(send()["body"]) == {
        "type": "about:blank",
        "title": "Internal Server Error",
        "status": 500,
        "code": "COMPENSATION_FAILED",
        "id": "o_1",
    }
    assert "flux show o_1" in caplog.text


def unknown(ctx: Context[Any, Any]) -> None:
    """Not know what happened."""
    raise OutcomeUnknown("password 'hunter2'")


async def hang(ctx: Context[Any, Any]) -> None:
    """Take longer than anybody waits."""
    await asyncio.sleep(60)


@pytest.mark.parametrize(
    ("workflow", "code"),
    [
        (Workflow("w").commit("charge", unknown, once=True), "INTERRUPTED"),
        (
            Workflow("w").commit("charge", unknown, retries=Retry(0, give_up_on=(RuntimeError,))),
            "OUTCOME_UNKNOWN",
        ),
        (Workflow("w", timeout=1e-6).step("a", lambda ctx: 1).step("b", lambda ctx: 1), "WORKFLOW_TIMEOUT"),
        (
            Workflow("w").step("a", hang, timeout=0.01, retries=Retry(0, give_up_on=(TimeoutError,))),
            "STEP_TIMEOUT",
        ),
    ],
)
def test_a_failure_that_no_retry_helps_is_no_refusal(
    request_with: RequestWith, workflow: Workflow[Any, Any], code: str
) -> None:
    """The input is not at fault, and what the handler said is not the client's to know."""
    answer = flux_aws.handler(App([workflow], MemoryStorage()))(request_with({}), events.Context())

    body = json.loads(answer["body"])
    assert (answer["statusCode"], body["code"], "detail" in body) == (500, code, False)


@pytest.mark.parametrize("error", [RunEnded("it has ended"), SignalNotExpected("it has ended")])
def test_what_a_run_that_has_ended_refuses_is_409(
    request_with: RequestWith, shop: Shop, monkeypatch: pytest.MonkeyPatch, error: FluxError
) -> None:
    """The state of the run is in the way, not the request."""

    def refuse(*arguments: object, **options: object) -> None:
        raise error

    app = shop.app()
    monkeypatch.setattr(app, "execute", refuse)
    answer = flux_aws.handler(app)(request_with({"order_id": "o_1"}), events.Context())

    assert (answer["statusCode"], json.loads(answer["body"])["detail"]) == (409, "it has ended")


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
    assert "key= returned int; return a non-empty str" in caplog.text


def test_a_key_that_raises_is_422_without_what_it_raised(request_with: RequestWith) -> None:
    """The client is told that its input lacks something, and nothing of the handler."""
    handler = flux_aws.handler(
        Workflow("any").step("a", lambda ctx: 1), key=lambda order: str(order["order_id"])
    )
    answer = handler(request_with({"x": 1}), events.Context())

    document = json.loads(answer["body"])
    assert (answer["statusCode"], document["detail"]) == (422, "the input lacks what its run is named by")
    assert "path" not in document


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
    assert json.loads(answer["body"])["detail"] == "the run is being worked on; try again later"


def test_an_id_that_another_workflow_has_used_tells_nothing_of_it(
    request_with: RequestWith, shop: Shop
) -> None:
    """Which workflows there are is not the client's to know."""
    app = shop.app()
    app.engine.execute(Workflow("secret").step("a", lambda ctx: None), {}, id="k-1")
    answer = flux_aws.handler(app)(request_with({"order_id": "o_1"}, idempotency_key="k-1"), events.Context())

    assert answer["statusCode"] == 409
    assert "secret" not in answer["body"]


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


def test_a_body_over_the_limit_is_413(request_with: RequestWith, shop: Shop) -> None:
    """The client is told how large the body is and may be, and nothing is run."""
    body = json.dumps({"order_id": "ö"}, ensure_ascii=False)
    handler = flux_aws.handler(shop.app(), key=order_id, max_body=len(body))
    answer = handler(request_with(body), events.Context())

    assert json.loads(answer["body"]) == {
        "type": "about:blank",
        "title": "Content Too Large",
        "status": 413,
        "detail": f"the body has {len(body) + 1} bytes; this function takes {len(body)}",
        "code": "BODY_TOO_LARGE",
    }
    assert shop.charged == []


def test_a_body_at_the_limit_is_taken(request_with: RequestWith, shop: Shop) -> None:
    """It is bytes that count, those that base64 stands for."""
    body = json.dumps({"order_id": "o_1"})
    request = request_with(events.encoded(body)) | {"isBase64Encoded": True}
    answer = flux_aws.handler(shop.app(), max_body=len(body))(request, events.Context())

    assert answer["statusCode"] == 200


def test_without_a_word_about_it_a_megabyte_is_the_limit(request_with: RequestWith, shop: Shop) -> None:
    """What is larger belongs in S3, with its name in the input."""
    handler = flux_aws.handler(shop.app())
    answers = [handler(request_with(" " * size), events.Context()) for size in (1_000_000, 1_000_001)]

    assert [answer["statusCode"] for answer in answers] == [400, 413]
