"""HTTP: API Gateway's REST APIs (payload 1.0) and HTTP APIs (1.0 and 2.0), and function URLs (2.0).

The body is the workflow's input, the answer its result. Without a `key=` the run's id is the header
`Idempotency-Key`; without that header each request is a new run.
"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any, Final

from flux_aws._body import MalformedBody, parse_body
from flux_aws._problem import (
    LOWEST_UNEXPLAINED,
    METHOD_NOT_ALLOWED,
    PROBLEM_JSON,
    STATUSES,
    problem,
    problem_of_error,
    problem_of_run,
)
from flux_aws._source import Source, answer
from flux_core import InvalidId

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flux_aws._problem import Problem
    from flux_aws._service import Service
    from flux_aws._source import Invocation

log: Final = logging.getLogger("flux")


def _recognises(event: dict[str, Any]) -> bool:
    return _method(event) is not None


def _method(event: dict[str, Any]) -> str | None:
    """Return the request's method, or None if the event is none of API Gateway or a function URL."""
    request = event.get("requestContext")
    if not isinstance(request, dict) or "elb" in request:  # a load balancer has an httpMethod as well
        return None
    method: str | None = request["http"]["method"] if "http" in request else event.get("httpMethod")
    return method


def _respond(service: Service, invocation: Invocation) -> dict[str, Any]:
    event = invocation.event
    method = _method(event)
    if method != "POST":
        detail = f"{method} does not start a run; POST the workflow's input"
        return _refusal(problem(METHOD_NOT_ALLOWED, detail, headers={"Allow": "POST"}))
    try:
        result = service.execute(
            parse_body(_body(event)), identity=_idempotency_key(event), deadline=invocation.deadline
        )
    except Exception as error:
        refused = problem_of_error(error)
        if refused.status >= LOWEST_UNEXPLAINED:
            log.exception("a request for workflow %s failed", service.workflow.name)
        return _refusal(refused)
    if failed := problem_of_run(result):
        log.warning("run %s is %s; see why with: flux show %s", result.id, result.status, result.id)
        return _refusal(failed)
    stands = answer(result)
    stands.pop(
        "error", None
    )  # that of a run which is being rolled back may say more than the client is to know
    return _response(STATUSES[result.status], "application/json", stands)


def _body(event: dict[str, Any]) -> str | bytes | None:
    body: str | None = event.get("body")
    if not body or not event.get("isBase64Encoded"):
        return body
    from base64 import b64decode  # few bodies need it

    try:
        return b64decode(body, validate=True)
    except ValueError:
        raise MalformedBody("the body is said to be base64, and is not") from None


def _idempotency_key(event: dict[str, Any]) -> str | None:
    """Return the header; REST APIs keep the case in which a client wrote its name.

    Raises:
        InvalidId: it is empty, and would make one run of all that are sent so.
    """
    headers: Mapping[str, str] = event.get("headers") or {}
    key = next((value for name, value in headers.items() if name.lower() == "idempotency-key"), None)
    if key is not None and not key.strip():
        raise InvalidId("the header Idempotency-Key is empty; name the request by it, or leave it out")
    return key


def _refusal(refused: Problem) -> dict[str, Any]:
    return _response(refused.status, PROBLEM_JSON, refused.document, refused.headers)


def _response(
    status: int, content_type: str, body: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> dict[str, Any]:
    return {
        "statusCode": status,
        "headers": {"Content-Type": content_type, **(headers or {})},
        "body": json.dumps(body),
    }


HTTP = Source("an HTTP request (REST API, HTTP API, function URL)", _recognises, _respond)
