"""Time as a parameter: the clock that drivers tell and pass it by."""

from __future__ import annotations

import time as system
from typing import Protocol


class Clock(Protocol):
    """What tells an engine the time and makes it wait."""

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
