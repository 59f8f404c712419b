"""The computer's own clock."""

from __future__ import annotations

import asyncio
import time

from flux_core import SystemClock


def test_it_tells_the_computers_time() -> None:
    """Unix seconds, and seconds that never go back."""
    clock = SystemClock()
    assert abs(clock.time() - time.time()) < 60
    assert clock.monotonic() <= clock.monotonic()


def test_it_waits() -> None:
    """No longer than it is told, which here is not at all."""
    clock = SystemClock()
    clock.sleep(0)
    asyncio.run(clock.sleep_async(0))
