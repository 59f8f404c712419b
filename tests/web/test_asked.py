"""Requests as ASGI brings them: their paths, their headers, and bodies that are read no further than need be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import pytest
from web.shop import OPERATE, TOKENS, shop

import flux_web
from flux_web import _asked
from flux_web._asked import headers_of, path_of

if TYPE_CHECKING:
    from collections.abc import MutableMapping

MOST = 1000


class Exchange:
    """Sends a request piece by piece, and takes the answer.

    Args:
        pieces: of the body; the connection is cut after them if it is not `whole`.
        headers: beside a token.
        token: what the sender says it is.
    """

    def __init__(
        self, *pieces: bytes, headers: dict[str, str] | None = None, token: str = OPERATE, whole: bool = True
    ) -> None:
        self._pieces = list(pieces)
        self._whole = whole
        self.taken = 0
        self.status = 0
        given = {"authorization": f"Bearer {token}", "host": "localhost", **(headers or {})}
        self.scope: dict[str, Any] = {
            "type": "http",
            "method": "POST",
            "path": "/workflows/order/runs",
            "raw_path": b"/workflows/order/runs",
            "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in given.items()],
        }

    def ask(self) -> int:
        """Return the status of the answer."""
        served = flux_web.asgi(shop(), tokens=TOKENS, max_body=MOST, tick_every=None)
        anyio.run(served, self.scope, self._receive, self._send)
        return self.status

    async def _receive(self) -> dict[str, Any]:
        if not self._pieces:
            return {"type": "http.disconnect"}
        self.taken += 1
        piece = self._pieces.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(self._pieces) or not self._whole}

    async def _send(self, message: MutableMapping[str, Any]) -> None:
        self.status = message.get("status", self.status)


def test_a_body_may_come_in_pieces() -> None:
    """They are put together."""
    assert Exchange(b'{"number"', b": 1", b"}").ask() == 200


def test_a_body_may_be_as_long_as_is_said() -> None:
    """And no longer."""
    body = b'{"number": 1}'.ljust(MOST)
    assert Exchange(body).ask() == 200
    assert Exchange(body + b" ").ask() == 413


def test_of_a_long_body_no_more_is_read_than_shows_that_it_is_long() -> None:
    """A sender that says no length, and does not end, is stopped."""
    exchange = Exchange(*[b" " * 100] * 50)
    assert (exchange.ask(), exchange.taken) == (413, MOST // 100 + 1)


@pytest.mark.parametrize("length", ["1001", "99999999999999999999"])
def test_a_body_that_says_that_it_is_too_long_is_not_read(length: str) -> None:
    """Its length is looked at first."""
    exchange = Exchange(b"{}", headers={"content-length": length})
    assert (exchange.ask(), exchange.taken) == (413, 0)


def test_the_body_of_a_stranger_is_not_read() -> None:
    """Who may not act is refused before."""
    exchange = Exchange(b"{}", token="another-token-0123456789")
    assert (exchange.ask(), exchange.taken) == (401, 0)


def test_a_client_that_goes_in_between_starts_nothing() -> None:
    """Half a body is none, although it may be JSON."""
    exchange = Exchange(b"{}", whole=False)
    assert exchange.ask() == 400


def scope(path: str, *, root: str = "", raw: bytes | None = None, **more: str) -> dict[str, Any]:
    """Return what `path_of` looks at."""
    return {"path": path, "root_path": root, **more} | ({} if raw is None else {"raw_path": raw})


@pytest.mark.parametrize(
    ("asked", "path"),
    [
        (scope("/runs/a/b", raw=b"/runs/a%2Fb"), "/runs/a%2Fb"),
        (scope("/runs/a b"), "/runs/a%20b"),  # a server that tells no raw path
        (scope("/flux/runs/a/b", root="/flux", raw=b"/flux/runs/a%2Fb"), "/runs/a%2Fb"),
        (scope("/flux/", root="/flux", raw=b"/flux/"), "/"),
        (scope("/flux", root="/flux", raw=b"/flux"), ""),
        (scope("/flux/runs", root="/flux/", raw=b"/flux/runs"), "/runs"),
        (scope("/a b/runs", root="/a b", raw=b"/a%20b/runs"), "/runs"),
        (scope("/fluxes/runs", root="/flux", raw=b"/fluxes/runs"), "/fluxes/runs"),
        (scope("/runs", root="/flux", raw=b"/runs"), "/runs"),  # the proxy has cut the prefix
        # ... of the outer application, or has not
        (scope("/flux/runs", root="/api/flux", app_root_path="/api"), "/runs"),
        (scope("/api/flux/runs", root="/api/flux", app_root_path="/api"), "/runs"),
        (scope("/flux", root="/api/flux", app_root_path="/api"), ""),
        (scope("/runs", root="/api", app_root_path="/api"), "/runs"),
        (scope("/flux/runs", root="/api//flux", app_root_path="/api/"), "/runs"),
        (scope("/api//flux/runs", root="/api//flux", app_root_path="/api/"), "/runs"),
        (scope("/runs", root="/api/", app_root_path="/api/"), "/runs"),
        (scope("/runs", raw=b"/runs?limit=1"), "/runs"),
    ],
)
def test_a_path_is_as_it_was_sent_below_the_mount(asked: dict[str, Any], path: str) -> None:
    """Percent-encoded, without the prefix, however the server tells it."""
    assert path_of(asked) == path


def test_of_a_long_path_only_the_begin_is_compared_with_the_mount(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever sends it, it is looked at before anybody is asked for a token."""
    compared: list[str] = []

    def unquote(text: str) -> str:
        compared.append(text)
        return text

    monkeypatch.setattr(_asked, "unquote", unquote)
    path = "/%41" * 10_000
    assert path_of(scope("/", root="/flux", raw=path.encode())) == path
    assert sum(map(len, compared)) < 100


def test_where_it_is_mounted_has_a_slash_at_its_end() -> None:
    """Relative URLs need it: who leaves it out is sent there, below whatever prefix a proxy has cut."""
    sent: list[MutableMapping[str, Any]] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    asked = Exchange().scope | scope("/in a/flux", root="/in a/flux", raw=b"/in%20a/flux") | {"method": "GET"}
    anyio.run(flux_web.asgi(shop(), tokens=TOKENS, tick_every=None), asked, receive, send)
    assert (sent[0]["status"], dict(sent[0]["headers"])[b"location"]) == (308, b"flux/")


def test_headers_of_one_name_are_joined() -> None:
    """As one list, whatever the case of their names."""
    headers = [(b"If-None-Match", b'"a"'), (b"if-none-match", b'"b"'), (b"Host", b"localhost")]
    assert headers_of({"headers": headers}) == {"if-none-match": '"a", "b"', "host": "localhost"}


def test_a_websocket_is_refused() -> None:
    """It is closed before it is open."""
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    asked = {"type": "websocket", "path": "/", "headers": [], "query_string": b""}
    anyio.run(flux_web.asgi(shop(), tick_every=None), asked, receive, send)
    assert [message["type"] for message in sent] == ["websocket.close"]
