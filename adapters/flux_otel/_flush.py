"""Sending what the providers hold back, without waiting for longer than there is time."""

from __future__ import annotations

import logging
from threading import Lock, Thread
from time import monotonic
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

log: Final = logging.getLogger("flux")


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

    def __call__(self, seconds: float, *, last: bool = False) -> None:
        """Have everything sent, and wait for that, so many seconds at most.

        While a collector does not answer, only the first call waits for it, and the last one.

        Args:
            seconds: how long to wait.
            last: whether nobody comes after this call.
        """
        ends = monotonic() + seconds
        before, thread = self._thread, self._sending()
        if thread is self._late and not last:
            return
        thread.join(seconds)
        if thread is before and not thread.is_alive():  # it had begun before there was all that is to be sent
            thread = self._sending()
            thread.join(max(0.0, ends - monotonic()))
        if thread.is_alive():
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
        for provider in self._providers():
            flush = getattr(provider, "force_flush", None)
            if flush is None:
                continue
            try:
                flush()
            except Exception:
                log.exception("%s.force_flush has failed", type(provider).__name__)
