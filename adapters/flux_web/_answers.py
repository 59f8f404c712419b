"""Answers as Starlette writes them, with the headers that guard the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flux_core._serving.http import Reply

GUARDS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""Headers of every answer: nothing is loaded from elsewhere, nothing is guessed, nobody is told where one came from.

The last one keeps a page of another site from finding out, by a picture that loads or does not, which runs there are.
"""


def written(reply: Reply, method: str) -> Response:
    """Return the answer to a request of that method as a response."""
    response = Response(reply.text.encode("utf-8", "replace"), reply.status, {**reply.headers, **GUARDS})
    if method == "HEAD":
        del response.headers["content-length"]  # it would be that of the body which is not sent
    return response
