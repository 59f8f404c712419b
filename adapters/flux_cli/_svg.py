"""A workflow as an SVG picture: pure text in, text out; readable on light and on dark ground."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any, Final

from flux_cli._shapes import (
    BOX_HEIGHT,
    DIAMOND_HEIGHT,
    DIAMOND_WIDTH,
    PILL,
    STYLE,
    Canvas,
    arrow,
    box,
    diamond,
    pill,
    text,
)

if TYPE_CHECKING:
    from flux_core import Node, Workflow

# Lengths are in pixels.
GAP: Final = 28
MARGIN: Final = 24
NAME_CELL: Final = 8.6  # the width of a character of a name, of the other texts below it
TEXT_CELL: Final = 6.4
LONGEST_LABEL: Final = 48  # characters


def svg(workflow: Workflow[Any, Any]) -> str:
    """Return the picture: nodes from top to bottom, a diamond where a node has a condition.

    A step is a box, a commit has two frames, a sleep is round at its ends, a wait is a hexagon.
    """
    half = max(DIAMOND_WIDTH, *(_label_width(node) + 40 for node in workflow.nodes)) / 2
    canvas = Canvas(MARGIN + half, half)
    parts, y = [pill(canvas, MARGIN, "start")], float(MARGIN + PILL[1])
    for node in workflow.nodes:
        drawn, y = _conditional(canvas, y, node) if node.when else _node(canvas, y, node)
        parts += drawn
    parts += [arrow(canvas, y, y + GAP), pill(canvas, y + GAP, "completed")]
    width, height = canvas.lane + MARGIN, y + GAP + PILL[1] + MARGIN
    limit = f", timeout {workflow.timeout:g} s" if workflow.timeout else ""
    title = escape(f"Workflow {workflow.name}, version {workflow.version}{limit}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="flux-graph" role="img" aria-label="{title}"'
        f' width="{width:g}" height="{height:g}" viewBox="0 0 {width:g} {height:g}">\n'
        f"  <title>{title}</title>\n  <style>{STYLE}  </style>\n  " + "\n  ".join(parts) + "\n</svg>\n"
    )


def _node(canvas: Canvas, y: float, node: Node) -> tuple[list[str], float]:
    """Return an edge from y down to the node, the node, and the y below it."""
    return [arrow(canvas, y, y + GAP), _box(canvas, y + GAP, node)], y + GAP + BOX_HEIGHT


def _conditional(canvas: Canvas, y: float, node: Node) -> tuple[list[str], float]:
    """Return a diamond, the node below it and the edge that passes the node by, and the y where they join."""
    top = y + GAP
    center = top + DIAMOND_HEIGHT / 2
    drawn, below = _node(canvas, top + DIAMOND_HEIGHT, node)
    join = below + GAP / 2
    tip = canvas.middle + DIAMOND_WIDTH / 2
    return [
        arrow(canvas, y, top),
        diamond(canvas, center),
        *drawn,
        text(canvas.middle + 16, top + DIAMOND_HEIGHT + GAP / 2 + 1, "yes", "detail"),
        text(tip + 14, center - 5, "no", "detail"),
        f'<path class="edge" d="M{tip:g} {center:g}H{canvas.lane:g}V{join:g}H{canvas.middle:g}"/>',
        f'<path class="edge" d="M{canvas.middle:g} {below:g}V{join:g}"/>',
    ], join


def _box(canvas: Canvas, y: float, node: Node) -> str:
    details = _details(node)
    title = escape(f"{node.name}: {details}")
    return f"<g><title>{title}</title>{box(canvas, y, node.kind, _cut(node.name), details)}</g>"


def _details(node: Node) -> str:
    details = [node.kind, *_length(node)]
    details += [f"retries {node.retry.retries}"] if node.retry else []
    details += [f"timeout {node.timeout:g} s"] if node.timeout else []
    details += ["then skipped"] if node.on_timeout == "skip" else []
    details += ["once"] if node.once else []
    details += ["compensated"] if node.compensate else []
    return " · ".join(details)


def _length(node: Node) -> list[str]:
    """Return how long a sleep is, which may depend on the run."""
    if node.duration is None:
        return []
    return ["as the run says"] if callable(node.duration) else [f"{node.duration:g} s"]


def _label_width(node: Node) -> float:
    return max(len(_cut(node.name)) * NAME_CELL, len(_details(node)) * TEXT_CELL)


def _cut(name: str) -> str:
    return name if len(name) <= LONGEST_LABEL else name[: LONGEST_LABEL - 1] + "…"
