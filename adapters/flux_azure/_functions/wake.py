"""The waker's own queue, the only one whose messages are control commands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import azure.functions as func  # noqa: TC002 (the worker reads the annotations)

from flux_core._serving.body import MalformedBody, from_base64, parse_body
from flux_core._serving.delivery import Delivery, Undone

if TYPE_CHECKING:
    from flux_azure._functions.front import Front
    from flux_azure._functions.source import Source


def add(front: Front, source: Source) -> None:
    """Add the function."""

    @front.blueprint.function_name("wake")
    @front.blueprint.queue_trigger("message", queue_name=source.name, connection=source.connection)
    def wake(message: func.QueueMessage, context: func.Context) -> None:
        from flux_core._serving.control.wake_up import obey  # an order needs none of it

        with front.serving(message, context) as (service, invocation):
            command = _command(message.get_body())
            delivery = Delivery(f"wake-up {message.id}", message, message.id or "", lambda: command)
            if not obey(service, invocation, delivery, command):
                raise Undone(f"{delivery.name} is to come again; the log says why")


def _command(body: bytes) -> dict[str, Any]:
    """Return the command that a message carries.

    Raises:
        MalformedBody: it carries none; it comes again until it is with the poison, for somebody to look at.
    """
    # A host whose messageEncoding is "none" hands the waker's base64 over as it is.
    said = parse_body(body if body.startswith(b"{") else from_base64(body.decode("latin-1")))
    if isinstance(said, dict) and said.keys() == {"flux"} and isinstance(said["flux"], dict):
        command: dict[str, Any] = said["flux"]
        return command
    raise MalformedBody(
        'the queue is for wake-ups alone, {"flux": {"action": "wake", ...}}; send inputs elsewhere'
    )
