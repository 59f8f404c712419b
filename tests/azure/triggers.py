"""What the worker delivers to the functions of a blueprint, and the functions, to be called without a worker."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

import azure.functions as func
from azure.functions.meta import Datum
from azure.functions.queue import QueueMessage
from azure.functions.servicebus import ServiceBusMessage
from azure.functions.timer import TimerRequest

if TYPE_CHECKING:
    from collections.abc import Callable

TRACE: Final = "0af7651916cd43dd8448eb211c80319c"
SPAN: Final = "b7ad6b7169203331"


def functions(*blueprints: func.Blueprint) -> dict[str, Callable[..., Any]]:
    """Return the functions of a function app, by their names."""
    app = func.FunctionApp()
    for blueprint in blueprints:
        app.register_functions(blueprint)
    return {str(made.get_function_name()): made.get_user_function() for made in app.get_functions()}


def context(retries: tuple[int, int] = (0, 0), traceparent: str = f"00-{TRACE}-{SPAN}-01") -> Any:
    """Return what the worker says of an invocation that has been repeated so often, of so many times."""
    count, most = retries
    return SimpleNamespace(
        invocation_id="i-1",
        trace_context=SimpleNamespace(trace_parent=traceparent, trace_state=""),
        retry_context=SimpleNamespace(retry_count=count, max_retry_count=most),
    )


def as_text(body: object) -> bytes:
    """Return a body as it travels; a str is sent as it is."""
    return (body if isinstance(body, str) else json.dumps(body)).encode()


def queued(body: object, id: str = "m-1") -> func.QueueMessage:
    """Return a message of Queue Storage."""
    made: func.QueueMessage = QueueMessage(id=id, body=as_text(body))  # type: ignore[no-untyped-call]
    return made


def bus_message(
    body: object, id: str = "m-1", number: int = 7, properties: dict[str, Any] | None = None
) -> ServiceBusMessage:
    """Return a message of Service Bus."""
    return ServiceBusMessage(
        body=as_text(body),
        message_id=id,
        sequence_number=number,
        application_properties={} if properties is None else properties,
        user_properties={},
    )


def grid_event(data: Any, topic: str = "shop", type: str = "Shop.Ordered") -> func.EventGridEvent:
    """Return an event of Event Grid, in its own schema."""
    return func.EventGridEvent(
        id="e-1", data=data, topic=topic, subject="orders", event_type=type, event_time=None, data_version="1"
    )


def hub_events(
    *bodies: object,
    partition: str | None = "3",
    first: int = 41,
    properties: list[dict[str, Any]] | None = None,
) -> list[func.EventHubEvent]:
    """Return a batch of a partition of an event hub, numbered from `first` on."""
    told: dict[str, Any] = {} if partition is None else {"PartitionContext": {"PartitionId": partition}}
    if properties is not None:
        told["PropertiesArray"] = properties
    metadata = {name: Datum(json.dumps(value), "json") for name, value in told.items()}
    return [
        func.EventHubEvent(body=as_text(body), sequence_number=number, trigger_metadata=metadata)
        for number, body in enumerate(bodies, first)
    ]


def request(
    body: object, method: str = "POST", headers: dict[str, str] | None = None, *, path: str = "/api/orders"
) -> func.HttpRequest:
    """Return an HTTP request; its path is as the host has it in the URL, with the query."""
    return func.HttpRequest(method, f"https://shop.example{path}", headers=headers, body=as_text(body))


def tick() -> TimerRequest:
    """Return what a timer delivers."""
    return TimerRequest()
