"""HTTP: a request is answered with what its run has come to.

The body is the workflow's input, the answer its result. Without a `key=` the run's id is the header
`Idempotency-Key`; without that header each request is a new run.
"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from flux_core import InvalidId, StoreError
from flux_core._serving.answer import answer
from flux_core._serving.body import parse_body
from flux_core._serving.problem import (
    BODY_TOO_LARGE,
    LOWEST_UNEXPLAINED,
    METHOD_NOT_ALLOWED,
    PROBLEM_JSON,
    STATUSES,
    problem,
    problem_of_error,
    problem_of_run,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flux_core import App, Result
    from flux_core._serving.problem import Problem
    from flux_core._serving.service import Service

log: Final = logging.getLogger("flux")

JSON: Final = "application/json"


class Request(NamedTuple):
    """What is asked, read off whatever the front calls a request."""

    method: str | None
    headers: Mapping[str, str]
    """Their names in any case."""
    body: Callable[[], bytes]
    """Return the body; raises `MalformedBody`."""
    event: Any
    """The request as the platform delivered it, by which a route chooses the workflow."""
    path: str = "/"
    """As it was sent, percent-encoded, without what the platform puts before it and without the query."""
    query: str = ""
    """As it was sent."""
    trusted: bool = False
    """Whether the platform, or the loopback interface, vouches that the sender may operate."""


class Reply(NamedTuple):
    """What is answered, before it is written as its front wants it."""

    status: int
    headers: Mapping[str, str]
    document: Mapping[str, Any] | str
    """What is sent as JSON, or a text that is sent as it is."""

    @property
    def text(self) -> str:
        """The body."""
        return self.document if isinstance(self.document, str) else json.dumps(self.document)


def reply(service: Service, request: Request, *, deadline: float | None) -> Reply:
    """Run the workflow on the body of a request, and return the answer; nothing is raised."""
    if request.method != "POST":
        detail = f"{request.method} does not start a run; POST the workflow's input"
        return refusal(problem(METHOD_NOT_ALLOWED, detail, headers={"Allow": "POST"}))
    try:
        body = request.body()
        if len(body) > service.max_body:
            detail = f"the body has {len(body):,} bytes; this function takes {service.max_body:,}"
            return refusal(problem(BODY_TOO_LARGE, detail))
        identity = idempotency_key(request.headers)
        result = service.execute(request.event, parse_body(body), identity=identity, deadline=deadline)
    except Exception as error:  # noqa: BLE001 (whatever it is, the client is answered, and the log knows)
        return failure(error)
    return told(service.app, result)


def told(app: App, result: Result[Any]) -> Reply:
    """Return the answer that says what a run has come to, for whoever has started it."""
    if failed := problem_of_run(result):
        log.warning("run %s is %s; see why with: flux show %s", result.id, result.status, result.id)
        return refusal(failed)
    stands = answer(app, result)
    stands.pop("error", None)  # of a run that is being rolled back it may say more than the client is to know
    return Reply(STATUSES[result.status], {"Content-Type": JSON}, stands)


def failure(error: Exception) -> Reply:
    """Return the answer to a request that has raised an error; what it does not explain is logged.

    Of a store that does not answer there is no traceback: its error says which and why, at every request until it does.
    """
    refused = problem_of_error(error)
    if refused.status >= LOWEST_UNEXPLAINED:
        known = isinstance(error, StoreError)
        log.error("a request failed: %s: %s", type(error).__name__, error, exc_info=None if known else error)
    return refusal(refused)


def refusal(refused: Problem) -> Reply:
    """Return the answer that says a problem."""
    return Reply(refused.status, {"Content-Type": PROBLEM_JSON, **refused.headers}, refused.document)


def idempotency_key(headers: Mapping[str, str]) -> str | None:
    """Return the header; REST APIs keep the case in which a client wrote its name.

    Raises:
        InvalidId: it is empty, and would make one run of all that are sent so.
    """
    key = next((value for name, value in headers.items() if name.lower() == "idempotency-key"), None)
    if key is not None and not key.strip():
        raise InvalidId("the header Idempotency-Key is empty; name the request by it, or leave it out")
    return key
