"""A workflow from top to bottom, and the way that a run took through it."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from flux_core import RunStatus
from flux_web._pictures.definition import nodes_of
from flux_web._pictures.marks import NOT_REACHED, is_, mark, word
from flux_web._pictures.path_taken import PathTaken, Stop, path_taken
from flux_web._pictures.shapes import (
    BOX_HEIGHT,
    DIAMOND_HEIGHT,
    DIAMOND_WIDTH,
    LANE,
    PILL,
    arrow,
    diamond,
    frame,
    pill,
)
from flux_web._pictures.style import style
from flux_web._pictures.svg import (
    DETAIL_SIZE,
    NAME_SIZE,
    Box,
    group,
    path,
    picture,
    pressable,
    rect,
    text,
    title,
)
from flux_web._pictures.text import cut, width_of
from flux_web._pictures.words import span, zone_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flux_core import Run
    from flux_web._pictures.standing import Standing

# Lengths are in pixels.
GAP: Final = 28
MARGIN: Final = 12
PADDING: Final = 36  # beside the text of a box: a mark finds room there
LONGEST_LABEL: Final = 360
UNDO_HEIGHT: Final = 30
UNDO_GAP: Final = 30  # between a node and its compensation
LONGEST_ERROR: Final = 500  # characters

TAKEN: Final = " is-taken"
NOT_TAKEN: Final = " is-not-taken"
BACK: Final = " is-back"


def graph(
    description: Mapping[str, Any],
    run: Run | None = None,
    *,
    step: str | int | None = None,
    standalone: bool = False,
    offset: object = 0,
) -> str:
    """Return a workflow as an SVG picture.

    A step is a box, a commit has two frames, a sleep is round at its ends, a wait is a hexagon; a condition is a
    diamond before its node. With a run each node says how it stands there, and the way that the run took is drawn:
    down to where it is, past what it skipped, and back up through the compensations of what was undone.

    Args:
        description: what `Workflow.describe()` gives. If the run's history goes another way, it is drawn from that.
        run: the run to show in it.
        step: the name of the node to mark; one that the run came to is the last that is shown as reached. Or how
            many of its nodes are to be, a number or its digits, from 0; from their count on, all that happened is.
        standalone: give the picture colours of its own, for light and for dark ground, and nothing to press.
        offset: how many minutes east of UTC the clocks of those are who look at it.
    """
    taken = path_taken(nodes_of(description), run, step, zone_of(offset))
    drawing = _Drawing(taken, _layout(taken), pressable=not standalone)
    children = list(drawing.parts())
    name = f"Workflow {description.get('name', '')}"
    name += f", version {description['version']}" if description.get("version") else ""
    name += f", timeout {span(description['timeout'])}" if description.get("timeout") else ""
    name += f", run {run.id}: {word(run.status)}" if run else ""
    return picture(
        "flux-graph has-run" if run else "flux-graph",
        [*([style(statuses=run is not None)] if standalone else []), *children],
        label=name,
        width=drawing.layout.width,
        height=drawing.height,
        role="img" if standalone else "group",
    )


class _Layout(NamedTuple):
    """Where things go from left to right."""

    left: float
    """Half the width of what is left of the boxes, compensations."""
    half: float
    """Half the width of a box."""

    @property
    def column(self) -> float:
        """The middle of the compensations."""
        return MARGIN + self.left

    @property
    def middle(self) -> float:
        return MARGIN + (2 * self.left + UNDO_GAP if self.left else 0) + self.half

    @property
    def lane(self) -> float:
        """The x of the line that passes a node by."""
        return self.middle + self.half + LANE

    @property
    def width(self) -> float:
        return self.lane + MARGIN


def _layout(taken: PathTaken) -> _Layout:
    labels = [
        max(width_of(_name(stop), NAME_SIZE), width_of(_detail(stop), DETAIL_SIZE)) for stop in taken.stops
    ]
    half = max(DIAMOND_WIDTH, *(label + 2 * PADDING for label in (0, *labels))) / 2
    undone = [width_of(_undo_label(stop.undo), DETAIL_SIZE) + PADDING for stop in taken.stops if stop.undo]
    return _Layout(max(PILL[0], *undone, 0) / 2 if taken.goes_back else 0, half)


def _name(stop: Stop) -> str:
    return cut(stop.node.name, LONGEST_LABEL, NAME_SIZE)


def _detail(stop: Stop) -> str:
    words = (stop.node.kind, stop.standing.said) if stop.standing else (stop.node.kind, *stop.node.details)
    return cut(" · ".join(words), LONGEST_LABEL, DETAIL_SIZE)


def _undo_label(undo: Standing) -> str:
    return " · ".join(undo.words) if undo.status == NOT_REACHED else undo.said


class _Drawing:
    """A picture that grows downwards."""

    def __init__(self, taken: PathTaken, layout: _Layout, *, pressable: bool) -> None:
        self.taken = taken
        self.layout = layout
        self.height = 0.0
        self._pressable = pressable
        self._y = float(MARGIN)
        self._begins_back: tuple[float, float] | None = None  # where the way back leaves the way down
        self._undone: list[tuple[float, Standing]] = []  # the y of the middle of each compensation

    def parts(self) -> Iterator[str]:
        """Give the elements, edges before what they lead to."""
        run, layout = self.taken.run, self.layout
        begun = "" if run is None else is_(NOT_REACHED if run.status is RunStatus.PENDING else "completed")
        yield pill(layout.middle, self._y, "start", f"start {begun}".rstrip())
        self._y += PILL[1]
        for index, stop in enumerate(self.taken.stops):
            if index == self.taken.reached:
                yield from self._standstill()
            yield from self._stop(index, stop)
        if self.taken.reached == len(self.taken.stops):
            yield from self._standstill()
        yield arrow(layout.middle, self._y, self._y + GAP, self._state(taken=self.taken.completed))
        ended = "" if run is None else is_("completed" if self.taken.completed else NOT_REACHED)
        yield pill(layout.middle, self._y + GAP, "completed", ended)
        self.height = self._y + GAP + PILL[1] + MARGIN
        if self.taken.goes_back:
            yield from self._way_back()

    def _state(self, *, taken: bool) -> str:
        return "" if self.taken.run is None else TAKEN if taken else NOT_TAKEN

    def _standstill(self) -> Iterator[str]:
        """Give the mark of a run that stands between two nodes, on the edge that it has not gone along."""
        status = self.taken.stands
        if status is None:
            return
        middle, y = self.layout.middle, self._y + GAP / 2 - 4
        yield group(
            f"stop {is_(status)}",
            [
                path("mark", "M", middle - 14, y, "H", middle + 14),
                text("detail", middle + 20, y + 4, word(status), size=DETAIL_SIZE),
            ],
        )
        self._begins_back = middle - 14, y

    def _stop(self, index: int, stop: Stop) -> Iterator[str]:
        middle, lane = self.layout.middle, self.layout.lane
        through = stop.reached and not stop.passed_by
        onward = self._leads_on(index)
        if stop.node.conditional:
            yield arrow(middle, self._y, self._y + GAP, self._state(taken=stop.reached))
            center = self._y + GAP + DIAMOND_HEIGHT / 2
            yield diamond(middle, center)
            self._y += GAP + DIAMOND_HEIGHT
            yield text("detail", middle + 8, self._y + GAP / 2 + 1, "yes", size=DETAIL_SIZE)
            yield text("detail", middle + DIAMOND_WIDTH / 2 + 6, center - 5, "no", size=DETAIL_SIZE)
        yield arrow(middle, self._y, self._y + GAP, self._state(taken=through))
        place = Box(middle - self.layout.half, self._y + GAP, 2 * self.layout.half, BOX_HEIGHT)
        if stop.undo:
            yield self._undo(place, stop, stop.undo)
        yield self._box(place, stop)
        self._y = place.y + BOX_HEIGHT
        if through:
            self._begins_back = place.x, place.middle
        if stop.node.conditional:
            below, self._y = self._y, self._y + GAP / 2
            passed = self._state(taken=stop.passed_by)
            turns = "H", lane, "V", self._y, "H", middle
            yield path(f"edge{passed}", "M", middle + DIAMOND_WIDTH / 2, center, *turns)
            yield path(f"edge{self._state(taken=through and onward)}", "M", middle, below, "V", self._y)

    def _leads_on(self, index: int) -> bool:
        """Whether the run went on from that node."""
        following = self.taken.stops[index + 1 :]
        return following[0].reached if following else self.taken.completed

    def _box(self, place: Box, stop: Stop) -> str:
        middle = place.x + place.width / 2
        drawn = [
            title(_tooltip(stop)),
            frame(place, stop.node.kind),
            text("name", middle, place.y + 21, _name(stop), anchor="middle", size=NAME_SIZE),
            text("detail", middle, place.y + 36, _detail(stop), anchor="middle", size=DETAIL_SIZE),
        ]
        if stop.standing is None:
            class_ = "node"
            spoken = ", ".join((stop.node.kind, *stop.node.details))
        else:
            class_ = f"node {is_(stop.standing.status)}"
            drawn.append(mark(stop.standing.status, place.x + 20, place.middle))
            spoken = stop.standing.spoken
        class_ += " is-chosen" if stop.chosen else ""
        if not self._pressable:
            return group(class_, drawn)
        label = f"{stop.node.name}: {spoken}"
        return pressable(class_, drawn, label=label, data_step=stop.node.name, data_kind=stop.node.kind)

    def _undo(self, node: Box, stop: Stop, undo: Standing) -> str:
        left = self.layout.left
        place = Box(self.layout.column - left, node.middle - UNDO_HEIGHT / 2, 2 * left, UNDO_HEIGHT)
        self._undone.append((node.middle, undo))
        drawn = [
            title(f"compensation of {stop.node.name}: {undo.spoken}"),
            path("edge is-tie", "M", place.right, place.middle, "H", node.x),
            rect("frame", place, UNDO_HEIGHT / 2),
            mark(undo.status, place.x + 16, place.middle),
            text("detail", place.x + 28, place.middle + 4, _undo_label(undo), size=DETAIL_SIZE),
        ]
        if not self._pressable:
            return group(f"undo {is_(undo.status)}", drawn)
        label = f"compensation of {stop.node.name}: {undo.spoken}"
        return pressable(f"undo {is_(undo.status)}", drawn, label=label, data_compensation=stop.node.name)

    def _way_back(self) -> Iterator[str]:
        """Give the edges from where the run turned back, up through the compensations, to the end above them."""
        run, column = self.taken.run, self.layout.column
        rolled_back = run is not None and run.status is RunStatus.ROLLED_BACK
        x, y = self._begins_back or (self.layout.middle - PILL[0] / 2, MARGIN + PILL[1] / 2)
        top = MARGIN + PILL[1]
        ends = [(y, True), *((end, undo.status != NOT_REACHED) for end, undo in reversed(self._undone))]
        corner = path(f"edge{BACK}", "M", x, y, "H", column)
        yield corner if y > top else ""
        for (begin, _), (end, reached) in pairwise([*ends, (top, rolled_back)]):
            state = BACK if reached else BACK + NOT_TAKEN
            begins = begin if begin == y else begin - UNDO_HEIGHT / 2
            ends_at = end if end == top else end + UNDO_HEIGHT / 2
            if begins > ends_at:
                yield arrow(column, begins, ends_at, state)
        state = is_("rolled_back" if rolled_back else NOT_REACHED)
        yield pill(column, MARGIN, "rolled back", f"undone {state}")


def _tooltip(stop: Stop) -> str:
    node = stop.node
    lines = [f"{node.name}: {' · '.join((node.kind, *node.details))}"]
    lines += [stop.standing.spoken] if stop.standing else []
    if stop.record is not None and stop.record.error is not None and stop.record.status != "completed":
        lines.append(f"{stop.record.error.type}: {stop.record.error.message}"[:LONGEST_ERROR])
    return "\n".join(lines)
