"""Times and spans of time in the words of the pictures."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

HOUR: Final = 3600
FARTHEST: Final = 14 * 60  # minutes from UTC
_UNITS: Final = (("y", 31_536_000), ("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))
_SMALL: Final = (
    ("µs", 1e-6, 0.9995e-3),
    ("ms", 1e-3, 0.9995),
    ("s", 1.0, 59.95),
)  # each with what rounds to the next
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def span(seconds: float) -> str:
    """Return a span with three digits or two units: `80 µs`, `12 ms`, `1.21 s`, `2 min 5 s`, `3 d 4 h`."""
    seconds = max(0.0, seconds)
    if not seconds:
        return "0 s"
    for unit, size, until in _SMALL:
        if seconds < until:
            return f"{seconds / size:.3g} {unit}"
    left, units = round(seconds), list[str]()
    for name, length in _UNITS:
        count, left = divmod(left, length)
        units += [f"{count} {name}"] if count or units else []
    return " ".join(unit for unit in units[:2] if not unit.startswith("0 "))


class Zone(NamedTuple):
    """How far the clocks of those who look are from UTC."""

    minutes: int = 0
    """East of it."""

    @property
    def name(self) -> str:
        """What it is called: `UTC`, `UTC+1`, `UTC-3:30`."""
        hours, minutes = divmod(abs(self.minutes), 60)
        sign = "-" if self.minutes < 0 else "+"
        return "UTC" + (f"{sign}{hours}" if self.minutes else "") + (f":{minutes:02}" if minutes else "")

    def moment(self, time: float) -> datetime:
        """Return what clocks show at these Unix seconds; beyond what a calendar holds it is its last moment."""
        try:
            return _EPOCH + timedelta(seconds=time, minutes=self.minutes)
        except (OverflowError, ValueError):
            return datetime.max.replace(tzinfo=UTC)

    def instant(self, time: float) -> str:
        """Return Unix seconds as people read them: `2026-01-05 12:00:07 UTC`."""
        return f"{self.moment(time):%Y-%m-%d %H:%M:%S} {self.name}"

    def due(self, time: float, since: float) -> str:
        """Return Unix seconds in a few characters: `Jan 5 12:00 UTC`; if it is soon, `12:00:07 UTC`."""
        at = self.moment(time)
        written = f"{at:%H:%M:%S}" if time - since < HOUR else f"{at:%b} {at.day} {at:%H:%M}"
        return f"{written} {self.name}"


def zone_of(asked: object) -> Zone:
    """Return the zone that is so many minutes east of UTC; what is no such number, or beyond the earth, is UTC."""
    try:
        minutes = int(str(asked))
    except ValueError:
        return Zone()
    return Zone(minutes) if abs(minutes) <= FARTHEST else Zone()


def counted(number: int, one: str, many: str) -> str:
    """Return a number with what it counts."""
    return f"{number} {one if number == 1 else many}"
