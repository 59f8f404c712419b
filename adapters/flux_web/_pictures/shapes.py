"""The shapes that a workflow's picture is made of, as SVG."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flux_web._pictures.svg import DETAIL_SIZE, NAME_SIZE, Box, group, path, rect, text

if TYPE_CHECKING:
    from collections.abc import Callable

# Lengths are in pixels.
BOX_HEIGHT: Final = 46
DIAMOND_HEIGHT: Final = 44
DIAMOND_WIDTH: Final = 84
PILL: Final = (104, 32)
LANE: Final = 34  # from the widest box to the line that passes conditional nodes by
CORNER: Final = 6  # the radius of a box's corners
INSET: Final = 4  # between the two frames of a commit


def frame(place: Box, kind: str) -> str:
    """Return the outline of a node of that kind: a kind that is new here has that of a step."""
    return FRAMES.get(kind, _one_frame)(place, kind)


def _one_frame(place: Box, kind: str) -> str:
    return rect(f"frame {kind}", place, CORNER)


def _two_frames(place: Box, kind: str) -> str:
    x, y, width, height = place
    inner = Box(x + INSET, y + INSET, width - 2 * INSET, height - 2 * INSET)
    return _one_frame(place, kind) + rect(f"frame {kind}", inner, CORNER - INSET / 2)


def _round_frame(place: Box, kind: str) -> str:
    return rect(f"frame {kind}", place, place.height / 2)


def _hexagon(place: Box, kind: str) -> str:
    tip, side = place.height / 4, place.height / 2
    across = place.width - 2 * tip
    corners = "l", tip, -side, "h", across, "l", tip, side, "l", -tip, side, "h", -across, "z"
    return path(f"frame {kind}", "M", place.x, place.y + side, *corners)


FRAMES: Final[dict[str, Callable[[Box, str], str]]] = {
    "commit": _two_frames,
    "sleep": _round_frame,
    "wait": _hexagon,
}


def diamond(middle: float, center: float) -> str:
    """Return a condition, its middle there."""
    across, down = DIAMOND_WIDTH / 2, DIAMOND_HEIGHT / 2
    corners = "l", across, down, "l", -across, down, "l", -across, -down, "z"
    return group(
        "when",
        [
            path("frame", "M", middle, center - down, *corners),
            text("detail", middle, center + 4, "when", anchor="middle", size=DETAIL_SIZE),
        ],
    )


def pill(middle: float, y: float, label: str, state: str = "") -> str:
    """Return the start or the end of the workflow."""
    width, height = PILL
    return group(
        f"end {state}".rstrip(),
        [
            rect("frame", Box(middle - width / 2, y, width, height), height / 2),
            text("name", middle, y + 21, label, anchor="middle", size=NAME_SIZE),
        ],
    )


def arrow(x: float, y: float, end: float, state: str = "") -> str:
    """Return an edge from y to its head at the end, down or up."""
    way = 1 if end >= y else -1
    return path(f"edge{state}", "M", x, y, "V", end - 6 * way) + path(
        f"head{state}", "M", x, end, "l", -4.5, -8 * way, "h", 9, "z"
    )
