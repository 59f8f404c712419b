"""Event Grid: an event's data is the workflow's input, and its topic and id name the run.

Events of both schemas are taken, Event Grid's own and CloudEvents, which have a source in the topic's place: ids mean
something beside either only. An invocation that raises an error has Event Grid bring the event again for up to a day,
and then put it where the subscription says that dead letters go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import azure.functions as func  # noqa: TC002 (the worker reads the annotations)

from flux_azure._functions.source import trace_among
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
    # An older worker makes an Event Grid event of a CloudEvent too, and leaves both out.
    place = getattr(event, "source", None) or event.topic
    identity = ":".join(filter(None, (place, event.id)))
    traced = trace_among(getattr(event, "extension_attrs", None))
    return Delivery(f"event {identity}", event, identity, lambda: _data(event), traceparent=traced)


def _data(event: func.EventGridEvent) -> Any:
    data = event.get_json()
    if data is None:
        raise MalformedBody("the event has no data; publish the workflow's input as its data")
    return data
