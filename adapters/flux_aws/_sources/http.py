"""HTTP: API Gateway's REST APIs (payload 1.0) and HTTP APIs (1.0 and 2.0), and function URLs (2.0).

The body is the workflow's input, the answer its result. Without a `key=` the run's id is the header
`Idempotency-Key`; without that header each request is a new run.
"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from flux_aws._problem import (
    BODY_TOO_LARGE,
    LOWEST_UNEXPLAINED,
    METHOD_NOT_ALLOWED,
    PROBLEM_JSON,
    STATUSES,
    problem,
    problem_of_error,
    problem_of_run,
)
from flux_aws._sources.body import from_base64, parse_body
from flux_aws._sources.source import Source, answer
from flux_core import InvalidId

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flux_aws._problem import Problem
    from flux_aws._service import Service
    from flux_aws._sources.source import Invocation

log: Final = logging.getLogger("flux")


class Reply(NamedTuple):
    """What is answered, before it is written as its front wants it."""

    status: int
    headers: Mapping[str, str]
    document: Mapping[str, Any]


def reply(
    service: Service, invocation: Invocation, *, method: str | None, headers: Mapping[str, str]
) -> Reply:
    """Run the workflow on the body of a request, and return the answer."""
    if method != "POST":
        detail = f"{method} does not start a run; POST the workflow's input"
        return _refusal(problem(METHOD_NOT_ALLOWED, detail, headers={"Allow": "POST"}))
    event = invocation.event
    try:
        body = _body(event)
        if len(body) > service.max_body:
            detail = f"the body has {len(body):,} bytes; this function takes {service.max_body:,}"
            return _refusal(problem(BODY_TOO_LARGE, detail))
        result = service.execute(
            event, parse_body(body), identity=_idempotency_key(headers), deadline=invocation.deadline
        )
    except Exception as error:
        refused = problem_of_error(error)
        if refused.status >= LOWEST_UNEXPLAINED:
            log.exception("a request failed")
        return _refusal(refused)
    if failed := problem_of_run(result):
        log.warning("run %s is %s; see why with: flux show %s", result.id, result.status, result.id)
        return _refusal(failed)
    stands = answer(result)
    stands.pop("error", None)  # of a run that is being rolled back it may say more than the client is to know
    return Reply(STATUSES[result.status], {"Content-Type": "application/json"}, stands)


def _refusal(refused: Problem) -> Reply:
    return Reply(refused.status, {"Content-Type": PROBLEM_JSON, **refused.headers}, refused.document)


def _body(event: dict[str, Any]) -> bytes:
    body: str = event.get("body") or ""
    if event.get("isBase64Encoded"):
        return from_base64(body)
    return body.encode("utf-8", "surrogatepass")  # what is no text is refused with the rest that is no JSON


def _idempotency_key(headers: Mapping[str, str]) -> str | None:
    """Return the header; REST APIs keep the case in which a client wrote its name.

    Raises:
        InvalidId: it is empty, and would make one run of all that are sent so.
    """
    key = next((value for name, value in headers.items() if name.lower() == "idempotency-key"), None)
    if key is not None and not key.strip():
        raise InvalidId("the header Idempotency-Key is empty; name the request by it, or leave it out")
    return key


def _method(event: dict[str, Any]) -> str | None:
    """Return the request's method, or None if the event is none of API Gateway or a function URL."""
    request = event.get("requestContext")
    if not isinstance(request, dict) or "elb" in request:  # a load balancer has an httpMethod as well
        return None
    method: str | None = request["http"]["method"] if "http" in request else event.get("httpMethod")
    return method


def _respond(service: Service, invocation: Invocation) -> dict[str, Any]:
    event = invocation.event
    status, headers, document = reply(
        service, invocation, method=_method(event), headers=event.get("headers") or {}
    )
    return {"statusCode": status, "headers": headers, "body": json.dumps(document)}


HTTP = Source(
    "an HTTP request (REST API, HTTP API, function URL)",
    lambda event: _method(event) is not None,
    _respond,
)
