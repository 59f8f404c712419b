"""A clock that stands still until a test moves it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import timedelta


class FakeClock:
    """A clock for `Engine(clock=...)`: a wait advances it instead of blocking, so a test of weeks takes no time.

    Args:
        start: what it shows first, in Unix and in monotonic seconds.
    """

    def __init__(self, start: float = 0.0) -> None:
        self._now = start

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
        if seconds < 0:
            raise ValueError(f"time does not go back; got {by!r}")
        self._now += seconds

    def sleep(self, seconds: float) -> None:
        """Let time pass, at once."""
        self.advance(seconds)

    async def sleep_async(self, seconds: float) -> None:
        """Let time pass, at once."""
        self.advance(seconds)
