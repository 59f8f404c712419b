"""The router: a request finds its route, is let in, is read and checked, and is answered; nothing is raised."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from flux_core import InvalidInput, RunBusy
from flux_core._document import UnreadableRun
from flux_core._http.call import Call
from flux_core._http.parameters import read_query
from flux_core._http.paths import decoded, is_meant_for, matched, not_allowed
from flux_core._http.refused import NOT_FOUND, READ_ONLY, Refused
from flux_core._http.routes import ROUTES
from flux_core._http.unchanged import tagged
from flux_core._serving.body import MalformedBody, parse_body
from flux_core._serving.http import Reply, failure, refusal
from flux_core._serving.problem import BODY_TOO_LARGE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flux_core._http.access import Access
    from flux_core._http.route import Body, Route
    from flux_core._http.runs import Runs
    from flux_core._serving.http import Request
    from flux_core._serving.service import Service

log: Final = logging.getLogger("flux")

CACHING: Final = {"Cache-Control": "no-cache"}
"""Runs change: whoever keeps an answer is to ask whether it is still true."""

UNEXPLAINED: Final[Mapping[int, str]] = {
    500: "that is no fault of the request; what has happened is in the log of whatever serves this",
    503: "the store cannot be used; what it said is in the log of whatever serves this",
}
"""What is said of a failure whose own words may name places and secrets, by its status."""


class Router:
    """Serves the API of an app.

    Args:
        service: what acts are done on, and runs are started by.
        access: who may look and who may act.
        runs: what is looked at; None looks at the service's app.
        acts: False where nothing can be done to the runs that are looked at, such as those of a trace.
    """

    def __init__(
        self, service: Service, *, access: Access, runs: Runs | None = None, acts: bool = True
    ) -> None:
        self._service = service
        self._access = access
        self._runs: Runs = service.app if runs is None else runs
        self._acts = acts

    @staticmethod
    def handles(path: str) -> bool:
        """Whether the path, percent-encoded and without a query, is meant for the API; its first segment says so.

        So is what nearly is one of its paths, or ends like one that is posted to: it is answered that there is nothing.
        """
        return is_meant_for(path, FIRST_SEGMENTS, POSTED)

    def respond(self, request: Request, *, deadline: float | None) -> Reply:
        """Return the answer to a request.

        Args:
            request: what is asked, its path without what the front puts before it.
            deadline: when the function is killed, in `time.monotonic()` seconds; None if nobody says.
        """
        try:
            reply = self._reply(request, deadline)
            reply = reply._replace(
                document=reply.text
            )  # made here: a value may be no JSON, and a long one takes time
        except Refused as refused:
            reply = refusal(refused.problem)
        except Exception as error:  # noqa: BLE001 (whatever it is, the client is answered, and the log knows)
            reply = _failed(error)
        headers = CACHING | dict(reply.headers)
        return reply._replace(headers=headers, document="" if request.method == "HEAD" else reply.document)

    def _reply(self, request: Request, deadline: float | None) -> Reply:
        route, path = _routed(request)
        headers = {name.lower(): value for name, value in request.headers.items()}
        if route.role is not None:
            self._access.check(request, headers, route.role)
        if route.acts and not self._acts:
            raise Refused(
                READ_ONLY,
                "runs can only be looked at here; to act on them, serve the app that they are runs of over their store",
            )
        body = self._body(request, route.body) if route.acts else None
        call = Call(
            self._service,
            self._runs,
            path={each.name: each.read(each.name, path[each.name]) for each in route.path_parameters},
            query=read_query(request.query, route.query),
            headers=headers,
            body=body,
            deadline=deadline,
        )
        reply = route.serve(call)
        return reply if route.acts else tagged(reply, headers)

    def _body(self, request: Request, expected: Body | None) -> Any:
        """Return the value of the body, whose fields are known.

        Raises:
            MalformedBody: it is missing, or no JSON.
            InvalidInput: it is not an object of the fields that it may have.
            Refused: it is too long.
        """
        body = request.body()
        if len(body) > self._service.max_body:
            detail = f"the body has {len(body):,} bytes; this function takes {self._service.max_body:,}"
            raise Refused(BODY_TOO_LARGE, detail)
        if not body and not (expected and expected.needed):
            return None
        if not body:
            raise MalformedBody("there is no body; send it as JSON")
        value = parse_body(body)
        fields = {} if expected is None else expected.fields
        if fields is not None:
            _check_fields(value, fields)
        return value


def _check_fields(value: object, fields: Mapping[str, Any]) -> None:
    known = ", ".join(fields) or "none"
    if not isinstance(value, dict):
        raise InvalidInput(f"expected an object with these fields: {known}", path="body")
    for name in value:
        if name not in fields:
            raise InvalidInput(f"unknown field; there are: {known}", path=name[:200])


def _routed(request: Request) -> tuple[Route, dict[str, str]]:
    """Return the route of a request, and the variable segments of its path.

    Raises:
        Refused: nothing is there, it takes another method, or the path cannot be read.
    """
    segments = request.path.split("/")[1:]
    for pattern, methods in PATTERNS:
        variables = matched(pattern, segments)
        if variables is None:
            continue
        method = "GET" if request.method == "HEAD" else request.method
        if method not in methods:
            raise not_allowed(request.method, [*methods, "HEAD"] if "GET" in methods else [*methods])
        return methods[str(method)], {name: decoded(segment) for name, segment in variables.items()}
    raise Refused(
        NOT_FOUND, f"there is nothing at {request.path[:200]!r}; see what there is at /openapi.json"
    )


def _failed(error: Exception) -> Reply:
    """Return the answer to a request that has raised an error; to who may act, more is said than to a customer."""
    reply = failure(error)
    detail = str(error) if isinstance(error, RunBusy | UnreadableRun) else UNEXPLAINED.get(reply.status)
    if detail is None or isinstance(reply.document, str):
        return reply
    return reply._replace(document={**reply.document, "detail": detail})


def _patterns() -> list[tuple[list[str], dict[str, Route]]]:
    """Return the segments of each path, with its routes by method; paths without variables come first."""
    paths: dict[str, dict[str, Route]] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method] = route
    return [(path.split("/")[1:], paths[path]) for path in sorted(paths, key=lambda path: "{" in path)]


PATTERNS: Final = _patterns()
FIRST_SEGMENTS: Final = frozenset(pattern[0] for pattern, _ in PATTERNS)
POSTED: Final = [pattern for pattern, methods in PATTERNS if "POST" in methods]
