"""A request of ASGI, as the router is asked it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote, unquote

import anyio.from_thread

from flux_core import InvalidInput
from flux_core._serving.body import MalformedBody
from flux_core._serving.http import Request
from flux_core._serving.problem import BODY_TOO_LARGE

if TYPE_CHECKING:
    from starlette.types import Receive, Scope


class BodyTooLarge(InvalidInput):
    """A body has more bytes than are taken."""

    code: ClassVar[str] = BODY_TOO_LARGE


def asked(scope: Scope, receive: Receive, headers: dict[str, str], *, most: int, trusted: bool) -> Request:
    """Return what is asked; its body is read when it is asked for, in a thread of anyio's.

    Args:
        scope: the request's.
        receive: gives its body.
        headers: as `headers_of` gives them.
        most: the bytes that a body may have.
        trusted: whether who sends it may operate without a token.
    """

    def body() -> bytes:
        return anyio.from_thread.run(_body, receive, headers.get("content-length", ""), most)

    query = scope.get("query_string", b"").decode("latin-1")
    return Request(scope["method"], headers, body, scope, path_of(scope), query, trusted)


def headers_of(scope: Scope) -> dict[str, str]:
    """Return the headers by their names in lower case; the values of one name are joined as RFC 9110 says."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def path_of(scope: Scope) -> str:
    """Return the path as it was sent, without that at which the application is mounted; "" is that path itself."""
    raw: Any = scope.get("raw_path")  # ASGI does not say that there is one
    path = raw.decode("latin-1").partition("?")[0] if raw else quote(scope["path"], safe="/:@")
    root = scope.get("root_path", "")
    # a proxy may have cut what stands before the outer application, which Starlette remembers
    mount = root.removeprefix(scope.get("app_root_path", ""))
    cuts = (root.rstrip("/"), mount.rstrip("/"))
    return next((below for cut in cuts if cut and (below := _below(cut, path)) is not None), path)


def _below(root: str, path: str) -> str | None:
    """Return the part of an encoded path that is below a decoded one; None if it is not below that."""
    longest = 3 * len(root.encode())  # each byte may be written as %2F is
    ends = [index for index, character in enumerate(path[: longest + 1]) if character == "/"]
    ends += [len(path)] if len(path) <= longest else []
    return next((path[end:] for end in ends if unquote(path[:end]) == root), None)


async def _body(receive: Receive, length: str, most: int) -> bytes:
    """Return the body; one that is too long is read no further than to where that is known.

    Raises:
        BodyTooLarge: it is.
        MalformedBody: the rest will not come, and nobody reads the answer.
    """
    if length.isdecimal() and int(length) > most:
        raise BodyTooLarge(f"the body has {int(length):,} bytes; this function takes {most:,}")
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise MalformedBody("the client has gone before all of the body had come")
        body += message.get("body", b"")
        if len(body) > most:
            raise BodyTooLarge(f"the body has more bytes than the {most:,} that are taken")
        if not message.get("more_body", False):
            return bytes(body)
