"""How many runs there were over time, as columns stacked by status."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Final, NamedTuple

from flux_core import RunStatus
from flux_web._pictures.labels import Labels, width_within
from flux_web._pictures.marks import is_, mark, word
from flux_web._pictures.svg import (
    DETAIL_SIZE,
    Box,
    element,
    group,
    hatch,
    path,
    picture,
    rect,
    text,
    title,
    touch,
)
from flux_web._pictures.text import escaped, width_of
from flux_web._pictures.words import counted, span, zone_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from flux_web._pictures.words import Zone

    Slots = Sequence[tuple[float, Mapping[str, int]]]

# Lengths are in pixels.
MARGIN: Final = 8
HEIGHT: Final = 96  # of the highest column
TOP: Final = 16
KEY_ROW: Final = 20
LABEL_GAP: Final = 6
LEAST: Final = 1.5  # of a column's part
GAP: Final = 1  # below each, if it is high enough to spare it
LEAST_WITH_GAP: Final = 4
COLUMN_SHARE: Final = 0.8  # of its slot

# From the bottom up: what needs a person stands on the line, where columns are easiest to compare.
ORDER: Final = (
    RunStatus.FAILED,
    RunStatus.COMPENSATION_FAILED,
    RunStatus.ROLLING_BACK,
    RunStatus.ROLLED_BACK,
    RunStatus.CANCELLED,
    RunStatus.PAUSED,
    RunStatus.SUSPENDED,
    RunStatus.PENDING,
    RunStatus.RUNNING,
    RunStatus.COMPLETED,
)
TROUBLE: Final = (RunStatus.FAILED, RunStatus.COMPENSATION_FAILED)


def chart(slots: Slots, until: float, *, width: object = 720, offset: object = 0) -> str:
    """Return how many runs were begun over time, by the status that they have now, as an SVG picture.

    Args:
        slots: for each its beginning in Unix seconds, in order, and the number of runs by status.
        until: Unix seconds, the end of the last.
        width: the pixels that there are for it: all text keeps its size. Too few or too many are the next that fit.
        offset: how many minutes east of UTC the clocks of those are who look at it.
    """
    across = width_within(width)
    totals = _totals(slots)
    if not totals:
        return _empty(across)
    most = max(sum(counts.values()) for _, counts in slots)
    step = _step(most)
    top = -(-most // step) * step
    left = MARGIN + width_of(f"{top:,}", DETAIL_SIZE) + LABEL_GAP
    place = _Place(left, across - MARGIN, slots[0][0], max(until, slots[-1][0]), top, zone_of(offset))
    key, height = _key(totals, place.bottom + 28, across)
    drawn = [
        element("desc", escaped(_in_words(slots, totals, place))),
        *_counts(place, step),
        *_times(place, across),
        *(_slot(slots, index, place) for index in range(len(slots))),
        path("axis", "M", place.left, place.bottom, "H", place.right),
        *key,
    ]
    label = f"{counted(sum(totals.values()), 'run', 'runs')} by status, {_period(place.since, place.until, place.zone)}"
    return picture("flux-chart", drawn, label=label, width=across, height=height, role="img")


class _Place(NamedTuple):
    """Where the columns stand: times across, counts upwards."""

    left: float
    right: float
    since: float
    until: float
    top: int
    zone: Zone

    @property
    def bottom(self) -> float:
        return TOP + HEIGHT

    def x(self, at: float) -> float:
        return self.left + (at - self.since) / ((self.until - self.since) or 1.0) * (self.right - self.left)

    def y(self, count: float) -> float:
        return self.bottom - count / self.top * HEIGHT


def _totals(slots: Slots) -> dict[str, int]:
    """Return how many runs there are of each status that there is, in the order of the columns."""
    known = [str(status) for status in ORDER]
    others = sorted({status for _, counts in slots for status in counts} - set(known))
    totals = {status: sum(counts.get(status, 0) for _, counts in slots) for status in (*known, *others)}
    return {status: count for status, count in totals.items() if count > 0}


def _empty(width: float) -> str:
    told = "No runs in this time."
    drawn = [element("desc", told), text("empty", width / 2, 40, told, anchor="middle", size=DETAIL_SIZE + 2)]
    return picture("flux-chart is-empty", drawn, label=told, width=width, height=72, role="img")


def _step(most: int) -> int:
    """Return how many runs are between two lines: a 1, 2 or 5, and as many zeros as leave four lines at most."""
    size = 1
    while True:
        for digit in (1, 2, 5):
            if digit * size * 4 >= most:
                return digit * size
        size *= 10


def _counts(place: _Place, step: int) -> Iterator[str]:
    for count in range(0, place.top + 1, step):
        y = place.y(count)
        if count:
            yield path("grid", "M", place.left, y, "H", place.right)
        yield text("tick", place.left - LABEL_GAP, y + 4, f"{count:,}", anchor="end", size=DETAIL_SIZE)


# Round times of day, and days: seconds between two ticks, and how to write them.
DAY: Final = 86_400
_CLOCK: Final = (
    *((seconds, "%H:%M:%S") for seconds in (1, 2, 5, 10, 15, 30)),
    *((minutes * 60, "%H:%M") for minutes in (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720)),
    *((days * DAY, "%b %d") for days in (1, 2, 7, 14)),
    *((days * DAY, "%b %Y") for days in (28, 56, 112, 364)),
)
_TICK_ROOM: Final = 80


def _times(place: _Place, width: float) -> Iterator[str]:
    """Give round times below the columns, a midnight shows its day."""
    zone = place.zone
    scale = (place.right - place.left) / ((place.until - place.since) or 1.0)
    step, form = next(((step, form) for step, form in _CLOCK if step * scale >= _TICK_ROOM), _CLOCK[-1])
    step *= max(1, ceil(_TICK_ROOM / step / scale))
    labels = Labels(0, width)
    labels.claim(width - width_of(zone.name, DETAIL_SIZE) / 2 - 2, zone.name, DETAIL_SIZE)
    base = place.bottom + 15
    yield text("tick", width - 2, base, zone.name, anchor="end", size=DETAIL_SIZE)
    east = zone.minutes * 60  # times are round on the clocks of those who look
    first = ceil((place.since + east) / step)
    for index in range(int((place.until - place.since) / step) + 2):
        at = float((first + index) * step - east)
        if at > place.until:
            break
        time = zone.moment(at)
        label = time.strftime("%b %d" if (at + east) % DAY == 0 and step < DAY else form)
        x = labels.place(place.x(at), label, DETAIL_SIZE)
        yield path("axis", "M", place.x(at), place.bottom, "V", place.bottom + 4)
        if x is not None:
            yield text("tick", x, base, label, anchor="middle", size=DETAIL_SIZE)


def _slot(slots: Slots, index: int, place: _Place) -> str:
    since, counts = slots[index]
    until = slots[index + 1][0] if index + 1 < len(slots) else place.until
    left, right = place.x(since), place.x(until)
    column = max(LEAST, (right - left) * COLUMN_SHARE)
    x, y = left + (right - left - column) / 2, float(place.bottom)
    present = {status: counts[status] for status in _totals([slots[index]])}
    told = ", ".join(f"{count:,} {word(status)}" for status, count in present.items()) or "no runs"
    drawn = [
        title(f"{_period(since, until, place.zone)}: {told}"),
        touch(Box(left, TOP, right - left, HEIGHT)),
    ]
    for status, count in present.items():
        height = max(LEAST, count / place.top * HEIGHT)
        y -= height
        part = Box(x, y, column, height - GAP if height > LEAST_WITH_GAP else height)
        drawn.append(rect(f"segment {is_(status)}", part))
        if status in TROUBLE:
            drawn.append(hatch(part))
    return group("slot", drawn)


def _key(totals: Mapping[str, int], y: float, width: float) -> tuple[list[str], float]:
    """Return what each colour means, in as many lines as it takes, and the y below them."""
    drawn, x = [], float(MARGIN)
    for status, count in totals.items():
        label = f"{word(status)} {count:,}"
        needed = 36 + width_of(label, DETAIL_SIZE) + 14
        if x > MARGIN and x + needed > width:
            x, y = float(MARGIN), y + KEY_ROW
        shown = text("detail", x + 34, y + 12, label, size=DETAIL_SIZE)
        swatch = rect(f"segment {is_(status)}", Box(x, y + 2, 12, 12), 2)
        drawn.append(group(f"key {is_(status)}", [swatch, mark(status, x + 23, y + 8), shown]))
        x += needed
    return drawn, y + KEY_ROW + 2


def _in_words(slots: Slots, totals: Mapping[str, int], place: _Place) -> str:
    told = ", ".join(f"{count:,} {word(status)}" for status, count in totals.items())
    busiest, counts = max(slots, key=lambda slot: sum(slot[1].values()))
    length = span((place.until - place.since) / len(slots))
    most = counted(sum(counts.values()), "run", "runs")
    return f"{told}. Columns of {length} each; the highest, from {_written(place.zone.moment(busiest))}, has {most}."


def _period(since: float, until: float, zone: Zone) -> str:
    begins, ends = zone.moment(since), zone.moment(until)
    last = f"{ends:%H:%M:%S}" if begins.date() == ends.date() else _written(ends)
    return f"{_written(begins)} to {last} {zone.name}"


def _written(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S}"
