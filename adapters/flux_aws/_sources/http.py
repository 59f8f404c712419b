"""HTTP: API Gateway's REST APIs (payload 1.0) and HTTP APIs (1.0 and 2.0), and function URLs (2.0).

REST APIs keep the case in which a client wrote the name of a header.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flux_aws._sources.source import Source
from flux_aws._sources.urls import path_of, query_of
from flux_core._serving.body import from_base64
from flux_core._serving.http import Request
from flux_core._serving.trace_context import traceparent_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flux_core._invocation import Invocation
    from flux_core._serving.served import Served


def request_of(
    event: dict[str, Any], *, method: str | None, headers: Mapping[str, str], path: str, query: str
) -> Request:
    """Return the request that an event is."""
    return Request(method, headers, lambda: _body(event), event, path, query)


def _body(event: dict[str, Any]) -> bytes:
    body: str = event.get("body") or ""
    if event.get("isBase64Encoded"):
        return from_base64(body)
    return body.encode("utf-8", "surrogatepass")  # what is no text is refused with the rest that is no JSON


def _method(event: dict[str, Any]) -> str | None:
    """Return the request's method, or None if the event is none of API Gateway or a function URL."""
    request = event.get("requestContext")
    if not isinstance(request, dict) or "elb" in request:  # a load balancer has an httpMethod as well
        return None
    method: str | None = request["http"]["method"] if "http" in request else event.get("httpMethod")
    return method


def _headers(event: dict[str, Any]) -> dict[str, str]:
    return event.get("headers") or {}


def _respond(served: Served, invocation: Invocation) -> dict[str, Any]:
    event = invocation.event
    request = request_of(
        event, method=_method(event), headers=_headers(event), path=path_of(event), query=query_of(event)
    )
    answer = served.reply(request, deadline=invocation.deadline)
    return {"statusCode": answer.status, "headers": dict(answer.headers), "body": answer.text}


HTTP = Source(
    "an HTTP request (REST API, HTTP API, function URL)",
    lambda event: _method(event) is not None,
    _respond,
    lambda event: traceparent_in(_headers(event)),
)
