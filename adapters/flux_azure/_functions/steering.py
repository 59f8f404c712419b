"""The HTTP API below a route of its own: runs to look at and to steer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import azure.functions as func  # noqa: TC002 (the worker reads the annotations)

from flux_azure._functions.http import respond
from flux_core._serving.http import Request

if TYPE_CHECKING:
    from flux_azure._functions.front import Front
    from flux_azure._functions.source import Source

KEYS: Final = ("code", "clientId")
"""The parameters by which a function key may be sent, and its name; the host has checked them, and leaves them there:
https://learn.microsoft.com/azure/azure-functions/function-keys-how-to"""


def add(front: Front, source: Source) -> None:
    """Add the function, for every method and every path below the route."""

    @front.blueprint.function_name(source.function)
    @front.blueprint.route(route=f"{source.name}/{{*path}}", trigger_arg_name="request")
    def steer(request: func.HttpRequest, context: func.Context) -> func.HttpResponse:
        return respond(front, _asked(request, source.name), context, apart=True)


def _asked(request: func.HttpRequest, route: str) -> Request:
    """Return what a request asks; the host tells its URL with the path encoded as it was sent."""
    url = urlsplit(request.url)
    # The host matches routes in any case, below a prefix that host.json may say.
    _, found, _ = url.path.lower().partition(f"/{route.lower()}/")
    path = url.path[url.path.lower().index(found) + len(found) - 1 :] if found else "/"
    query = "&".join(pair for pair in url.query.split("&") if pair.partition("=")[0] not in KEYS)
    return Request(request.method, request.headers, request.get_body, request, path, query)
