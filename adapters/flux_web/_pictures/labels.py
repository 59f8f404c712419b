"""Labels along a line, none over another, and how wide a picture may be."""

from __future__ import annotations

from typing import Final

from flux_web._pictures.text import width_of

NARROWEST: Final = 280  # pixels
WIDEST: Final = 2000
USUAL: Final = 720
_GAP: Final = 6


class Labels:
    """The places along a line that labels have taken.

    Args:
        left: the x at which the line begins.
        right: the x at which it ends; no label reaches beyond.
    """

    def __init__(self, left: float, right: float) -> None:
        self._left = left
        self._right = right
        self._taken: list[tuple[float, float]] = []

    def claim(self, x: float, label: str, size: float) -> None:
        """Take the place of a label that has its middle at x, whatever is there."""
        half = width_of(label, size) / 2
        self._taken.append((x - half, x + half))

    def place(self, x: float, label: str, size: float) -> float | None:
        """Return the x of the middle of a label that is to be at x, or close by at the ends; None without room."""
        half = width_of(label, size) / 2
        x = max(self._left + half, min(x, self._right - half))
        if any(x - half < right + _GAP and left - _GAP < x + half for left, right in self._taken):
            return None
        self._taken.append((x - half, x + half))
        return x


def width_within(asked: object) -> int:
    """Return a width in pixels from what a client asks for: the nearest that a picture can have."""
    try:
        return max(NARROWEST, min(WIDEST, int(str(asked))))
    except ValueError:
        return USUAL
