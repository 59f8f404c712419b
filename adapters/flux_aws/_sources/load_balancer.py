"""Application load balancers: HTTP, with an answer that is written in their own way.

A target group that has multi-value headers on sends every header as a list, and wants them back so. A health check is
answered 200 without a run.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from flux_aws._sources.http import request_of
from flux_aws._sources.source import Source
from flux_core._serving.http import JSON, Reply, reply
from flux_core._serving.problem import phrase

if TYPE_CHECKING:
    from flux_core._invocation import Invocation
    from flux_core._serving.service import Service

CHECKER: Final = "ELB-HealthChecker/"
"""How the user agent of a health check begins."""


def _recognises(event: dict[str, Any]) -> bool:
    request = event.get("requestContext")
    return isinstance(request, dict) and "elb" in request


def _respond(service: Service, invocation: Invocation) -> dict[str, Any]:
    event = invocation.event
    many = "multiValueHeaders" in event
    headers: dict[str, str] = (
        {name: values[-1] for name, values in event["multiValueHeaders"].items()}
        if many
        else event.get("headers") or {}
    )
    if headers.get("user-agent", "").startswith(CHECKER):
        status, answered, document = Reply(200, {"Content-Type": JSON}, {"status": "healthy"})
    else:
        request = request_of(event, method=event.get("httpMethod"), headers=headers)
        status, answered, document = reply(service, request, deadline=invocation.deadline)
    return {
        "statusCode": status,
        "statusDescription": f"{status} {phrase(status)}",
        "isBase64Encoded": False,
        **(
            {"multiValueHeaders": {name: [value] for name, value in answered.items()}}
            if many
            else {"headers": answered}
        ),
        "body": json.dumps(document),
    }


LOAD_BALANCER = Source("an HTTP request of a load balancer", _recognises, _respond)
