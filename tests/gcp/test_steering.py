"""With `control=` the function for requests also lets runs be looked at and steered."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import flask
import pytest
from clouds.shop import order_id
from gcp.fronts import FRONTS, starlette_request
from werkzeug.test import EnvironBuilder

import flux_gcp
import flux_gcp.aio
from flux_core import InvalidInput

if TYPE_CHECKING:
    from clouds.shop import Shop
    from gcp.fronts import Answer, Front

READ, OPERATE = "may-look-0123456789", "may-act-0123456789"
TOKENS = {READ: "read", OPERATE: "operate"}


def served(front: Front, shop: Shop, *order_ids: str, **options: Any) -> Any:
    """Return a function that may be steered, and has served these orders."""
    function = front.http(shop.app(), key=order_id, **({"control": True, "tokens": TOKENS} | options))
    for each in order_ids:
        assert front.post(function, {"order_id": each}).status == 200
    return function


def ask(front: Front, function: Any, path: str, *, method: str = "GET", token: str = READ) -> Answer:
    """Send a request without a body."""
    return front.post(function, b"", {"Authorization": f"Bearer {token}"}, path=path, method=method)


def test_runs_are_listed(front: Front, shop: Shop) -> None:
    """A path of the API is the API's; its query arrives as it was sent."""
    function = served(front, shop, "o_1", "o_2")

    assert [run["id"] for run in ask(front, function, "/runs").document["runs"]] == ["o_2", "o_1"]
    some = ask(front, function, "/runs?id=o%5F1&status=failed&status=completed")
    assert [run["id"] for run in some.document["runs"]] == ["o_1"]


@pytest.mark.parametrize("path", ["/runs/o%3A1", "/runs/o:1"])
def test_a_path_is_decoded_once(front: Front, shop: Shop, path: str) -> None:
    """It is taken as it was sent."""
    function = served(front, shop, "o:1")

    assert ask(front, function, path).document["id"] == "o:1"
    assert ask(front, function, "/runs/o%253A1").status in {400, 404}


def test_a_whole_url_may_be_sent(shop: Shop) -> None:
    """As HTTP allows it: gunicorn leaves it to the function to take it apart, uvicorn does so itself."""
    function = served(FRONTS[0], shop, "o:1")

    assert ask(FRONTS[0], function, "http://orders.example/runs/o%3A1?").document["id"] == "o:1"


def test_other_paths_take_orders(front: Front, shop: Shop) -> None:
    """What is none of the API's paths starts a run, and needs no token."""
    function = served(front, shop)

    assert front.post(function, {"order_id": "o_1"}, path="/orders").document["id"] == "o_1"
    assert ask(front, function, "/orders").status == 405


def test_without_control_every_path_takes_orders(front: Front, shop: Shop) -> None:
    """A function that says nothing of it can be steered by nobody."""
    function = served(front, shop, control=False, tokens=None)

    assert front.post(function, {"order_id": "o_1"}, path="/runs").document["status"] == "completed"
    assert ask(front, function, "/runs").status == 405


@pytest.mark.parametrize(
    ("token", "method", "status"),
    [("", "GET", 401), (READ, "GET", 200), (READ, "DELETE", 403), (OPERATE, "DELETE", 204)],
)
def test_a_token_has_a_role(front: Front, shop: Shop, token: str, method: str, status: int) -> None:
    """Who has none is not let in, and who may look may not act."""
    answer = ask(front, served(front, shop, "o_1"), "/runs/o_1", method=method, token=token)

    assert answer.status == status
    assert (answer.document is None) is (status == 204)


def test_iam_may_vouch_for_who_gets_through(front: Front, shop: Shop) -> None:
    """Cloud Run leaves the token by which it has let a caller in, without its signature."""
    function = served(front, shop, "o_1", control="platform", tokens=None)
    token = "eyJhbGciOiJSUzI1NiJ9.eyJlbWFpbCI6Im9uQGNhbGwifQ.SIGNATURE_REMOVED_BY_GOOGLE"

    assert ask(front, function, "/runs/o_1", method="DELETE", token=token).status == 204


def test_events_are_text(front: Front, shop: Shop) -> None:
    """They are answered once; the client comes again."""
    answer = ask(front, served(front, shop, "o_1"), "/events?run=o_1")

    assert (answer.status, answer.headers["Content-Type"].partition(";")[0]) == (200, "text/event-stream")
    assert b"retry: " in (answer.document if isinstance(answer.document, bytes) else answer.document.encode())


def test_who_may_steer_has_to_be_said(front: Front, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A function that anybody could steer does not start."""
    monkeypatch.delenv("FLUX_READ_TOKEN", raising=False)
    monkeypatch.delenv("FLUX_OPERATE_TOKEN", raising=False)
    with pytest.raises(InvalidInput, match="FLUX_OPERATE_TOKEN"):
        front.http(shop.app(), control=True)


def test_a_server_may_keep_the_decoded_path_alone(shop: Shop) -> None:
    """WSGI and ASGI leave it to a server whether the path is told as it was sent; it is encoded anew then."""
    headers = {"Authorization": f"Bearer {READ}"}
    environ = EnvironBuilder("/runs/o%3A1", headers=[*headers.items()]).get_environ()
    del environ["RAW_URI"]
    threaded = flux_gcp.http(shop.app(), key=order_id, control=True, tokens=TOKENS)
    asked = starlette_request(b"", headers, "/runs/o%3A1", "GET")
    del asked.scope["raw_path"]
    awaited: Any = flux_gcp.aio.http(shop.app(), key=order_id, control=True, tokens=TOKENS)

    assert threaded(flask.Request(environ))[1] == 404
    assert asyncio.run(awaited(asked)).status_code == 404
