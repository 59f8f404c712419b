"""With `control=` a function of its own lets runs be looked at and steered."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import azure.functions as func
import pytest
from clouds.shop import order_id

import flux_azure
from flux_core import App, InvalidInput

from .triggers import context, functions, request

if TYPE_CHECKING:
    from clouds.shop import Shop

READ, OPERATE = "may-look-0123456789", "may-act-0123456789"
TOKENS = {READ: "read", OPERATE: "operate"}


def ask(
    app: App, path: str, *, method: str = "GET", token: str = READ, **options: Any
) -> tuple[int, dict[str, Any] | None]:
    """Return the status and the document with which a request to the function is answered."""
    steered: dict[str, Any] = {"control": True, "tokens": TOKENS}
    made = functions(flux_azure.blueprint(app, key=order_id, **(steered | options)))
    (function,) = (function for name, function in made.items() if name.startswith("control"))
    asked = request("", method, {"Authorization": f"Bearer {token}", "Host": "shop.example"}, path=path)
    said: func.HttpResponse = function(asked, context())
    return said.status_code, json.loads(said.get_body()) if said.get_body() else None


@pytest.fixture
def app(shop: Shop) -> App:
    """An app that has served an order, whose id browsers encode."""
    made = shop.app()
    made.execute("order", {"order_id": "o:1"}, id="o:1")
    return made


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/api/flux/runs/o%3A1", "flux"),
        ("/flux/runs/o:1", "flux"),
        ("/API/Flux/runs/o:1", "flux"),
        ("/v1/ops/runs/o:1", "ops"),
        ("/api/ops/flux/runs/o:1", "ops/flux"),
    ],
)
def test_a_run_is_shown(app: App, path: str, route: str) -> None:
    """Below the route, which the host finds in any case, and below the prefix that host.json says."""
    status, run = ask(app, path, control_route=route)

    assert run is not None
    assert (status, run["id"]) == (200, "o:1")


@pytest.mark.parametrize(
    ("path", "below"),
    [
        ("/flux/flux/runs/o:1", "runs/o:1"),
        ("/flux/api/flux/runs/o:1", "runs/o:1"),
        ("/api/flux/runs/o:1", "odd"),
    ],
)
def test_the_prefix_may_be_called_as_the_route(app: App, path: str, below: str) -> None:
    """What the host has found below the route tells which of them is the route."""
    made = functions(flux_azure.blueprint(app, control="platform"))["control_flux"]
    url = f"https://shop.example{path}"
    asked = func.HttpRequest("GET", url, headers={}, body=b"", route_params={"path": below})
    said = made(asked, context())

    assert (said.status_code, json.loads(said.get_body())["id"]) == (200, "o:1")


def test_a_parameter_arrives_as_it_was_sent(app: App) -> None:
    """The function key, which the host leaves among the parameters, is not for the API."""
    query = "code=k%2Dey==&CODE=k&c%6Fde=k&status=failed&status=completed&id=o%3A&clientId=default"
    status, document = ask(app, f"/api/flux/runs?{query}")

    assert document is not None
    assert (status, [run["id"] for run in document["runs"]]) == (200, ["o:1"])


@pytest.mark.parametrize("path", ["/api/flux/orders", "/api/flux/", "/api/flux"])
def test_the_function_takes_no_orders(app: App, path: str) -> None:
    """A path that is none of the API's is not there."""
    status, problem = ask(app, path, method="POST", token=OPERATE)

    assert problem is not None
    assert (status, problem["code"]) == (404, "NOT_FOUND")


def test_the_function_for_orders_cannot_be_steered(shop: Shop) -> None:
    """Whatever the rest of its URL is, what it is sent is an order."""
    blueprint = flux_azure.blueprint(shop.app(), http="runs", key=order_id, control=True, tokens=TOKENS)
    function = functions(blueprint)["http_runs"]
    said = function(request({"order_id": "o_1"}, path="/runs"), context())

    assert json.loads(said.get_body())["status"] == "completed"
    assert function(request("", "GET", path="/runs"), context()).status_code == 405


def test_without_control_there_is_no_function(shop: Shop) -> None:
    """Nobody can steer then."""
    assert list(functions(flux_azure.blueprint(shop.app(), http="orders"))) == ["http_orders", "tick"]


@pytest.mark.parametrize(
    ("token", "method", "status"),
    [("", "GET", 401), (READ, "GET", 200), (READ, "DELETE", 403), (OPERATE, "DELETE", 204)],
)
def test_a_token_has_a_role(app: App, token: str, method: str, status: int) -> None:
    """Who has none is not let in, and who may look may not act; what is gone is answered without a body."""
    said, document = ask(app, "/api/flux/runs/o:1", method=method, token=token)

    assert said == status
    assert (document is None) is (status == 204)


def test_the_platform_may_vouch_for_who_gets_through(app: App) -> None:
    """Who has a function key needs no token."""
    assert (
        ask(app, "/api/flux/runs/o:1", method="DELETE", token="", control="platform", tokens=None)[0] == 204
    )


def test_what_has_not_changed_is_not_called_text(app: App) -> None:
    """A browser that keeps an answer would believe it: 304 is about the JSON that it has."""
    made = functions(flux_azure.blueprint(app, control=True, tokens=TOKENS))["control_flux"]
    headers = {"Authorization": f"Bearer {READ}"}
    first = made(request("", "GET", headers, path="/api/flux/runs/o:1"), context())
    again = made(
        request("", "GET", headers | {"If-None-Match": first.headers["ETag"]}, path="/api/flux/runs/o:1"),
        context(),
    )

    assert (again.status_code, again.get_body(), again.mimetype) == (304, b"", "application/json")


def test_a_step_that_is_retried_has_the_requests_time(shop: Shop) -> None:
    """The load balancer before the function app gives up on this request as on any."""
    shop.declined["o_1"] = ConnectionError("payment service")
    app = shop.app()
    app.execute("order", {"order_id": "o_1"}, id="o_1")
    shop.declined.clear()

    assert ask(app, "/api/flux/runs/o_1/retry", method="POST", token=OPERATE)[0] == 200
    assert shop.remaining == pytest.approx(225, abs=2)


def test_a_store_that_cannot_be_opened_is_a_problem(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client learns that it is not its fault."""
    monkeypatch.setenv("FLUX_STORE", "shoebox://orders")
    status, problem = ask(App([shop.order]), "/api/flux/runs")

    assert problem is not None
    assert (status, problem["status"]) == (503, 503)


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"control": True}, "control"),
        ({"tokens": TOKENS}, "tokens"),
        ({"control": "platform", "control_route": ""}, "control_route"),
        ({"control": "platform", "control_route": "/flux/"}, "control_route"),
        ({"control": "platform", "control_route": "flux/{id}"}, "control_route"),
    ],
)
def test_what_cannot_be_steered_is_refused(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], path: str
) -> None:
    """The function app does not start, and says what is missing."""
    monkeypatch.delenv("FLUX_READ_TOKEN", raising=False)
    monkeypatch.delenv("FLUX_OPERATE_TOKEN", raising=False)
    with pytest.raises(InvalidInput) as raised:
        flux_azure.blueprint(shop.app(), **options)

    assert raised.value.path == path
