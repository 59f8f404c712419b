"""The heart-beat of workers that have no deadline: a thread that renews their leases while they work."""

from __future__ import annotations

import os
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Any, Final

from flux_core._errors import RunNotFound
from flux_core._listeners import report_failure
from flux_core._outside import renew

if TYPE_CHECKING:
    from collections.abc import Callable

    from flux_core._context import Context
    from flux_core._effects import Flow

BEATS: Final = 4  # how often in the span of a lease


class Pulse:
    """A worker that shows signs of life for the run it holds."""

    __slots__ = ("context", "run_id", "token")

    def __init__(self, run_id: str, token: str) -> None:
        self.run_id = run_id
        self.token = token
        self.context: Context[Any, Any] | None = None
        """The attempt in progress, to be told of a cancellation."""


class Heart:
    """Renews the leases of an engine's workers, from one thread that lives while there are any.

    Args:
        span: the seconds of a lease.
        run: performs a flow to its end.
    """

    def __init__(self, span: float, run: Callable[[Flow[tuple[bool, bool]]], tuple[bool, bool]]) -> None:
        self._span = span
        self._run = run
        self._start_anew()

    def _start_anew(self) -> None:
        """Have neither a thread nor workers, as a child has after a fork."""
        self._process = os.getpid()
        self._pulses: dict[Pulse, None] = {}
        self._lock = Lock()
        self._thread: Thread | None = None
        self._closing = Event()

    def begin(self, run_id: str, token: str) -> Pulse:
        """Renew the lease of that worker on that run from now on."""
        if self._process != os.getpid():
            self._start_anew()
        pulse = Pulse(run_id, token)
        with self._lock:
            self._closing.clear()
            self._pulses[pulse] = None
            if self._thread is None:
                self._thread = Thread(target=self._beat, name="flux-heart", daemon=True)
                self._thread.start()
        return pulse

    def end(self, pulse: Pulse) -> None:
        """Renew that lease no more."""
        with self._lock:
            self._pulses.pop(pulse, None)

    def close(self) -> None:
        """Renew nothing more."""
        with self._lock:
            self._pulses.clear()
            self._closing.set()

    def _beat(self) -> None:
        while True:
            self._closing.wait(self._span / BEATS)
            with self._lock:
                if not self._pulses:
                    self._thread = None
                    return
                beating = tuple(self._pulses)
            for pulse in beating:
                self.renew(pulse)

    def renew(self, pulse: Pulse) -> None:
        """Renew the lease if it is time, and tell the attempt in progress if the run is to be cancelled."""
        try:
            held, cancelled = self._run(renew(pulse.run_id, pulse.token, self._span, os.urandom(8).hex()))
        except RunNotFound:
            held = cancelled = False
        except Exception as error:  # noqa: BLE001 (the next beat tries again)
            report_failure(f"renewing the lease of run {pulse.run_id!r}", error)
            return
        if not held:
            self.end(pulse)
        elif cancelled and pulse.context is not None:
            pulse.context._cancelled = True  # noqa: SLF001 (read-only for handlers)
