"""Times, durations and values in the words that people read."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from flux_core import RunStatus, plain

if TYPE_CHECKING:
    from flux_core import Run

_UNITS: Final = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))
_MINUTE: Final = 60
_UNDER_WAY: Final = (RunStatus.RUNNING, RunStatus.SUSPENDED, RunStatus.ROLLING_BACK)
_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"


def instant(time: float) -> str:
    """Return Unix seconds as people read them, in UTC: `2026-01-05 12:00:07Z`."""
    return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d %H:%M:%S}Z"


def duration(seconds: float) -> str:
    """Return a span with three digits or two units: `12 ms`, `1.21 s`, `2 min 5 s`, `3 d 4 h`."""
    seconds = max(0.0, seconds)
    if round(seconds * 1000) < 1000:  # noqa: PLR2004 (milliseconds in a second)
        return f"{seconds * 1000:.0f} ms"
    if round(seconds, 2) < _MINUTE:
        return f"{seconds:.2f} s"
    return " ".join(_in_units(round(seconds))[:2])


def end_of(run: Run, now: float) -> float:
    """Return up to when the run has lasted: now if it is under way, else when it was last saved."""
    return now if run.status in _UNDER_WAY else run.updated_at


def age(seconds: float) -> str:
    """Return how long ago something was, in its largest unit: `now`, `12 s ago`, `3 d ago`."""
    units = _in_units(int(max(0.0, seconds)))
    return f"{units[0]} ago" if units else "now"


def value(shown: Any, longest: int) -> str:
    """Return a value as JSON of at most so many characters; what is left out shows as `…`."""
    return shortened(json.dumps(plain(shown), ensure_ascii=False), longest)


def shortened(text: str, longest: int) -> str:
    """Return the text on one line; of a longer one the end is cut, a closing quote or bracket is kept."""
    line = printable(" ".join(text.split()))
    if len(line) <= longest:
        return line
    closing = line[-1] if line[-1] in '"]}' else ""
    return f"{line[: max(1, longest - 1 - len(closing))]}…{closing}"


def printable(text: str) -> str:
    """Return the text without what would drive a terminal: control characters become a replacement mark."""
    return "".join(
        character if character.isprintable() or character == "\n" else _REPLACEMENT
        for character in text.expandtabs(4)
    )


def _in_units(seconds: int) -> list[str]:
    units = []
    for name, size in _UNITS:
        count, seconds = divmod(seconds, size)
        if count:
            units.append(f"{count} {name}")
    return units
