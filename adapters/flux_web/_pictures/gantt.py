"""A run along a line of time: a row for each node and each compensation, a bar for each attempt."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from flux_core import RunStatus
from flux_web._pictures.axis import TimeAxis
from flux_web._pictures.bars import BACKING_OFF, WAITING, Bar, bars_of, end_of
from flux_web._pictures.definition import in_hand, nodes_of, nodes_of_run
from flux_web._pictures.labels import Labels, width_within
from flux_web._pictures.marks import is_, mark, word
from flux_web._pictures.standing import UNDONE, Standing, lasted, standing, undone
from flux_web._pictures.svg import (
    DETAIL_SIZE,
    NAME_SIZE,
    Box,
    element,
    group,
    hatch,
    path,
    picture,
    pressable,
    rect,
    text,
    title,
    touch,
)
from flux_web._pictures.text import cut, width_of
from flux_web._pictures.words import counted, span, zone_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flux_core import Run, StepRecord
    from flux_web._pictures.words import Zone

# Lengths are in pixels.
MARGIN: Final = 10
HEADER: Final = 50
ROW: Final = 42
SHORT_ROW: Final = 24  # of what did not run
NAME_BASE: Final = 15  # from the top of a row
GAP: Final = 12  # between a name and what is told of it
TOLD_SHARE: Final = 0.62  # of a line, at least, is left to what is told
BAR_TOP: Final = 22
BAR: Final = 12
LEAST_BAR: Final = 3
GLYPH_ROOM: Final = 11  # a bar under that width has no cross in it
_CROSS: Final = "M-2.5 -2.5L2.5 2.5M2.5 -2.5L-2.5 2.5"
CAPTION_BASE: Final = 12
TICK_BASE: Final = 32
AXIS: Final = 39


class _Row(NamedTuple):
    name: str
    stands: Standing
    bars: list[Bar]
    compensation: bool = False

    @property
    def height(self) -> float:
        return ROW if self.bars else SHORT_ROW

    @property
    def label(self) -> str:
        return f"undo {self.name}" if self.compensation else self.name

    @property
    def spoken(self) -> str:
        what = f"compensation of {self.name}" if self.compensation else self.name
        return f"{what}: {self.stands.spoken}"


def timeline(
    run: Run,
    *,
    now: float,
    description: Mapping[str, Any] | None = None,
    width: object = 720,
    offset: object = 0,
) -> str:
    """Return a run along a line of time, as an SVG picture.

    Each attempt is a bar of its own, with the back-off between them as a dashed line; waits and sleeps are hatched;
    what is under way is open at its end. A wait that would squash all else is cut short, with a zigzag on the line.

    Args:
        run: the run to show.
        now: Unix seconds, up to which a run that is under way reaches.
        description: what `Workflow.describe()` gives; names the node that a worker has in hand.
        width: the pixels that there are for it: all text keeps its size. Too few or too many are the next that fit.
        offset: how many minutes east of UTC the clocks of those are who look at it.
    """
    across, zone = width_within(width), zone_of(offset)
    end = end_of(run, now)
    rows = list(_rows(run, end, now, description, zone))
    work = [(bar.begin, bar.end) for row in rows for bar in row.bars if bar.is_work]
    axis = TimeAxis(run.created_at, end, MARGIN, across - MARGIN, work)
    tops = [*accumulate((row.height for row in rows), initial=HEADER)]
    height = tops.pop() + 8
    drawn = [*_header(run, axis, across, height, zone)]
    drawn += [_row(row, top, axis, across, zone) for row, top in zip(rows, tops, strict=True)]
    took = span(end - run.created_at)
    label = f"Timeline of run {run.id}: {word(run.status)}, {counted(len(rows), 'row', 'rows')}, {took}"
    return picture("flux-timeline", drawn, label=label, width=across, height=height, role="group")


def _rows(
    run: Run, end: float, now: float, description: Mapping[str, Any] | None, zone: Zone
) -> Iterator[_Row]:
    for step in run.history:
        yield _Row(step.name, _told(step, run, now, zone), bars_of(step, run, end))
    if in_hand(run):
        begin = max(run.updated_at, *(step.completed_at or 0 for step in run.history), run.created_at)
        nodes = nodes_of_run(run, nodes_of(description or {}))[len(run.history) :]
        bar = Bar("running", min(begin, end), end, f"running for {span(end - begin)}", is_open=True)
        lost = _lost(run, now)
        yield _Row(nodes[0].name if nodes else "the next step", Standing("running", lost), [bar])
    for step in run.compensations:
        yield _Row(step.name, undone(step, run), bars_of(step, run, end), compensation=True)


def _told(step: StepRecord, run: Run, now: float, zone: Zone) -> Standing:
    stands = standing(step, run, zone)
    if step.status in UNDONE:
        return stands._replace(words=(*stands.words, *lasted(step)))
    return stands._replace(words=(*stands.words, *_lost(run, now))) if stands.status == "running" else stands


def _lost(run: Run, now: float) -> tuple[str, ...]:
    """Return that the worker has not been heard of, if so."""
    lost = run.status is RunStatus.RUNNING and run.held_until is not None and run.held_until < now
    return ("its lease is over",) if lost else ()


def _header(run: Run, axis: TimeAxis, width: float, height: float, zone: Zone) -> Iterator[str]:
    caption = f"{zone.instant(run.created_at)} · {span(axis.stretches[-1].end - run.created_at)} in all"
    yield text(
        "caption", MARGIN, CAPTION_BASE, cut(caption, width - 2 * MARGIN, DETAIL_SIZE), size=DETAIL_SIZE
    )
    labels = Labels(0, width)
    bottom = height - 4
    for stretch in axis.stretches:
        if stretch.is_break:
            label = span(stretch.end - stretch.begin)
            middle = (stretch.left + stretch.right) / 2
            yield rect("gap", Box(stretch.left, AXIS, stretch.right - stretch.left, bottom - AXIS))
            zigzag = "l", 3, -5, 6, 10, 3, -5
            yield path("break", "M", middle - 6, AXIS, *zigzag)
            yield path(
                "axis", "M", stretch.left, AXIS, "H", middle - 6, "M", middle + 6, AXIS, "H", stretch.right
            )
            x = labels.place(middle, label, DETAIL_SIZE)
            if x is not None:
                yield text("break-label", x, TICK_BASE, label, anchor="middle", size=DETAIL_SIZE)
        else:
            yield path("axis", "M", stretch.left, AXIS, "H", stretch.right)
    for tick in axis.ticks():
        yield path("grid", "M", tick.x, AXIS - 3, "V", bottom)
        x = labels.place(tick.x, tick.label, DETAIL_SIZE)
        if x is not None:
            shown = text("tick", x, TICK_BASE, tick.label, anchor="middle", size=DETAIL_SIZE)
            yield group("moment", [title(zone.instant(tick.at)), shown])


def _row(row: _Row, y: float, axis: TimeAxis, width: float, zone: Zone) -> str:
    room = width - 2 * MARGIN - 16
    name = cut(row.label, room, NAME_SIZE)
    left = room - GAP - width_of(name, NAME_SIZE)
    told = cut(row.stands.said, max(left, room * TOLD_SHARE), DETAIL_SIZE)
    name = cut(row.label, room - GAP - width_of(told, DETAIL_SIZE), NAME_SIZE)
    drawn = [
        title(row.spoken),
        rect("ground", Box(0, y, width, row.height - 2)),
        mark(row.stands.status, MARGIN + 6, y + NAME_BASE - 4.5),
        text("name", MARGIN + 17, y + NAME_BASE, name, size=NAME_SIZE),
        text("detail", width - MARGIN, y + NAME_BASE, told, anchor="end", size=DETAIL_SIZE),
        *(_bar(bar, y + BAR_TOP, axis, zone) for bar in row.bars),
    ]
    class_ = f"row {is_(row.stands.status)}" + (" compensation" if row.compensation else "")
    if row.compensation:
        return pressable(class_, drawn, label=row.spoken, data_compensation=row.name)
    return pressable(class_, drawn, label=row.spoken, data_step=row.name)


def _bar(bar: Bar, y: float, axis: TimeAxis, zone: Zone) -> str:
    left, right = axis.x(bar.begin), axis.x(bar.end)
    if right - left < LEAST_BAR:
        left = min(left, axis.stretches[-1].right - LEAST_BAR)
        right = left + LEAST_BAR
    place = Box(left, y, right - left, BAR)
    drawn = [title(f"{bar.told}\nfrom {zone.instant(bar.begin)}")]
    if bar.kind == BACKING_OFF:
        drawn += [path("hatch", "M", left, place.middle, "H", right), touch(place)]
    else:
        drawn.append(rect("span", place, min(2, (right - left) / 2)))
    if bar.kind == WAITING:
        drawn.append(hatch(place))
    if bar.kind == "failed" and right - left >= GLYPH_ROOM:
        drawn.append(
            element(
                "path", class_="glyph", transform=f"translate({right - 6:.1f} {place.middle:.1f})", d=_CROSS
            )
        )
    if bar.is_open:
        drawn.append(path("open-end", "M", right, y - 2, "l", 5, BAR / 2 + 2, "l", -5, BAR / 2 + 2))
    return group(f"bar {is_(bar.kind)}" + (" is-open" if bar.is_open else ""), drawn)
