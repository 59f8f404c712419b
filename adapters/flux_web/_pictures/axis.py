"""A line of time: from moments to pixels, with round ticks, and long stretches without work cut short by a break."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from flux_web._pictures.words import span

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

BREAK_WIDTH: Final = 76  # pixels that a stretch is cut short to
TICK_ROOM: Final = 76  # pixels between two ticks, at least
DWARFS: Final = 1.5  # a stretch is cut short if it is so many times as long as all that is left without it
BROKEN: Final = 0.45  # the share of the width that breaks may take

# Round steps in seconds: 1, 2 and 5 in decimals, then as clocks and calendars count.
STEPS: Final = (
    *(digit * 10.0**power for power in range(-6, 1) for digit in (1, 2, 5)),
    *(10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0),
    *(hours * 3600.0 for hours in (1, 2, 3, 6, 12)),
    *(days * 86_400.0 for days in (1, 2, 7, 14, 28, 56, 112, 364)),
)


class Stretch(NamedTuple):
    """A piece of the line."""

    begin: float
    """Unix seconds."""
    end: float
    left: float
    """Pixels."""
    right: float
    is_break: bool


class Tick(NamedTuple):
    """A mark on the line."""

    x: float
    at: float
    label: str


class TimeAxis:
    """A span of time on so many pixels; every stretch between breaks has the same scale.

    Args:
        begin: Unix seconds.
        end: Unix seconds.
        left: the x at which it begins.
        right: the x at which it ends.
        work: the spans in which something was done. Where nothing was, for much longer than all the rest takes, the
            line is broken.
    """

    def __init__(
        self, begin: float, end: float, left: float, right: float, work: Iterable[tuple[float, float]] = ()
    ) -> None:
        end = max(begin, end)
        width = right - left
        breaks = _breaks(_idle(begin, end, work), end - begin, int(width * BROKEN / BREAK_WIDTH))
        scaled = end - begin - sum(stop - start for start, stop in breaks)
        self.scale = (width - BREAK_WIDTH * len(breaks)) / scaled if scaled > 0 else 0.0
        """Pixels a second."""
        self.stretches = tuple(self._placed(begin, end, left, breaks))

    def x(self, at: float) -> float:
        """Return where a moment is; one before or after the line is at its end."""
        first, last = self.stretches[0], self.stretches[-1]
        at = min(max(at, first.begin), last.end)
        stretch = next((stretch for stretch in self.stretches if at <= stretch.end), last)
        length = stretch.end - stretch.begin
        if length <= 0:
            return stretch.left
        return stretch.left + (at - stretch.begin) / length * (stretch.right - stretch.left)

    def ticks(self) -> Iterator[Tick]:
        """Give round times since the beginning, after a break since that; each with room for its label."""
        if self.scale <= 0:
            yield Tick(self.stretches[0].left, self.stretches[0].begin, "0")
            return
        step = next((step for step in STEPS if step * self.scale >= TICK_ROOM), None)
        step = step or STEPS[-1] * (1 + int(TICK_ROOM / STEPS[-1] / self.scale))
        for stretch in self.stretches:
            if stretch.is_break:
                continue
            first = stretch is self.stretches[0]
            if first:
                yield Tick(stretch.left, stretch.begin, "0")
            for index in range(1, int((stretch.right - stretch.left) / self.scale / step + 1e-9) + 1):
                label = span(index * step)
                x = stretch.left + index * step * self.scale
                yield Tick(x, stretch.begin + index * step, label if first else f"+{label}")

    def _placed(
        self, begin: float, end: float, left: float, breaks: Sequence[tuple[float, float]]
    ) -> Iterator[Stretch]:
        for start, stop in breaks:
            if start > begin:
                right = left + (start - begin) * self.scale
                yield Stretch(begin, start, left, right, is_break=False)
                left = right
            yield Stretch(start, stop, left, left + BREAK_WIDTH, is_break=True)
            begin, left = stop, left + BREAK_WIDTH
        if end > begin or not breaks:
            yield Stretch(begin, end, left, left + (end - begin) * self.scale, is_break=False)


def _idle(begin: float, end: float, work: Iterable[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """Give the spans in which nothing was done."""
    reached = begin
    for start, stop in sorted(work):
        if start > reached:
            yield reached, min(start, end)
        reached = max(reached, stop)
    if end > reached:
        yield reached, end


def _breaks(idle: Iterable[tuple[float, float]], total: float, most: int) -> list[tuple[float, float]]:
    """Return the spans to cut short: as many of the longest as still dwarf all that is left."""
    longest = sorted(idle, key=lambda span: span[0] - span[1])[:most]
    chosen = 0
    for count, (start, stop) in enumerate(longest, 1):
        total -= stop - start
        if total > 0 and stop - start >= DWARFS * total:
            chosen = count
    return sorted(longest[:chosen])
