"""HTTP: the body is the workflow's input, the answer its result."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import azure.functions as func

from flux_core._serving.http import JSON, Request, failure

if TYPE_CHECKING:
    from flux_azure._functions.front import Front
    from flux_azure._functions.source import Source
    from flux_core._serving.http import Reply

ANSWER_WITHIN: Final = 225.0
"""Seconds; the load balancer before every function app gives up after 230, and the function goes on unheard:
https://learn.microsoft.com/azure/azure-functions/functions-scale#timeout"""


def add(front: Front, source: Source) -> None:
    """Add the function; a method that starts no run is refused by it, with a problem document."""

    @front.blueprint.function_name(source.function)
    @front.blueprint.route(route=source.name, trigger_arg_name="request")
    def answer(request: func.HttpRequest, context: func.Context) -> func.HttpResponse:
        return respond(front, Request(request.method, request.headers, request.get_body, request), context)


def respond(
    front: Front, request: Request, context: func.Context, *, apart: bool = False
) -> func.HttpResponse:
    """Return the answer to a request, as the worker writes it; `apart` as in `Served.reply`."""
    status, headers, _ = answered = _reply(front, request, context, apart=apart)
    # What has no type, since it has no body, is not to be called text: 304 is about the JSON that a client has.
    return func.HttpResponse(answered.text, status_code=status, headers=dict(headers), mimetype=JSON)


def _reply(front: Front, request: Request, context: func.Context, *, apart: bool) -> Reply:
    try:
        with front.serving(request.event, context) as (_, invocation):
            ends = time.monotonic() + ANSWER_WITHIN
            deadline = ends if invocation.deadline is None else min(ends, invocation.deadline)
            return front.served().reply(request, deadline=deadline, apart=apart)
    except Exception as error:  # noqa: BLE001 (the store cannot be opened: the client is answered, and the log knows)
        return failure(error)
