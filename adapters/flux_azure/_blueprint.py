"""The blueprint: the functions by which a function app of Azure runs a workflow."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from flux_azure._functions.source import Source
from flux_core import InvalidInput
from flux_core._serving.served import Steering
from flux_core._serving.service import MAX_BODY, Service

if TYPE_CHECKING:
    from collections.abc import Mapping

    import azure.functions as func

    from flux_core import App, Workflow
    from flux_core._serving.choice import Route
    from flux_core._serving.served import Control
    from flux_core._serving.service import Key

EVERY_MINUTE: Final = "0 * * * * *"
STORAGE: Final = "AzureWebJobsStorage"
SERVICE_BUS: Final = "ServiceBusConnection"
EVENT_HUBS: Final = "EventHubConnection"
ROUTE: Final = re.compile(r"[\w-]+(?:/[\w-]+)*", re.ASCII)


def message_id(message: func.QueueMessage) -> str:
    """Return the id of a message of Queue Storage.

    Given as `key=flux_azure.message_id` it says that this id is good enough for a workflow with commits, although
    a message that is put back from a poison queue has a new one, and is a new run. What comes from other sources
    is then identified as if there were no `key`.
    """
    return message.id or ""


def blueprint(
    app: App | Workflow[Any, Any],
    *,
    workflow: str | Workflow[Any, Any] | None = None,
    route: Route | None = None,
    key: Key | None = None,
    http: str | None = None,
    queue: str | None = None,
    service_bus: str | tuple[str, str] | None = None,
    event_grid: bool = False,
    event_hub: str | None = None,
    connection: str | None = None,
    timer: str | None = EVERY_MINUTE,
    max_body: int = MAX_BODY,
    control: Control = False,
    tokens: Mapping[str, str] | None = None,
    control_route: str = "flux",
) -> func.Blueprint:
    """Return the functions that run a workflow on what comes from each of the sources that are named.

        app = func.FunctionApp()
        app.register_functions(flux_azure.blueprint(orders, http="orders", queue="orders", key=...))

    docs/azure.md says for each source what the input is, what names the run, and what makes it come again.

    Args:
        app: what serves the workflows, or one workflow alone. One without a store is put on the store that the
            setting `FLUX_STORE` names by its URL, or on an SQLite file, which only suits a trial.
        workflow: the workflow to run, or its name; not needed if the app has one.
        route: gives the name of the workflow to run, where there are several. It is called with what the worker
            delivers, a `func.HttpRequest`, a `func.EventGridEvent` and so on: with
            `route=lambda event: event.event_type` each type of event has its workflow.
        key: gives the run's id from the input, parsed and not yet typed, whichever source it came from. A key that
            cannot be an id (1 to 128 of `A-Z a-z 0-9 . _ : @ -`) is replaced by its SHA-256. Without it the
            event's own identity is the id. As that of a message of Queue Storage changes when it is put back from
            the poison queue, a workflow with commits refuses those unless it is given a `key`, or
            `key=flux_azure.message_id`.
        http: the route of an HTTP function, below `/api/`. Who may call it is the function app's to say:
            `func.FunctionApp(http_auth_level=...)`, by default who has a function key.
        queue: a queue of Queue Storage.
        service_bus: a queue of Service Bus or, as `(topic, subscription)`, a subscription.
        event_grid: whether there is a function for subscriptions of Event Grid; it is called `event_grid`.
        event_hub: an event hub.
        connection: the setting that says how the source is reached, such as `Orders` where there is a setting
            `Orders__queueServiceUri`. By default `AzureWebJobsStorage` for the queue, `ServiceBusConnection` for
            Service Bus and `EventHubConnection` for the event hub.
        timer: when what is due is gone on with, in NCRONTAB. With it comes the function that the app's
            `QueueWaker` wakes. None is for a second blueprint of one app, which leaves both to the first.
        max_body: the most bytes that the body of an HTTP request may have.
        control: whether there is a function by which requests look at runs and steer them: `True` for who has a token,
            `"platform"` for whoever the function app lets through, by default who has a function key.
        tokens: `"read"` or `"operate"` by token, for `control=True`; by default those of the settings
            `FLUX_READ_TOKEN` and `FLUX_OPERATE_TOKEN`.
        control_route: the route below which that function is, itself below `/api/`: `/api/flux/runs`.

    Raises:
        InvalidInput: azure-functions is not installed, `max_body` is below 1, nothing says who may steer,
            `control_route` is none, or `functionTimeout` is no time.
        InvalidWorkflow: `workflow` is needed and missing, is not the app's, or is given beside `route`.
        UnknownWorkflow: the app has no workflow of that name.
    """
    trusts_message_ids = key is message_id
    service = Service.of(
        app,
        workflow=workflow,
        route=route,
        key=None if trusts_message_ids else key,
        trusts_message_ids=trusts_message_ids,
        max_body=max_body,
    )
    wakes = None if timer is None else getattr(service.app.waker, "queue_name", None)
    steering = Steering.of(control, tokens)
    sources = (
        Source("http", http),
        Source("control", None if steering is None else _checked(control_route)),
        Source("queue", queue, connection or STORAGE),
        Source("service_bus", service_bus, connection or SERVICE_BUS),
        Source("event_grid", "" if event_grid else None),
        Source("event_hub", event_hub, connection or EVENT_HUBS),
        Source("tick", timer),
        Source("wake", wakes, STORAGE),
    )
    try:
        from flux_azure._functions.made import functions
    except ModuleNotFoundError as error:
        if error.name not in {"azure", "azure.functions"}:
            raise
        raise InvalidInput("a blueprint is made by azure-functions: pip install azure-functions") from error
    return functions(service, steering, [source for source in sources if source.what is not None])


def _checked(route: str) -> str:
    if not ROUTE.fullmatch(route):
        raise InvalidInput(
            f"expected a route of letters, digits, _ and -, such as flux or ops/flux; got {route!r}",
            path="control_route",
        )
    return route
