"""Time as a parameter: the clock that drivers tell and pass it by."""

from __future__ import annotations

import time as system
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from asyncio import Timeout
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager


class Clock(Protocol):
    """What tells an engine the time and makes it wait.

    One whose time does not pass by itself may have a method `timeout(seconds)` that gives, like `asyncio.timeout`,
    what cancels an async step in time; without it that is the event loop's own.
    """

    def time(self) -> float:
        """Return Unix seconds."""

    def monotonic(self) -> float:
        """Return seconds of a clock that never goes back."""

    def sleep(self, seconds: float, /) -> None:
        """Wait; the calling thread blocks."""

    async def sleep_async(self, seconds: float, /) -> None:
        """Wait; the event loop goes on."""


class SystemClock:
    """The computer's own clock."""

    time = staticmethod(system.time)
    monotonic = staticmethod(system.monotonic)
    sleep = staticmethod(system.sleep)

    async def sleep_async(self, seconds: float) -> None:
        """Wait; the event loop goes on."""
        import asyncio  # asyncio costs more to load than the engine

        await asyncio.sleep(seconds)


def timeout_on(clock: Clock, seconds: float | None) -> AbstractAsyncContextManager[Timeout]:
    """Return what cancels the task that enters it, once so many seconds have passed."""
    import asyncio  # as above

    by_clock: Callable[[float], AbstractAsyncContextManager[Timeout]] | None = getattr(clock, "timeout", None)
    return asyncio.timeout(seconds) if seconds is None or by_clock is None else by_clock(seconds)
