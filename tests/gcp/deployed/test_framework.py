"""Functions on functions-framework itself, called in a thread and on its event loop."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from cloudevents.conversion import to_binary, to_structured
from gcp import events
from gcp.deployed.deployment import post

from flux_core import RunStatus

if TYPE_CHECKING:
    from gcp.deployed.deployment import Deployment

pytestmark = pytest.mark.xdist_group("google-functions")
SCHEDULED = {
    "X-CloudScheduler": "true",
    "X-CloudScheduler-JobName": "flux-tick",
    "User-Agent": "Google-Cloud-Scheduler",
}


@pytest.fixture(params=["orders", "orders_aio"])
def orders(request: pytest.FixtureRequest, deployment: Deployment) -> Any:
    """The function for requests, of either kind."""
    return deployment.function(request.param)


@pytest.fixture
def order_id() -> str:
    """An order's id that no other test has."""
    return f"o-{uuid4().hex}"


def test_an_order_is_answered(deployment: Deployment, orders: Any, order_id: str) -> None:
    """The server finds the function in main.py by its name, and the run is in Firestore."""
    answer = post(f"{orders.url}order", {"order_id": order_id})

    assert (answer.status, answer.document["status"]) == (200, "completed")
    run = deployment.run(order_id)
    assert run is not None
    assert (run.status, run.data) == (RunStatus.COMPLETED, {"paid": True})


def test_a_problem_reaches_the_client(orders: Any, order_id: str) -> None:
    """Status, media type and document are the function's, and no stack trace is among them."""
    answer = post(f"{orders.url}order", {"order_id": order_id, "stolen": True})

    assert (answer.status, answer.headers["Content-Type"]) == (422, "application/problem+json")
    assert answer.document["detail"] == "the card was stolen"


def test_a_body_that_is_not_json_is_a_problem(orders: Any) -> None:
    """A client is told what it has sent."""
    answer = post(f"{orders.url}order", b"order o_1, please")

    assert (answer.status, answer.document["code"]) == (400, "MALFORMED_BODY")


@pytest.mark.parametrize("target", ["control", "control_aio"])
def test_cloud_scheduler_ticks(deployment: Deployment, target: str) -> None:
    """The platform's timer posts a command, and is answered the report."""
    answer = post(deployment.function(target).url, {"flux": {"action": "tick"}}, SCHEDULED)

    assert answer.status == 200
    assert answer.document.keys() >= {"due", "claimed", "completed"}


@pytest.mark.parametrize("target", ["events", "events_aio"])
@pytest.mark.parametrize("mode", [to_binary, to_structured])
def test_an_event_is_acknowledged(deployment: Deployment, target: str, mode: Any, order_id: str) -> None:
    """An event of Eventarc in either mode is answered 200 once its run is done."""
    headers, body = mode(events.message({"order_id": order_id}, order_id))
    answer = post(deployment.function(target).url, body, headers)

    assert (answer.status, answer.body) == (200, "OK")
    assert deployment.charges(order_id) == ["1"]


@pytest.mark.parametrize("target", ["events", "events_aio"])
def test_an_event_that_cannot_be_read_is_an_error(deployment: Deployment, target: str) -> None:
    """It is answered 500, and the function's log says what is wrong with it."""
    function = deployment.function(target)
    headers, body = to_structured(events.other(None, f"empty-{target}"))
    answer = post(function.url, body, headers)

    assert (answer.status, answer.headers["X-Google-Status"]) == (500, "crash")
    assert f"event empty-{target} of type example.shop.ordered carries no data" in function.log()


def test_an_upload_is_an_event(deployment: Deployment) -> None:
    """An event of Cloud Storage is run on the object that it is about, and an object is no order."""
    function = deployment.function("events")
    headers, body = to_binary(events.uploaded())
    answer = post(function.url, body, headers)

    assert answer.status == 200
    assert (
        "google.cloud.storage.object.v1.finalized of orders/2026/o_1.json is acknowledged" in function.log()
    )


def test_the_trace_is_written_where_google_reads_it(deployment: Deployment, order_id: str) -> None:
    """A line of JSON an event is in the server's output, with the id of the call that the framework adds."""
    function = deployment.function("orders")
    headers = {"Function-Execution-Id": "call-1", "Traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}
    post(f"{function.url}order", {"order_id": order_id}, headers)

    lines = [json.loads(line) for line in function.log().splitlines() if line.startswith("{")]
    mine = [line for line in lines if line.get("flux", {}).get("workflowId") == order_id]
    assert [line["flux"]["type"] for line in mine][:1] == ["workflow:start"]
    assert {line["logging.googleapis.com/trace"] for line in mine} == {"a" * 32}
    assert {line["logging.googleapis.com/labels"]["execution_id"] for line in mine} == {"call-1"}
