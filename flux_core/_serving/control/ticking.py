"""Going on with what is due, and saying how long it has been."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from flux_core._serving.measure import measure, measured
from flux_core.storage import Query

if TYPE_CHECKING:
    from flux_core import App, TickReport
    from flux_core._serving.control.command import Command


def tick(command: Command) -> dict[str, Any]:
    """Go on with what is due, and return the report."""
    return go_on(command.app, command.count("limit", 100), command.deadline)._asdict()


def go_on(app: App, limit: int, deadline: float | None = None) -> TickReport:
    """Go on with what is due; how long it has been due is measured first, for the sinks that take measurements."""
    if measured(app):
        measure(app, "DueAge", _due_age(app), unit="Seconds")
    return app.tick(limit=limit, deadline=deadline)


def _due_age(app: App) -> float:
    """Return the seconds for which the app's run that is due longest has been due; 0 if none is."""
    now, storage = time.time(), app.engine.storage
    names = {workflow.name for workflow in app.workflows}  # a table may have runs of other apps too
    oldest = [
        record.wake_at
        for name in names
        for record in storage.find(Query(workflow=name, wake_before=now, limit=1)).records
        if record.wake_at is not None
    ]
    return now - min(oldest, default=now)
