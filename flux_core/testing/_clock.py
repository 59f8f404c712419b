"""A clock that stands still until a test moves it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from datetime import timedelta

TURNS: Final = 10
"""Turns of the event loop for which time stands before a sleep lets it pass, so that other tasks begin theirs."""
ARRIVAL: Final = 5
"""Turns after its end in which a sleep can still be cancelled by a time-out at the same moment."""


class FakeClock:
    """A clock for `Engine(clock=...)`: a wait advances it instead of blocking, so a test of weeks takes no time.

    An async step that sleeps by `await clock.sleep_async(...)` times out by this clock, at the moment at which its
    time is up: `sleep_async(100)` under `timeout=30` takes 30 seconds of this clock, and no real ones. One that
    awaits something real is still cancelled after 30 real seconds. A plain step's time-out is real time.

    Sleeps that tasks begin one beside the other pass side by side: of two `sleep_async(10)` in an `asyncio.gather`
    both end 10 seconds on, and of unequal ones the shorter ends first. The clock knows of sleeps and time-outs only:
    it does not wait for a task that is busy with something real meanwhile, and that task finds it has moved.

    Args:
        start: what it shows first, in Unix and in monotonic seconds.
    """

    def __init__(self, start: float = 0.0) -> None:
        self._now = start
        self._ends: list[float] = []  # of the sleeps that are awaited
        self._timeouts: dict[Callable[[], object], float] = {}  # what makes one expire, and when
        self._lock = Lock()

    def time(self) -> float:
        """Return Unix seconds."""
        return self._now

    def monotonic(self) -> float:
        """Return monotonic seconds."""
        return self._now

    def advance(self, by: float | timedelta) -> None:
        """Let time pass: seconds, or a `timedelta`.

        Raises:
            ValueError: time does not go back.
        """
        seconds = by if isinstance(by, int | float) else by.total_seconds()
        with self._lock:
            self._move(self._later(seconds))

    def sleep(self, seconds: float) -> None:
        """Let time pass, at once."""
        self.advance(seconds)

    async def sleep_async(self, seconds: float) -> None:
        """Let time pass, in a few turns of the event loop."""
        end = self._later(seconds)
        self._ends.append(end)
        try:
            while self._now < end:
                await self._pass()
        finally:
            self._ends.remove(end)
        await _turns(ARRIVAL)

    @asynccontextmanager
    async def timeout(self, seconds: float) -> AsyncIterator[asyncio.Timeout]:
        """Give an `asyncio.timeout` that expires by this clock too; it is that of the engine's async steps."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(seconds) as scope:
            expire = partial(loop.call_soon_threadsafe, _expire, scope)
            self._timeouts[expire] = self._later(seconds)
            try:
                yield scope
            finally:
                self._timeouts.pop(expire, None)

    async def _pass(self) -> None:
        """Move to the next moment that somebody waits for, unless time moves within a few turns anyway."""
        seen = self._now
        for _ in range(TURNS):
            await _turns(1)
            if self._now != seen:
                return
        with self._lock:
            moments = [*self._ends, *self._timeouts.values()]
            self._move(min((moment for moment in moments if moment > self._now), default=self._now))

    def _later(self, seconds: float) -> float:
        """Return the moment that is so much later."""
        if seconds < 0:
            raise ValueError(f"time does not go back; got {seconds!r}")
        return self._now + seconds

    def _move(self, moment: float) -> None:
        """Show another time, and let the time-outs up to it expire."""
        self._now = moment
        for expire, at in list(self._timeouts.items()):
            if at <= moment:
                self._timeouts.pop(expire, None)
                expire()


async def _turns(number: int) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


def _expire(scope: asyncio.Timeout) -> None:
    with suppress(RuntimeError):  # it was left, or has expired in real time, in this very moment
        scope.reschedule(0)
