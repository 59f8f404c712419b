"""Requests and answers of the API, whatever front they go through; each gives a `Respond`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from core.http.shop_of_runs import TOKENS

from flux_core._http import Access, Router
from flux_core._serving.http import Request
from flux_core._serving.service import Service

if TYPE_CHECKING:
    from flux_core import App


def router(app: App) -> Router:
    """Return the router of an app, which knows the two tokens."""
    return Router(Service.of(app, route=str), access=Access(TOKENS))


class Sent(NamedTuple):
    """A request."""

    method: str
    path: str
    """Percent-encoded."""
    query: str = ""
    headers: Mapping[str, str] = {}
    body: bytes = b""


class Got(NamedTuple):
    """An answer."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        """The document."""
        return json.loads(self.text)


Respond: TypeAlias = Callable[[Sent], Got]


def by(served: Router, *, trusted: bool = False, deadline: float | None = None) -> Respond:
    """Return what sends requests straight to a router."""

    def respond(sent: Sent) -> Got:
        asked = Request(sent.method, sent.headers, lambda: sent.body, sent, sent.path, sent.query, trusted)
        reply = served.respond(asked, deadline=deadline)
        return Got(reply.status, reply.headers, reply.text)

    return respond
