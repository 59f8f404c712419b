"""Application load balancers: HTTP, with an answer that is written in their own way.

A target group that has multi-value headers on sends every header as a list, and wants them back so. A health check is
answered 200 without a run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flux_aws._sources.http import request_of
from flux_aws._sources.source import Source
from flux_aws._sources.urls import encoded, undecoded_query_of
from flux_core._serving.http import JSON, Reply
from flux_core._serving.problem import phrase
from flux_core._serving.trace_context import traceparent_in

if TYPE_CHECKING:
    from flux_core._invocation import Invocation
    from flux_core._serving.served import Served

CHECKER: Final = "ELB-HealthChecker/"
"""How the user agent of a health check begins."""


def _recognises(event: dict[str, Any]) -> bool:
    request = event.get("requestContext")
    return isinstance(request, dict) and "elb" in request


def _headers(event: dict[str, Any]) -> dict[str, str]:
    if "multiValueHeaders" in event:
        return {name: values[-1] for name, values in event["multiValueHeaders"].items()}
    return event.get("headers") or {}


def _respond(served: Served, invocation: Invocation) -> dict[str, Any]:
    answer = _answer(served, invocation)
    return {
        "statusCode": answer.status,
        "statusDescription": f"{answer.status} {phrase(answer.status)}",
        "isBase64Encoded": False,
        **(
            {"multiValueHeaders": {name: [value] for name, value in answer.headers.items()}}
            if "multiValueHeaders" in invocation.event
            else {"headers": dict(answer.headers)}
        ),
        "body": answer.text,
    }


def _answer(served: Served, invocation: Invocation) -> Reply:
    event, headers = invocation.event, _headers(invocation.event)
    if headers.get("user-agent", "").startswith(CHECKER):
        return Reply(200, {"Content-Type": JSON}, {"status": "healthy"})
    request = request_of(
        event,
        method=event.get("httpMethod"),
        headers=headers,
        path=encoded(event.get("path") or "/"),
        query=undecoded_query_of(event),
    )
    return served.reply(request, deadline=invocation.deadline)


LOAD_BALANCER = Source(
    "an HTTP request of a load balancer",
    _recognises,
    _respond,
    lambda event: traceparent_in(_headers(event)),
)
