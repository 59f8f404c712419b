"""Sending what the providers hold back, without waiting for longer than there is time."""

from __future__ import annotations

import logging
from threading import Lock, Thread
from time import monotonic
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

log: Final = logging.getLogger("flux")

GLANCE: Final = 0.1
"""Seconds that are waited after a sending that took too long. In a function that is frozen between its invocations,
one that nobody waits for would take too long whenever the collector answers."""


class Flush:
    """Has providers send what they hold back; the API's own, without an SDK, have nothing to send.

    An SDK waits for a collector that does not answer for as long as its exporter does, whatever time it is given. So
    it waits in a thread of its own, and whoever cannot wait that long goes on without it.

    Args:
        providers: returns those there are now.
    """

    def __init__(self, providers: Callable[[], Iterable[object]]) -> None:
        self._providers = providers
        self._lock = Lock()
        self._thread: Thread | None = None
        self._late: Thread | None = None  # the one that was waited for in vain
        self._took = 0.0  # seconds, by the last one that ended

    def __call__(self, seconds: float, *, last: bool = False) -> None:
        """Have everything sent, and wait for that, so many seconds at most.

        Where the last sending took longer than that, or is under way and was waited for in vain, only a moment is
        waited, until one ends in time again.

        Args:
            seconds: how long to wait.
            last: whether nobody comes after this call, which waits in any case.
        """
        before, thread = self._thread, self._sending()
        patient = last or (thread is not self._late and self._took <= seconds)
        wait = seconds if patient else min(seconds, GLANCE)
        ends = monotonic() + wait
        thread.join(wait)
        if thread is before and not thread.is_alive():  # it had begun before there was all that is to be sent
            thread = self._sending()
            thread.join(max(0.0, ends - monotonic()))
        if patient and thread.is_alive():
            self._late = thread
            log.warning("spans and metrics are not sent after %g s; does the collector answer?", seconds)

    def _sending(self) -> Thread:
        """Return the thread that sends; there is one at a time."""
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = Thread(target=self._send, name="flux-otel-flush", daemon=True)
                self._thread.start()
            return self._thread

    def _send(self) -> None:
        began = monotonic()
        for provider in self._providers():
            flush = getattr(provider, "force_flush", None)
            if flush is None:
                continue
            try:
                flush()
            except Exception:
                log.exception("%s.force_flush has failed", type(provider).__name__)
        self._took = monotonic() - began
