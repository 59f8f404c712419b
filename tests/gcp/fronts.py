"""The two fronts, `flux_gcp` and `flux_gcp.aio`, called as functions-framework calls them."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from urllib.parse import unquote

import flask
from starlette.requests import Request
from werkzeug.test import EnvironBuilder

import flux_gcp
import flux_gcp.aio

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cloudevents.http import CloudEvent


class Answer(NamedTuple):
    """What a function answers to a request."""

    status: int
    headers: Mapping[str, str]
    document: Any


class Front(Protocol):
    """One way in which functions are made and called."""

    name: str

    def http(self, app: Any, **options: Any) -> Any:
        """Return a function for requests."""

    def cloud_event(self, app: Any, **options: Any) -> Any:
        """Return a function for events."""

    def control(self, app: Any) -> Any:
        """Return a function for commands."""

    def post(
        self,
        function: Any,
        body: object,
        headers: Mapping[str, str] | None = None,
        *,
        path: str = "/",
        method: str = "POST",
    ) -> Answer:
        """Send it a request; a body that is not bytes goes as JSON."""

    def deliver(self, function: Any, event: CloudEvent) -> None:
        """Hand it an event that was read already."""

    def push(self, function: Any, body: bytes, headers: Mapping[str, str]) -> None:
        """Hand a function for events the request itself, as it is deployed with signature http."""


class Threaded:
    """A function of Flask's."""

    name: str = "sync"

    def http(self, app: Any, **options: Any) -> Any:
        """Return the function for requests."""
        return flux_gcp.http(app, **options)

    def cloud_event(self, app: Any, **options: Any) -> Any:
        """Return the function for events."""
        return flux_gcp.cloud_event(app, **options)

    def control(self, app: Any) -> Any:
        """Return the function for commands."""
        return flux_gcp.control(app)

    def post(
        self,
        function: Any,
        body: object,
        headers: Mapping[str, str] | None = None,
        *,
        path: str = "/",
        method: str = "POST",
    ) -> Answer:
        """Call it with a request of Flask."""
        text, status, heading = function(_flask_request(_bytes(body), headers or {}, path, method))
        return Answer(status, heading, _document(text))

    def deliver(self, function: Any, event: CloudEvent) -> None:
        """Call it with the event."""
        assert function(event) == "OK"

    def push(self, function: Any, body: bytes, headers: Mapping[str, str]) -> None:
        """Call it with a request of Flask."""
        assert function(_flask_request(body, headers, "/", "POST")) == "OK"


class Awaited:
    """A coroutine function of Starlette's."""

    name: str = "aio"

    def http(self, app: Any, **options: Any) -> Any:
        """Return the function for requests."""
        return flux_gcp.aio.http(app, **options)

    def cloud_event(self, app: Any, **options: Any) -> Any:
        """Return the function for events."""
        return flux_gcp.aio.cloud_event(app, **options)

    def control(self, app: Any) -> Any:
        """Return the function for commands."""
        return flux_gcp.aio.control(app)

    def post(
        self,
        function: Any,
        body: object,
        headers: Mapping[str, str] | None = None,
        *,
        path: str = "/",
        method: str = "POST",
    ) -> Answer:
        """Await it with a request of Starlette."""
        response = asyncio.run(function(starlette_request(_bytes(body), headers or {}, path, method)))
        return Answer(response.status_code, response.headers, _document(response.body))

    def deliver(self, function: Any, event: CloudEvent) -> None:
        """Await it with the event."""
        assert asyncio.run(function(event)) == "OK"

    def push(self, function: Any, body: bytes, headers: Mapping[str, str]) -> None:
        """Await it with a request of Starlette."""
        assert asyncio.run(function(starlette_request(body, headers, "/", "POST"))) == "OK"


FRONTS: tuple[Front, ...] = (Threaded(), Awaited())


def _document(text: str | bytes) -> Any:
    """Return what a body says: JSON unless it is of events, and None if it is empty."""
    return json.loads(text) if text[:1] in {"{", b"{"} else text or None


def _bytes(body: object) -> bytes:
    return body if isinstance(body, bytes) else json.dumps(body).encode()


def _flask_request(body: bytes, headers: Mapping[str, str], path: str, method: str) -> flask.Request:
    builder = EnvironBuilder(path, method=method, data=body, headers=[*headers.items()])
    return flask.Request(builder.get_environ() | {"RAW_URI": path})  # as gunicorn has it


def starlette_request(body: bytes, headers: Mapping[str, str], path: str, method: str) -> Request:
    """Return a request as Starlette has it."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    named = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    raw_path, _, query = path.partition("?")
    scope = {
        "type": "http",
        "method": method,
        "path": unquote(raw_path),
        "raw_path": raw_path.encode(),
        "query_string": query.encode(),
        "headers": named,
    }
    return Request(scope, receive)
