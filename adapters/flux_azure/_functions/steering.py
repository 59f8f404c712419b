"""The HTTP API below a route of its own: runs to look at and to steer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_plus, urlsplit

import azure.functions as func  # noqa: TC002 (the worker reads the annotations)

from flux_azure._functions.http import respond
from flux_core._serving.http import Request

if TYPE_CHECKING:
    from flux_azure._functions.front import Front
    from flux_azure._functions.source import Source

KEYS: Final = ("code", "clientid")
"""The parameters by which a function key may be sent, in any case, and its name; the host has checked them, and
leaves them there: https://learn.microsoft.com/azure/azure-functions/function-keys-how-to"""


def add(front: Front, source: Source) -> None:
    """Add the function, for every method and every path below the route."""

    @front.blueprint.function_name(source.function)
    @front.blueprint.route(route=f"{source.name}/{{*path}}", trigger_arg_name="request")
    def steer(request: func.HttpRequest, context: func.Context) -> func.HttpResponse:
        return respond(front, _asked(request, source.name), context, apart=True)


def _asked(request: func.HttpRequest, route: str) -> Request:
    """Return what a request asks; the host tells its URL with the path encoded as it was sent."""
    url = urlsplit(request.url)
    query = "&".join(pair for pair in url.query.split("&") if not _is_key(pair))
    path = _below(url.path, route, request.route_params.get("path"))
    return Request(request.method, request.headers, request.get_body, request, path, query)


def _below(path: str, route: str, rest: str | None) -> str:
    """Return the part of a path that is below the route, which the host finds in any case.

    Before the route stands the prefix that host.json says. If that has the route's name in it, the number of segments
    that the host has found below the route tells which of them is the route.
    """
    found = [
        path[place + len(route) + 1 :]
        for place in range(len(path))
        if path[place:].lower().startswith(f"/{route.lower()}/")
    ]
    fitting = [below for below in found if rest is not None and below.count("/") == rest.count("/") + 1]
    return next(iter([*fitting, *found]), "/")


def _is_key(pair: str) -> bool:
    return unquote_plus(pair.partition("=")[0]).lower() in KEYS
