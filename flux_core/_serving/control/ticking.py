"""Going on with what is due, and saying how long it has been."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from flux_core._serving.measure import measure, measured
from flux_core.storage import Query

if TYPE_CHECKING:
    from flux_core import App
    from flux_core._serving.control.command import Command


def tick(command: Command) -> dict[str, Any]:
    """Go on with what is due, and return the report; how long it has been due is measured first."""
    limit = command.count("limit", 100)
    if measured(command.app):
        measure(command.app, "DueAge", _due_age(command.app), unit="Seconds")
    return command.app.tick(limit=limit, deadline=command.deadline)._asdict()


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
