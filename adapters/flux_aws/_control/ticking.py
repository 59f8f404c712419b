"""Going on with what is due, and saying how long it has been."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from flux_aws._measure import measure, measured
from flux_core.storage import Query

if TYPE_CHECKING:
    from flux_aws._control.command import Command
    from flux_core import App


def tick(command: Command) -> dict[str, Any]:
    """Go on with what is due, and return the report; how long it has been due is measured first."""
    limit = command.count("limit", 100)
    if measured(command.app):
        measure(command.app, "DueAge", _due_age(command.app), unit="Seconds")
    return command.app.tick(limit=limit, deadline=command.deadline)._asdict()


def _due_age(app: App) -> float:
    """Return the seconds for which the run that is due longest has been due; 0 if none is."""
    now = time.time()
    found = app.engine.storage.find(Query(wake_before=now, limit=1)).records
    return max((now - record.wake_at for record in found if record.wake_at is not None), default=0.0)
