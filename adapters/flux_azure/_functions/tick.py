"""The timer: it goes on with whatever is due, which makes certain what wake-ups make prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import azure.functions as func  # noqa: TC002 (the worker reads the annotations)

if TYPE_CHECKING:
    from flux_azure._functions.front import Front
    from flux_azure._functions.source import Source


def add(front: Front, source: Source) -> None:
    """Add the function."""

    @front.blueprint.function_name("tick")
    @front.blueprint.timer_trigger("timer", schedule=source.name)
    def tick(timer: func.TimerRequest, context: func.Context) -> None:
        from flux_core._serving.control.actions import control  # an order needs none of it

        with front.serving(timer, context) as (service, invocation):
            control(service, {"action": "tick"}, invocation.deadline)
