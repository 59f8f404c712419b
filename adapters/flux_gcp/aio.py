"""The functions of `flux_gcp` as coroutines, for functions-framework's event loop (`FUNCTION_USE_ASGI=true`).

    import flux_gcp.aio

    order = flux_gcp.aio.http(app)

A run works in a thread of its own, so that the loop is free for other requests; as many work at once as the loop's
default executor has threads.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from flux_core._serving.http import Request
from flux_core._serving.served import Steering
from flux_core._serving.service import MAX_BODY, Service
from flux_gcp._front import Front, lowered, written
from flux_gcp._functions import served_by_commands

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from cloudevents.http import CloudEvent
    from starlette import requests, responses

    from flux_core import App, Workflow
    from flux_core._invocation import Invocation
    from flux_core._serving.choice import Route
    from flux_core._serving.http import Reply
    from flux_core._serving.served import Control
    from flux_core._serving.service import Key

__all__ = ["cloud_event", "control", "http"]


def http(
    app: App | Workflow[Any, Any],
    *,
    workflow: str | Workflow[Any, Any] | None = None,
    route: Route | None = None,
    key: Key | None = None,
    max_body: int = MAX_BODY,
    control: Control = False,
    tokens: Mapping[str, str] | None = None,
) -> Callable[[requests.Request], Awaitable[responses.Response]]:
    """Return `flux_gcp.http` as a coroutine function; its route is given a request of Starlette."""
    service = Service.of(app, workflow=workflow, route=route, key=key, max_body=max_body)
    front = Front(service, Steering.of(control, tokens))

    async def respond(request: requests.Request) -> responses.Response:
        return await _response(request, front, front.answer)

    return respond


def cloud_event(
    app: App | Workflow[Any, Any],
    *,
    workflow: str | Workflow[Any, Any] | None = None,
    route: Route | None = None,
    key: Key | None = None,
) -> Callable[[CloudEvent | requests.Request], Awaitable[str]]:
    """Return `flux_gcp.cloud_event` as a coroutine function.

    On the event loop functions-framework does not read what a subscription of Pub/Sub itself pushes, and passes no
    headers on with an event, of which the trace is one: deployed with signature `http` the function has both.
    """
    front = Front(Service.of(app, workflow=workflow, route=route, key=key))

    async def respond(delivered: Any) -> str:
        if not hasattr(delivered, "headers"):
            await asyncio.to_thread(front.run, delivered, front.invocation(delivered, {}))
            return "OK"
        from flux_gcp._events.requests import event_in

        headers = lowered(delivered.headers)
        event = event_in(headers, await delivered.body())
        await asyncio.to_thread(front.run, event, front.invocation(event, headers))
        return "OK"

    return respond


def control(
    app: App | Workflow[Any, Any],
) -> Callable[[requests.Request], Awaitable[responses.Response]]:
    """Return `flux_gcp.control` as a coroutine function."""
    front = Front(served_by_commands(app))

    async def respond(request: requests.Request) -> responses.Response:
        return await _response(request, front, front.obey)

    return respond


async def _response(
    request: requests.Request, front: Front, serve: Callable[[Request, Invocation], Reply]
) -> responses.Response:
    """Have a thread serve a request, and return the answer as Starlette writes it."""
    from starlette.responses import Response

    headers = lowered(request.headers)
    invocation = front.invocation(request, headers)
    body = await request.body()
    path: bytes = (
        request.scope.get("raw_path") or quote(request.scope["path"]).encode()
    )  # ASGI leaves it optional
    query: bytes = request.scope["query_string"]
    asked = Request(
        request.method, headers, lambda: body, request, path.decode("latin-1"), query.decode("latin-1")
    )
    text, status, heading = written(await asyncio.to_thread(serve, asked, invocation))
    return Response(text, status, heading)
