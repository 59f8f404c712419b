"""With `control=` requests look at runs and steer them, whichever way AWS tells of a request."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote

import pytest
from aws import events
from clouds.shop import order_id

import flux_aws
from flux_core import App, InvalidInput, Workflow
from flux_core.storage import MemoryStorage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from clouds.shop import Shop

READ, OPERATE = "may-look-0123456789", "may-act-0123456789"
TOKENS = {READ: "read", OPERATE: "operate"}


def http_api(path: str, query: str = "", *, method: str = "GET", token: str = READ) -> dict[str, Any]:
    """A request of a function URL, whose path is as it was sent."""
    event = events.http_api("", method=method, authorization=f"Bearer {token}")
    return event | {"rawPath": path, "rawQueryString": query}


def rest_api(path: str, query: str = "", *, method: str = "GET", token: str = READ) -> dict[str, Any]:
    """A request of a REST API, whose query is decoded."""
    event = events.rest_api("", method=method, Authorization=f"Bearer {token}")
    decoded = parse_qs(query, keep_blank_values=True) or None
    return event | {"path": path, "resource": path, "multiValueQueryStringParameters": decoded}


def load_balancer(path: str, query: str = "", *, method: str = "GET", token: str = READ) -> dict[str, Any]:
    """A request of a load balancer, whose query is as it was sent; of a name that comes twice the last is told."""
    event = events.load_balancer("", method=method, authorization=f"Bearer {token}")
    pairs = dict(pair.split("=") for pair in query.split("&") if pair)
    return event | {"path": path, "queryStringParameters": pairs}


def load_balancer_with_lists(
    path: str, query: str = "", *, method: str = "GET", token: str = READ
) -> dict[str, Any]:
    """The same of a target group that has multi-value headers on."""
    event = events.load_balancer("", method=method, many=True, authorization=f"Bearer {token}")
    pairs: dict[str, list[str]] = {}
    for name, value in (pair.split("=") for pair in query.split("&") if pair):
        pairs.setdefault(name, []).append(value)
    return event | {"path": path, "multiValueQueryStringParameters": pairs}


SENDERS = (http_api, rest_api, load_balancer, load_balancer_with_lists)
senders = pytest.mark.parametrize("request_to", SENDERS)


def answered(handler: Callable[..., Any], event: dict[str, Any]) -> tuple[int, Any]:
    """Return the status and the document with which a request is answered; a body that is empty is None."""
    answer = handler(event, events.Context())
    return answer["statusCode"], json.loads(answer["body"]) if answer["body"] else None


def ids(handler: Callable[..., Any], event: dict[str, Any]) -> list[str]:
    """Return the ids of the runs that a listing has."""
    status, document = answered(handler, event)
    assert status == 200, document
    return [run["id"] for run in document["runs"]]


def with_orders(shop: Shop, *order_ids: str) -> Callable[..., Any]:
    """Return a handler that may be steered, and has served these orders."""
    handler = flux_aws.handler(shop.app(), key=order_id, control=True, tokens=TOKENS)
    for each in order_ids:
        handler(events.http_api({"order_id": each}), events.Context())
    return handler


@senders
def test_runs_are_listed(request_to: Callable[..., Any], shop: Shop) -> None:
    """A path of the API is the API's, and a parameter says which runs are meant."""
    handler = with_orders(shop, "o_1", "o_2")

    assert ids(handler, request_to("/runs")) == ["o_2", "o_1"]
    assert ids(handler, request_to("/runs", "id=o_1&limit=5")) == ["o_1"]


@senders
def test_a_query_arrives_as_it_was_sent(request_to: Callable[..., Any], shop: Shop) -> None:
    """A plus that was sent as one, `%2B`, is no space: decoded twice it would be, and the time could not be read."""
    handler = with_orders(shop, "o_1")

    assert ids(handler, request_to("/runs", "since=2020-01-31T12%3A00%3A00%2B01%3A00")) == ["o_1"]


@pytest.mark.parametrize("request_to", [http_api, rest_api, load_balancer_with_lists])
def test_a_parameter_may_come_twice(request_to: Callable[..., Any], shop: Shop) -> None:
    """A load balancer without multi-value headers tells the last alone."""
    handler = with_orders(shop, "o_1")

    assert ids(handler, request_to("/runs", "status=failed&status=completed")) == ["o_1"]
    assert ids(handler, request_to("/runs", "status=completed&status=failed")) == ["o_1"]


@senders
@pytest.mark.parametrize("path", ["/runs/o%3A1", "/runs/o:1"])
def test_an_id_may_be_encoded(request_to: Callable[..., Any], shop: Shop, path: str) -> None:
    """Browsers encode a colon, and HTTP APIs decode what was sent: both mean the same run."""
    status, document = answered(with_orders(shop, "o:1"), request_to(path))

    assert (status, document["id"]) == (200, "o:1")


@senders
@pytest.mark.parametrize(
    "path", ["/runs/a b", "/runs/ä", "/runs/100%", "/runs/\udc00", "/runs/%FF", "/runs/a%2Fb"]
)
def test_an_id_that_no_run_can_have_is_a_problem(
    request_to: Callable[..., Any], shop: Shop, path: str
) -> None:
    """Whatever stands in the path, encoded or not, the client is told that there is no such run."""
    status, problem = answered(with_orders(shop), request_to(path))

    assert status in {400, 404}
    assert problem.keys() >= {"type", "title", "status", "detail", "code"}


@pytest.mark.parametrize(
    ("event", "difference"),
    [
        (http_api("/prod/runs"), {"stage": "prod"}),
        (http_api("/prod/runs") | {"version": "1.0"}, {"stage": "prod"}),
        (http_api("/runs"), {"stage": "$default"}),
        (rest_api("/runs"), {"stage": "runs", "path": "/runs/runs"}),
        (http_api("/prod/ops/runs") | {"routeKey": "ANY /ops/{proxy+}"}, {"stage": "prod"}),
        (http_api("/shop/runs") | {"routeKey": "ANY /{proxy+}"}, {"stage": "prod"}),
        (rest_api("/shop/v1/runs") | {"resource": "/v1/{proxy+}"}, {"stage": "prod"}),
    ],
    ids=[
        "stage",
        "stage, payload 1.0",
        "default stage",
        "REST API",
        "prefix",
        "mapping",
        "REST API, mapping and prefix",
    ],
)
def test_what_api_gateway_puts_before_the_path_is_left_out(
    shop: Shop, event: dict[str, Any], difference: dict[str, str]
) -> None:
    """A stage, the key of a custom domain's mapping, and the prefix of a route that takes every path below it."""
    event["requestContext"] |= difference
    event["pathParameters"] = {"proxy": "runs"}

    assert ids(with_orders(shop, "o_1"), event) == ["o_1"]


def test_a_domain_of_ones_own_has_no_stage_in_its_paths(shop: Shop) -> None:
    """Nothing is left out there, be the stage called as a path of the API is."""
    event = http_api("/runs/o_1")
    event["requestContext"] |= {"stage": "runs", "domainName": "orders.example"}

    assert answered(with_orders(shop, "o_1"), event)[1]["id"] == "o_1"


@pytest.mark.parametrize(
    "path", ["//runs/x/cancel", "/Runs/x/cancel", "/%72uns/x/cancel", "/./runs/x/cancel", "/v1/runs/x/cancel"]
)
def test_what_is_nearly_an_act_starts_nothing(shop: Shop, path: str) -> None:
    """It is not there, even to who has no token; no order is made of it."""
    handler = with_orders(shop)
    event = http_api(path, method="POST", token=OPERATE) | {"body": json.dumps({"order_id": "o_1"})}

    assert answered(handler, event)[0] == 404
    assert ids(handler, http_api("/runs")) == []


def test_head_has_no_body(shop: Shop) -> None:
    """Whatever path it asks for."""
    assert answered(with_orders(shop), http_api("/orders", method="HEAD")) == (405, None)


def test_the_root_of_a_stage_takes_orders(shop: Shop) -> None:
    """Even of one that is called as a path of the API is."""
    event = http_api("/runs")
    event["requestContext"] |= {"stage": "runs"}

    assert answered(with_orders(shop), event)[0] == 405


@senders
def test_other_paths_take_orders(request_to: Callable[..., Any], shop: Shop) -> None:
    """What is none of the API's paths starts a run, and needs no token."""
    handler = with_orders(shop)
    event = request_to("/orders", method="POST", token="") | {"body": json.dumps({"order_id": "o_1"})}

    assert answered(handler, event)[1]["id"] == "o_1"
    assert answered(handler, request_to("/orders"))[0] == 405


@senders
def test_without_control_every_path_takes_orders(request_to: Callable[..., Any], shop: Shop) -> None:
    """A function that says nothing of it can be steered by nobody, token or not."""
    handler = flux_aws.handler(shop.app(), key=order_id)
    event = request_to("/runs", method="POST", token=OPERATE) | {"body": json.dumps({"order_id": "o_1"})}

    assert answered(handler, request_to("/runs"))[0] == 405
    assert answered(handler, event)[1]["status"] == "completed"


@senders
@pytest.mark.parametrize(
    ("token", "method", "status"),
    [
        ("", "GET", 401),
        ("may-look-0123456780", "GET", 401),
        (READ, "GET", 200),
        (READ, "DELETE", 403),
        (OPERATE, "DELETE", 204),
    ],
)
def test_a_token_has_a_role(
    request_to: Callable[..., Any], shop: Shop, token: str, method: str, status: int
) -> None:
    """Who has none is not let in, and who may look may not act; what is gone is answered without a body."""
    said, document = answered(with_orders(shop, "o_1"), request_to("/runs/o_1", method=method, token=token))

    assert said == status
    assert (document is None) is (status == 204)


@senders
def test_the_platform_may_vouch_for_who_gets_through(request_to: Callable[..., Any], shop: Shop) -> None:
    """Behind IAM a request is signed, and needs no token beside."""
    app = shop.app()
    app.execute("order", {"order_id": "o_1"}, id="o_1")
    handler = flux_aws.handler(app, control="platform")
    event = request_to("/runs/o_1", method="DELETE", token="")
    headers = event.get("headers") or {}
    headers |= {"authorization": "AWS4-HMAC-SHA256 Credential=..."}

    assert answered(handler, event) == (204, None)


def test_a_page_of_another_site_may_not_act(shop: Shop) -> None:
    """A browser that the platform lets through, by its address for one, sends whatever any page has it send."""
    handler = flux_aws.handler(shop.app(), control="platform")
    event = http_api("/runs/o_1", method="DELETE", token="")
    event["headers"] |= {"origin": "https://elsewhere.example", "sec-fetch-site": "cross-site"}

    assert answered(handler, event)[1]["code"] == "FOREIGN_ORIGIN"


@pytest.mark.parametrize(
    "wrap",
    [
        lambda request: events.sqs(events.message(request)),
        lambda request: {"path": request["rawPath"], "httpMethod": "DELETE", "headers": request["headers"]},
        events.event_bridge,
    ],
    ids=["a message", "a direct invocation", "an event"],
)
def test_nothing_but_a_request_steers(wrap: Callable[..., dict[str, Any]]) -> None:
    """What looks like a request in a message or in an invocation is an input."""
    app = App([Workflow("keep").step("keep", lambda ctx: None)], MemoryStorage())
    app.execute("keep", {}, id="r_1")
    handler = flux_aws.handler(app, control="platform")
    handler(wrap(http_api("/runs/r_1", method="DELETE")), events.Context())

    assert app.get("r_1") is not None
    assert len([*app.list()]) == 2


def test_the_answer_is_text_that_is_sent_as_it_is(shop: Shop) -> None:
    """Events are no JSON: a client that follows a run is answered what there is of it, once, and comes again."""
    answer = with_orders(shop, "o_1")(http_api("/events", "run=o_1"), events.Context())

    assert (answer["statusCode"], answer["headers"]["Content-Type"]) == (200, "text/event-stream")
    assert answer["body"].startswith("retry: ")


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"control": True}, "control"),
        ({"control": "everybody"}, "control"),
        ({"tokens": TOKENS}, "tokens"),
        ({"control": True, "tokens": {"short": "read"}}, "tokens"),
        ({"control": True, "tokens": {OPERATE: "root"}}, "tokens"),
    ],
)
def test_who_may_steer_has_to_be_said(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], path: str
) -> None:
    """A function that nobody, or anybody, could steer does not start."""
    monkeypatch.delenv("FLUX_READ_TOKEN", raising=False)
    monkeypatch.delenv("FLUX_OPERATE_TOKEN", raising=False)
    with pytest.raises(InvalidInput) as raised:
        flux_aws.handler(shop.app(), **options)

    assert raised.value.path == path


def test_the_environment_may_have_the_tokens(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are a setting of the function, such as one that a secret is resolved into."""
    monkeypatch.setenv("FLUX_OPERATE_TOKEN", OPERATE)
    handler = flux_aws.handler(shop.app(), control=True)

    assert ids(handler, http_api("/runs", token=OPERATE)) == []


def test_a_function_that_is_not_steered_does_not_load_the_api(tmp_path: Path) -> None:
    """It starts as fast as if there were none."""
    code = (
        "import sys, flux_aws; from flux_core import Workflow\n"
        "handler = flux_aws.handler(Workflow('one').step('one', lambda ctx: 1))\n"
        "handler({}, None)\n"
        "print([name for name in sys.modules if name.startswith('flux_core._http')])"
    )
    environment = {"PYTHONPATH": ":".join(sys.path), "FLUX_STORE": f"sqlite:///{tmp_path}/runs.db"}
    ended = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )

    assert ended.stdout == "[]\n"


def test_a_decoded_path_is_the_one_that_was_sent() -> None:
    """Of HTTP APIs, which decode it; what no client sends, a percent sign that begins nothing, stays."""
    from flux_aws._sources.urls import encoded

    assert [unquote(encoded(path)) for path in ("/a b", "/ä", "/100%", "/a%3Ab")] == [
        "/a b",
        "/ä",
        "/100%",
        "/a:b",
    ]
