"""What trace sinks are told beside events, if they want to know: measurements, and each invocation's begin and end."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from flux_core._invocation import CURRENT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flux_core import App
    from flux_core._invocation import Invocation

log: Final = logging.getLogger("flux")


@contextmanager
def serving(app: App, invocation: Invocation) -> Iterator[None]:
    """Serve the invocation in the block, as the current one; the sinks are told that it begins, and that it ends."""
    before = CURRENT.set(invocation)
    try:
        _tell(app, "begin_invocation")
        yield
    finally:
        _tell(app, "end_invocation")
        CURRENT.reset(before)


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


def _tell(app: App, method: str) -> None:
    """Call that method of every sink that has it; what a sink raises is logged, and changes nothing."""
    for sink in app.trace:
        try:
            getattr(sink, method, _nothing)()
        except Exception:
            log.exception("%s of a trace sink has failed", method)


def _nothing() -> None:
    """Stand in for what a sink does not have."""
