"""Which workflow of an app an event is for."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from flux_core import InvalidInput, InvalidWorkflow, UnknownWorkflow

if TYPE_CHECKING:
    from collections.abc import Callable

    from flux_core import App, Workflow

    Route: TypeAlias = Callable[[Any], str]

log: Final = logging.getLogger("flux")


def chosen(
    app: App, workflow: str | Workflow[Any, Any] | None, route: Route | None
) -> Workflow[Any, Any] | Route:
    """Return the workflow that a front is for, or the route that chooses one for each event.

    Raises:
        InvalidWorkflow: nothing says which workflow is meant, two things do, or it is not the app's.
        UnknownWorkflow: the app has no workflow of that name.
    """
    if route is not None:
        if workflow is not None:
            raise InvalidWorkflow(
                "workflow= names one workflow and route= chooses for each event: give one of them"
            )
        return route
    if workflow is None:
        if len(app.workflows) != 1:
            names = ", ".join(known.name for known in app.workflows) or "none"
            raise InvalidWorkflow(
                "say which workflow is meant: workflow=... or, for several, route=lambda event: ...;"
                f" the app has: {names}"
            )
        return app.workflows[0]
    if isinstance(workflow, str):
        return app.workflow(workflow)
    if app.workflow(workflow.name) is not workflow:
        raise InvalidWorkflow(f"workflow {workflow.name!r} is not the one that the app has under this name")
    return workflow


def routed(app: App, route: Route, event: Any) -> Workflow[Any, Any]:
    """Return the workflow that the route chooses for an event.

    Raises:
        InvalidInput: the route raised an error.
        UnknownWorkflow: what it returned is not the name of a workflow of the app.
    """
    try:
        name: object = route(event)
    except Exception as error:
        log.warning("route= raised %s: %s", type(error).__name__, error, exc_info=error)
        raise InvalidInput("the event lacks what its workflow is chosen by") from error
    names = {workflow.name for workflow in app.workflows}
    if isinstance(name, str) and name in names:
        return app.workflow(name)
    log.warning("route= returned %r; return one of: %s", name, ", ".join(sorted(names)) or "none")
    raise UnknownWorkflow("there is no workflow for this event")
