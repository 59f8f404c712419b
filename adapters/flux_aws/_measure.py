"""Measurements that no trace event carries, for the sinks of the app that take them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from flux_core import App

log: Final = logging.getLogger("flux")


def measured(app: App) -> list[Any]:
    """Return the app's trace sinks that take measurements, as `CloudWatchTrace` does."""
    return [sink for sink in app.trace if hasattr(sink, "measure")]


def measure(app: App, name: str, value: float, *, unit: str, workflow: str | None = None) -> None:
    """Give a measurement to every sink that takes it; what a sink raises is logged, and changes nothing."""
    for sink in measured(app):
        try:
            sink.measure(name, value, unit=unit, workflow=workflow)
        except Exception:
            log.exception("measurement %s is lost", name)


def count_lost_lease(app: App, workflow: str) -> None:
    """Say that a worker has lost its lease on a run of that workflow."""
    measure(app, "LeaseLost", 1, unit="Count", workflow=workflow)
