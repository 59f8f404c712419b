"""Service Bus: a message of a queue or of a subscription is the workflow's input, and its MessageId names the run.

An invocation that raises an error has the message come again, until the entity's maximum delivery count puts it with
its dead letters. The sender chooses the MessageId: it means something beside its queue or topic only. One that is sent
without is named by its sequence number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import azure.functions as func  # noqa: TC002 (the worker reads the annotations)

from flux_azure._functions.source import trace_among
from flux_core._serving.body import parse_body
from flux_core._serving.delivery import Delivery, run_or_raise

if TYPE_CHECKING:
    from flux_azure._functions.front import Front
    from flux_azure._functions.source import Source


def add(front: Front, source: Source) -> None:
    """Add the function."""
    if isinstance(source.what, tuple):
        trigger = front.blueprint.service_bus_topic_trigger("message", source.connection, *source.what)
    else:
        trigger = front.blueprint.service_bus_queue_trigger("message", source.connection, source.name)

    @front.blueprint.function_name(source.function)
    @trigger
    def serve(message: func.ServiceBusMessage, context: func.Context) -> None:
        with front.serving(message, context) as (service, invocation):
            run_or_raise(service, invocation, [_delivery(source, message)])


def _delivery(source: Source, message: func.ServiceBusMessage) -> Delivery:
    identity = f"{source.name}:{message.message_id or message.sequence_number}"
    return Delivery(
        f"message {identity}",
        message,
        identity,
        lambda: parse_body(message.get_body()),
        traceparent=trace_among(message.application_properties),
    )
