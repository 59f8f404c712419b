"""Queue Storage: a message is the workflow's input.

An invocation that raises an error has the host show the message again, and after `maxDequeueCount` times put it into
the poison queue, `NAME-poison`. Both that and the time in between, `visibilityTimeout`, are of host.json.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import azure.functions as func  # noqa: TC002 (the worker reads the annotations)

from flux_core._serving.body import parse_body
from flux_core._serving.delivery import Delivery, run_or_raise

if TYPE_CHECKING:
    from flux_azure._functions.front import Front
    from flux_azure._functions.source import Source


def add(front: Front, source: Source) -> None:
    """Add the function."""

    @front.blueprint.function_name(source.function)
    @front.blueprint.queue_trigger("message", queue_name=source.name, connection=source.connection)
    def serve(message: func.QueueMessage, context: func.Context) -> None:
        with front.serving(message, context) as (service, invocation):
            run_or_raise(service, invocation, [_delivery(message)])


def _delivery(message: func.QueueMessage) -> Delivery:
    identity = message.id or ""
    return Delivery(
        f"message {identity}", message, identity, lambda: parse_body(message.get_body()), stable=False
    )
