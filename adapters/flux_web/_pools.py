"""Which threads answer a request: what takes long holds nothing up that does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flux_web._threads import Threads

if TYPE_CHECKING:
    from flux_core._serving.http import Request

HEALTH: Final = "/healthz"
EVENTS: Final = "/events"
SAFE: Final = ("GET", "HEAD")
READERS: Final = 16
WATCHERS: Final = 8
"""Threads that look for the streams, which look again and again."""
PROBES: Final = 2
"""Threads that ask the store whether it answers."""
RUNNERS: Final = 32
"""Threads that stay with a run until it ends or is suspended."""
SENDERS: Final = 16
"""Threads that bring a run a signal, and go on with it."""
STEWARDS: Final = 8
"""Threads that stop runs: they are wanted most when all the others are busy."""
STOPS: Final = frozenset({"cancel", "pause"})


class Pools:
    """The threads of a server, by what they are for."""

    def __init__(self) -> None:
        self.watchers = Threads(WATCHERS)
        self._readers = Threads(READERS)
        self._probes = Threads(PROBES)
        self._runners = Threads(RUNNERS)
        self._senders = Threads(SENDERS)
        self._stewards = Threads(STEWARDS)

    def of(self, request: Request) -> Threads:
        """Return the threads that answer a request."""
        if request.method in SAFE:
            return {HEALTH: self._probes, EVENTS: self.watchers}.get(request.path, self._readers)
        kind = request.path.split("/")[3:4]  # what follows /runs/{id}/ or /workflows/{name}/
        if kind == ["signals"]:
            return self._senders
        return self._stewards if not kind or kind[0] in STOPS else self._runners
