"""The colours of a picture that stands alone, on light and on dark ground."""

from __future__ import annotations

from typing import Final

from flux_web._pictures.svg import element

_SHAPES: Final = """
    .frame { fill: #ffffff; stroke: #3b4a63; stroke-width: 1.5; }
    .commit { fill: #eef4ff; stroke: #2456c7; }
    .sleep, .wait { fill: #f2f0ff; stroke: #6246b5; }
    .when .frame { fill: #fff7e0; stroke: #a86b00; }
    .end .frame { fill: #e9edf3; }
    .edge { fill: none; stroke: #5b6b84; stroke-width: 1.5; }
    .head { fill: #5b6b84; }
    text { fill: #16202f; }
    .detail { fill: #56657c; }
"""
_SHAPES_DARK: Final = """
    .frame { fill: #1c2533; stroke: #93a4c0; }
    .commit { fill: #16264a; stroke: #7ea6ff; }
    .sleep, .wait { fill: #231c40; stroke: #b09cf5; }
    .when .frame { fill: #362a0d; stroke: #e3ac45; }
    .end .frame { fill: #2a3546; }
    .edge { stroke: #93a4c0; }
    .head { fill: #93a4c0; }
    text { fill: #eef2f8; }
    .detail { fill: #aab8cd; }
"""
_STATUSES: Final = """
    .mark { fill: none; stroke-width: 2; stroke-linecap: round; stroke-linejoin: round; }
    .is-not-reached .frame { stroke-dasharray: 4 4; fill: none; }
    .edge.is-not-taken { stroke-dasharray: 3 4; stroke-width: 1; }
    .is-not-reached text { fill: #56657c; }
    .edge.is-taken { stroke-width: 3; }
    .edge.is-back { stroke-width: 2.5; stroke-dasharray: 6 4; }
    .edge.is-tie { stroke-dasharray: 2 4; }
    .is-chosen .frame { stroke-width: 3.5; }
"""
_STATUSES_DARK: Final = """
    .is-not-reached text { fill: #aab8cd; }
"""
_COLOURS: Final = {  # on light ground, on dark ground
    ("completed",): ("#1a7f37", "#4ac26b"),
    ("failed", "compensation-failed"): ("#c4232b", "#ff8080"),
    ("running", "pending"): ("#0a5fd1", "#79b0ff"),
    ("suspended", "paused"): ("#8a5a00", "#e3ac45"),
    ("compensating", "compensated", "rolling-back", "rolled-back", "cancelled"): ("#8234b5", "#d2a0f5"),
    ("skipped", "not-reached"): ("#56657c", "#aab8cd"),
}


def style(*, statuses: bool) -> str:
    """Return the style element; without statuses, for a definition alone."""
    light = _SHAPES + (_STATUSES + _coloured(0) if statuses else "")
    dark = _SHAPES_DARK + (_STATUSES_DARK + _coloured(1) if statuses else "")
    return element(
        "style", f"{_scoped(light)}    @media (prefers-color-scheme: dark) {{{_scoped(dark)}    }}\n"
    )


def _coloured(ground: int) -> str:
    return "".join(
        f"    {', '.join(f'.is-{status} .mark, .is-{status} > .frame' for status in statuses)}"
        f" {{ stroke: {colours[ground]}; }}\n"
        for statuses, colours in _COLOURS.items()
    )


def _scoped(rules: str) -> str:
    """Return the rules for the picture alone: an SVG that stands in a page shares its styles with it."""
    lines = []
    for line in rules.splitlines():
        selectors, brace, declarations = line.partition("{")
        scoped = ", ".join(f".flux-graph {selector.strip()}" for selector in selectors.split(","))
        lines.append(f"    {scoped} {brace}{declarations}" if brace else line)
    return "\n".join(lines) + "\n"
