"""The shapes that a workflow's picture is made of, as SVG."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final, NamedTuple

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

STYLE: Final = """
    .flux-graph { font: 14px ui-sans-serif, system-ui, "Segoe UI", Helvetica, Arial, sans-serif; }
    .flux-graph .frame { fill: #ffffff; stroke: #3b4a63; stroke-width: 1.5; }
    .flux-graph .commit { fill: #eef4ff; stroke: #2456c7; }
    .flux-graph .sleep, .flux-graph .wait { fill: #f2f0ff; stroke: #6246b5; }
    .flux-graph .when { fill: #fff7e0; stroke: #a86b00; }
    .flux-graph .end { fill: #e9edf3; }
    .flux-graph .edge { fill: none; stroke: #5b6b84; stroke-width: 1.5; }
    .flux-graph .head { fill: #5b6b84; }
    .flux-graph text { fill: #16202f; text-anchor: middle; }
    .flux-graph .detail { fill: #56657c; font-size: 11px; }
    @media (prefers-color-scheme: dark) {
      .flux-graph .frame { fill: #1c2533; stroke: #93a4c0; }
      .flux-graph .commit { fill: #16264a; stroke: #7ea6ff; }
      .flux-graph .sleep, .flux-graph .wait { fill: #231c40; stroke: #b09cf5; }
      .flux-graph .when { fill: #362a0d; stroke: #e3ac45; }
      .flux-graph .end { fill: #2a3546; }
      .flux-graph .edge { stroke: #93a4c0; }
      .flux-graph .head { fill: #93a4c0; }
      .flux-graph text { fill: #eef2f8; }
      .flux-graph .detail { fill: #aab8cd; }
    }
"""


class Canvas(NamedTuple):
    """Where things go: the middle axis, the half width of a box, and the lane beside the boxes."""

    middle: float
    half: float

    @property
    def lane(self) -> float:
        """The x of the line that passes a node by."""
        return self.middle + self.half + LANE


def box(canvas: Canvas, y: float, kind: str, name: str, details: str) -> str:
    """Return the frame of a node of that kind, with its name and what else there is to say in it."""
    return (
        FRAMES[kind](canvas, y, kind)
        + text(canvas.middle, y + 21, name, "name")
        + text(canvas.middle, y + 36, details, "detail")
    )


def _one_frame(canvas: Canvas, y: float, kind: str) -> str:
    return _frame(canvas, y, kind, 0, CORNER)


def _two_frames(canvas: Canvas, y: float, kind: str) -> str:
    return _frame(canvas, y, kind, 0, CORNER) + _frame(canvas, y, kind, INSET, CORNER - INSET / 2)


def _round_frame(canvas: Canvas, y: float, kind: str) -> str:
    return _frame(canvas, y, kind, 0, BOX_HEIGHT / 2)


def _frame(canvas: Canvas, y: float, kind: str, inset: float, corner: float) -> str:
    return (
        f'<rect class="frame {kind}" x="{canvas.middle - canvas.half + inset:g}" y="{y + inset:g}"'
        f' width="{2 * (canvas.half - inset):g}" height="{BOX_HEIGHT - 2 * inset:g}" rx="{corner:g}"/>'
    )


def _hexagon(canvas: Canvas, y: float, kind: str) -> str:
    tip, side = BOX_HEIGHT / 4, BOX_HEIGHT / 2
    across = 2 * (canvas.half - tip)
    return (
        f'<path class="frame {kind}" d="M{canvas.middle - canvas.half:g} {y + side:g}l{tip:g} {-side:g}h{across:g}'
        f'l{tip:g} {side:g}l{-tip:g} {side:g}h{-across:g}z"/>'
    )


FRAMES: Final[dict[str, Callable[[Canvas, float, str], str]]] = {
    "step": _one_frame,
    "commit": _two_frames,
    "sleep": _round_frame,
    "wait": _hexagon,
}


def diamond(canvas: Canvas, center: float) -> str:
    """Return a condition, its middle at that y."""
    across, down = DIAMOND_WIDTH / 2, DIAMOND_HEIGHT / 2
    return (
        f'<path class="frame when" d="M{canvas.middle:g} {center - down:g}l{across:g} {down:g}'
        f'l{-across:g} {down:g}l{-across:g} {-down:g}z"/>' + text(canvas.middle, center + 4, "when", "detail")
    )


def pill(canvas: Canvas, y: float, label: str) -> str:
    """Return the start or the end of the workflow."""
    width, height = PILL
    return (
        f'<rect class="frame end" x="{canvas.middle - width / 2:g}" y="{y:g}" width="{width}" height="{height}"'
        f' rx="{height / 2:g}"/>' + text(canvas.middle, y + 21, label, "name")
    )


def arrow(canvas: Canvas, y: float, end: float) -> str:
    """Return an edge from y down to its head at the end."""
    return (
        f'<path class="edge" d="M{canvas.middle:g} {y:g}V{end - 6:g}"/>'
        f'<path class="head" d="M{canvas.middle:g} {end:g}l-4.5 -8h9z"/>'
    )


def text(x: float, y: float, content: str, kind: str) -> str:
    """Return a line of text, its middle at x."""
    return f'<text class="{kind}" x="{x:g}" y="{y:g}">{escape(content)}</text>'
