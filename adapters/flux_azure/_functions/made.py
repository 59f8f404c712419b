"""Making the functions of a blueprint. A new kind of source is one more entry in `MAKERS`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flux_azure._functions import event_grid, event_hub, http, queue, service_bus, steering, tick, wake
from flux_azure._functions.front import Front

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import azure.functions as func

    from flux_azure._functions.source import Source
    from flux_core._serving.served import Steering
    from flux_core._serving.service import Service

MAKERS: Final[Mapping[str, Callable[[Front, Source], None]]] = {
    "http": http.add,
    "control": steering.add,
    "queue": queue.add,
    "service_bus": service_bus.add,
    "event_grid": event_grid.add,
    "event_hub": event_hub.add,
    "tick": tick.add,
    "wake": wake.add,
}


def functions(service: Service, steered: Steering | None, sources: Iterable[Source]) -> func.Blueprint:
    """Return a blueprint with a function for each source.

    Raises:
        InvalidInput: the time-out that the functions have cannot be read.
    """
    front = Front(service, steered)
    for source in sources:
        MAKERS[source.kind](front, source)
    return front.blueprint
