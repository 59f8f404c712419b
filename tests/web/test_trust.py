"""Who is let in without a token: this computer, asked by a name of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from starlette.applications import Starlette
from web.shop import OPERATE, TOKENS, Client, shop

import flux_web

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

START = "/workflows/order/runs"


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:4280", "LOCALHOST", "127.0.0.1:4280", "127.0.0.2:4280", "[::1]:4280"]
)
@pytest.mark.parametrize("client", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
def test_this_computer_may_do_everything(host: str, client: str) -> None:
    """By whatever name and address it is this computer."""
    asked = Client(flux_web.asgi(shop(), tick_every=None), client=client).post(
        START, json={}, headers={"Host": host}
    )
    assert asked.status_code == 200


@pytest.mark.parametrize("client", ["192.0.2.7", "10.0.0.1", "::", "2001:db8::1", "testclient", ""])
def test_another_computer_may_do_nothing(client: str) -> None:
    """Whatever host it names; the words say what is missing."""
    asked = Client(flux_web.asgi(shop(), tick_every=None), client=client)
    for refused in (asked.get("/runs"), asked.post(START, json={}), asked.get("/viewer/runs/o1/graph.svg")):
        assert refused.status_code == 401
        assert "no token is set" in refused.json()["detail"]


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "localhost:80@evil", "a b", ""),
        *("[::2]", "0.0.0.0", "128.0.0.1", "2130706433"),  # noqa: S104 (is to be refused)
    ],
)
def test_a_foreign_name_for_this_computer_is_refused(host: str) -> None:
    """A page whose name resolves to the loopback address (DNS rebinding) reads nothing, not even the viewer's page."""
    client = Client(flux_web.asgi(shop(), tick_every=None))
    for path in ("/", "/runs", "/viewer/about", "/viewer/viewer.js", "/openapi.json"):
        refused = client.get(path, headers={"Host": host})
        assert (refused.status_code, refused.json()["code"]) == (400, "UNKNOWN_HOST"), path
    assert client.get("/healthz", headers={"Host": host}).json() == {"status": "ok"}


@pytest.mark.parametrize(
    "header",
    [
        "X-Forwarded-For",
        "X-Forwarded-Host",
        "X-Forwarded-Proto",
        "x_forwarded_for",
        "Forwarded",
        "Via",
        "X-Real-IP",
        "X-Client-IP",
        "True-Client-IP",
        "CF-Connecting-IP",
    ],
)
def test_what_a_proxy_forwards_is_not_from_here(header: str) -> None:
    """A proxy on this computer does not make its clients somebody on this computer."""
    client = Client(flux_web.asgi(shop(), tick_every=None))
    assert client.get("/runs", headers={header: "127.0.0.1"}).status_code == 401


@pytest.mark.parametrize(("version", "status"), [("1.0", 401), ("1.1", 200)])
def test_the_http_of_old_proxies_is_not_from_here(version: str, status: int) -> None:
    """A proxy that nobody has configured names this computer as its host, adds no header, and speaks HTTP/1.0."""
    served = flux_web.asgi(shop(), tick_every=None)

    class Old(Starlette):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            await served({**scope, "http_version": version}, receive, send)

    assert Client(Old(), host="127.0.0.1:4280").get("/runs").status_code == status


def test_a_server_without_an_address_of_its_client_trusts_nobody() -> None:
    """As behind a Unix socket."""
    client = Client(flux_web.asgi(shop(), tick_every=None), client=None)
    assert client.get("/runs").status_code == 401


def test_a_page_of_another_origin_does_not_act() -> None:
    """What a browser sends for another site's page is refused; what this server's own page sends is not."""
    client = Client(flux_web.asgi(shop(), tick_every=None))
    foreign = [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}]
    for headers in foreign:
        refused = client.post(START, json={}, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (403, "FOREIGN_ORIGIN")
    own = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
    assert client.post(START, json={}, headers=own).status_code == 200


def test_a_page_of_another_site_does_not_look_either() -> None:
    """What it embeds is refused, so that it holds no streams open; a link that is followed is not."""
    client = Client(flux_web.asgi(shop(), tick_every=None))
    embedded = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
    for path in ("/runs", "/events?run=o1", "/viewer/chart.svg"):
        refused = client.get(path, headers=embedded)
        assert (refused.status_code, refused.json()["code"]) == (403, "FOREIGN_ORIGIN"), path
    assert client.get("/runs", headers=embedded | {"Sec-Fetch-Mode": "navigate"}).status_code == 200


def test_with_tokens_this_computer_needs_one_too() -> None:
    """There is one rule for all where a token is set."""
    client = Client(flux_web.asgi(shop(), tokens=TOKENS, tick_every=None))
    assert client.get("/runs").status_code == 401
    assert client.get("/runs", headers={"Authorization": f"Bearer {OPERATE}"}).status_code == 200


def test_hosts_are_the_names_that_are_answered_to() -> None:
    """With tokens any name will do, unless `hosts=` says which; this computer's own always do."""
    any_name = Client(flux_web.asgi(shop(), tokens=TOKENS, tick_every=None), host="whatever.example")
    assert any_name.get("/viewer/about").status_code == 200
    named = Client(flux_web.asgi(shop(), tokens=TOKENS, hosts=["Flux.example.com"], tick_every=None))
    statuses = {
        host: named.get("/viewer/about", headers={"Host": host}).status_code
        for host in ("flux.example.com:8443", "whatever.example", "localhost")
    }
    assert statuses == {"flux.example.com:8443": 200, "whatever.example": 400, "localhost": 200}


def test_hosts_alone_trust_nobody() -> None:
    """A name that is answered to is not one of this computer, and who uses it needs a token."""
    client = Client(
        flux_web.asgi(shop(), hosts=["flux.example.com"], tick_every=None), host="flux.example.com"
    )
    assert client.get("/viewer/about").json()["role"] is None
    assert client.get("/runs").status_code == 401


def test_two_hosts_are_none() -> None:
    """Of a header that is there twice neither counts."""
    client = Client(flux_web.asgi(shop(), tick_every=None))
    refused = client.get("/runs", headers=[("Host", "localhost"), ("Host", "evil.example")])
    assert refused.json()["code"] == "UNKNOWN_HOST"


def test_what_it_is_about_says_strangers_nothing() -> None:
    """Who has no role learns that tokens are needed, and neither the version nor the store's name."""
    client = Client(flux_web.asgi(shop(), tokens=TOKENS, source="sqlite:///orders.db", tick_every=None))
    stranger = client.get("/viewer/about").json()
    assert stranger == {"version": None, "source": "", "acts": True, "role": None, "tokens": True}
    known = client.get("/viewer/about", headers={"Authorization": f"Bearer {OPERATE}"}).json()
    assert (known["role"], known["source"]) == ("operate", "sqlite:///orders.db")
