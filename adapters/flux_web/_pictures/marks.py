"""The mark and the words that stand for each status: told apart by shape, so that nobody needs to see their colours."""

from __future__ import annotations

from typing import Final

from flux_web._pictures.svg import element

NOT_REACHED: Final = "not_reached"

_UNDO: Final = "M-5 -2H2A3 3 0 0 1 2 4H-2M-2 -5L-5 -2L-2 1"
_RING: Final = "M5 0A5 5 0 1 1 -5 0A5 5 0 1 1 5 0"

# Drawn around the origin, 12 by 12.
SHAPES: Final = {
    "pending": _RING,
    "not_reached": "M2 0A2 2 0 1 1 -2 0A2 2 0 1 1 2 0",
    "running": "M-3.5 -5L5 0L-3.5 5Z",
    "suspended": _RING + "M0 -3V0L2.5 1.5",
    "paused": "M-2.5 -5V5M2.5 -5V5",
    "completed": "M-5 0.5L-1.5 4L5 -4",
    "failed": "M-4.5 -4.5L4.5 4.5M4.5 -4.5L-4.5 4.5",
    "skipped": "M-5 -4L-1 0L-5 4M1 -4L5 0L1 4",
    "cancelled": _RING + "M-3.5 3.5L3.5 -3.5",
    "compensating": _UNDO,
    "compensated": _UNDO,
    "rolling_back": _UNDO,
    "rolled_back": _UNDO,
    "compensation_failed": "M0 -5.5L6 5H-6ZM0 -1.5V1.5M0 3V3.6",
}

WORDS: Final = {
    "not_reached": "not reached",
    "rolling_back": "rolling back",
    "rolled_back": "rolled back",
    "compensation_failed": "compensation failed",
    "compensating": "being undone",
    "compensated": "undone",
}


def is_(status: str) -> str:
    """Return the class of a status."""
    return f"is-{status.replace('_', '-')}"


def word(status: str) -> str:
    """Return a status in words."""
    return WORDS.get(status, status.replace("_", " "))


def mark(status: str, x: float, y: float) -> str:
    """Return the shape of a status, its middle there; that of a status that is new here is a ring."""
    return element("path", class_="mark", transform=f"translate({x:g} {y:g})", d=SHAPES.get(status, _RING))
