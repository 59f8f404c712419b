"""A workflow as an SVG picture: pure text in, text out; readable on light and on dark ground."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from flux_core import Node, Workflow

# Lengths are in pixels.
BOX_HEIGHT: Final = 46
DIAMOND_HEIGHT: Final = 44
DIAMOND_WIDTH: Final = 84
PILL: Final = (104, 32)
GAP: Final = 28
MARGIN: Final = 24
LANE: Final = 34  # from the widest box to the line that passes conditional nodes by
INSET: Final = 4  # between the two frames of a commit
NAME_CELL: Final = 8.6  # the width of a character of a name, of the other texts below it
TEXT_CELL: Final = 6.4
LONGEST_LABEL: Final = 48  # characters

STYLE: Final = """
    .flux-graph { font: 14px ui-sans-serif, system-ui, "Segoe UI", Helvetica, Arial, sans-serif; }
    .flux-graph .frame { fill: #ffffff; stroke: #3b4a63; stroke-width: 1.5; }
    .flux-graph .commit { fill: #eef4ff; stroke: #2456c7; }
    .flux-graph .when { fill: #fff7e0; stroke: #a86b00; }
    .flux-graph .end { fill: #e9edf3; }
    .flux-graph .edge { fill: none; stroke: #5b6b84; stroke-width: 1.5; }
    .flux-graph .head { fill: #5b6b84; }
    .flux-graph text { fill: #16202f; text-anchor: middle; }
    .flux-graph .detail { fill: #56657c; font-size: 11px; }
    @media (prefers-color-scheme: dark) {
      .flux-graph .frame { fill: #1c2533; stroke: #93a4c0; }
      .flux-graph .commit { fill: #16264a; stroke: #7ea6ff; }
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


def svg(workflow: Workflow[Any, Any]) -> str:
    """Return the picture: nodes from top to bottom, commits double-framed, a diamond where a node has a condition."""
    half = max(DIAMOND_WIDTH, *(_label_width(node) + 40 for node in workflow.nodes)) / 2
    canvas = Canvas(MARGIN + half, half)
    parts, y = [_pill(canvas, MARGIN, "start")], float(MARGIN + PILL[1])
    for node in workflow.nodes:
        drawn, y = _conditional(canvas, y, node) if node.when else _node(canvas, y, node)
        parts += drawn
    parts += [_arrow(canvas, y, y + GAP), _pill(canvas, y + GAP, "completed")]
    width, height = canvas.lane + MARGIN, y + GAP + PILL[1] + MARGIN
    title = escape(f"Workflow {workflow.name}, version {workflow.version}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="flux-graph" role="img" aria-label="{title}"'
        f' width="{width:g}" height="{height:g}" viewBox="0 0 {width:g} {height:g}">\n'
        f"  <title>{title}</title>\n  <style>{STYLE}  </style>\n  " + "\n  ".join(parts) + "\n</svg>\n"
    )


def _node(canvas: Canvas, y: float, node: Node) -> tuple[list[str], float]:
    """Return an edge from y down to the node, the node, and the y below it."""
    return [_arrow(canvas, y, y + GAP), _box(canvas, y + GAP, node)], y + GAP + BOX_HEIGHT


def _conditional(canvas: Canvas, y: float, node: Node) -> tuple[list[str], float]:
    """Return a diamond, the node below it and the edge that passes the node by, and the y where they join."""
    top = y + GAP
    center = top + DIAMOND_HEIGHT / 2
    drawn, below = _node(canvas, top + DIAMOND_HEIGHT, node)
    join = below + GAP / 2
    tip = canvas.middle + DIAMOND_WIDTH / 2
    return [
        _arrow(canvas, y, top),
        _diamond(canvas, center),
        *drawn,
        _text(canvas.middle + 16, top + DIAMOND_HEIGHT + GAP / 2 + 1, "yes", "detail"),
        _text(tip + 14, center - 5, "no", "detail"),
        f'<path class="edge" d="M{tip:g} {center:g}H{canvas.lane:g}V{join:g}H{canvas.middle:g}"/>',
        f'<path class="edge" d="M{canvas.middle:g} {below:g}V{join:g}"/>',
    ], join


def _box(canvas: Canvas, y: float, node: Node) -> str:
    details = _details(node)
    frames = [_frame(canvas, y, node.kind, 0)]
    if node.kind == "commit":
        frames.append(_frame(canvas, y, node.kind, INSET))
    return (
        f"<g><title>{escape(f'{node.name}: {details}')}</title>{''.join(frames)}"
        + _text(canvas.middle, y + 21, _cut(node.name), "name")
        + _text(canvas.middle, y + 36, details, "detail")
        + "</g>"
    )


def _frame(canvas: Canvas, y: float, kind: str, inset: float) -> str:
    return (
        f'<rect class="frame {kind}" x="{canvas.middle - canvas.half + inset:g}" y="{y + inset:g}"'
        f' width="{2 * (canvas.half - inset):g}" height="{BOX_HEIGHT - 2 * inset:g}" rx="{6 - inset / 2:g}"/>'
    )


def _diamond(canvas: Canvas, center: float) -> str:
    across, down = DIAMOND_WIDTH / 2, DIAMOND_HEIGHT / 2
    return (
        f'<path class="frame when" d="M{canvas.middle:g} {center - down:g}l{across:g} {down:g}'
        f'l{-across:g} {down:g}l{-across:g} {-down:g}z"/>'
        + _text(canvas.middle, center + 4, "when", "detail")
    )


def _pill(canvas: Canvas, y: float, label: str) -> str:
    width, height = PILL
    return (
        f'<rect class="frame end" x="{canvas.middle - width / 2:g}" y="{y:g}" width="{width}" height="{height}"'
        f' rx="{height / 2:g}"/>' + _text(canvas.middle, y + 21, label, "name")
    )


def _arrow(canvas: Canvas, y: float, end: float) -> str:
    return (
        f'<path class="edge" d="M{canvas.middle:g} {y:g}V{end - 6:g}"/>'
        f'<path class="head" d="M{canvas.middle:g} {end:g}l-4.5 -8h9z"/>'
    )


def _text(x: float, y: float, text: str, kind: str) -> str:
    return f'<text class="{kind}" x="{x:g}" y="{y:g}">{escape(text)}</text>'


def _details(node: Node) -> str:
    details = [node.kind]
    details += [f"retries {node.retry.retries}"] if node.retry else []
    details += [f"timeout {node.timeout:g} s"] if node.timeout else []
    details += ["compensated"] if node.compensate else []
    return " · ".join(details)


def _label_width(node: Node) -> float:
    return max(len(_cut(node.name)) * NAME_CELL, len(_details(node)) * TEXT_CELL)


def _cut(name: str) -> str:
    return name if len(name) <= LONGEST_LABEL else name[: LONGEST_LABEL - 1] + "…"
