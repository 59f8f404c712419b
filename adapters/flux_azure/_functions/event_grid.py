"""Event Grid: an event's data is the workflow's input, and its id names the run.

Events of both schemas are taken, Event Grid's own and CloudEvents. An invocation that raises an error has Event Grid
bring the event again for up to a day, and then put it where the subscription says that dead letters go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import azure.functions as func  # noqa: TC002 (the worker reads the annotations)

from flux_core._serving.body import MalformedBody
from flux_core._serving.delivery import Delivery, run_or_raise

if TYPE_CHECKING:
    from flux_azure._functions.front import Front
    from flux_azure._functions.source import Source


def add(front: Front, source: Source) -> None:
    """Add the function."""

    @front.blueprint.function_name(source.function)
    @front.blueprint.event_grid_trigger("event")
    def serve(event: func.EventGridEvent, context: func.Context) -> None:
        with front.serving(event, context) as (service, invocation):
            run_or_raise(service, invocation, [_delivery(event)])


def _delivery(event: func.EventGridEvent) -> Delivery:
    return Delivery(f"event {event.id}", event, event.id, lambda: _data(event))


def _data(event: func.EventGridEvent) -> Any:
    data = event.get_json()
    if data is None:
        raise MalformedBody("the event has no data; publish the workflow's input as its data")
    return data
