"""Trace events as people read them: the tree of a run, or a line an event as they come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.text import Text
from rich.tree import Tree

from flux_cli._marks import OF_RUN
from flux_cli._trace_tree import TraceTree, progress_told
from flux_cli._words import duration, instant, shortened
from flux_core._retold import Outline, outlined
from flux_core.trace import MARKS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flux_cli._trace_tree import Branch
    from flux_core import TraceEvent

LONGEST_NAME: Final = 32  # cells
WIDEST_EVENT: Final = 12  # cells
LONGEST_REMARK: Final = 200  # characters
STYLES: Final = {
    "workflow:complete": "green",
    "step:complete": "green",
    "workflow:error": "red",
    "step:error": "red",
    "step:retry": "yellow",
    "step:suspend": "yellow",
    "workflow:suspend": "yellow",
    "workflow:rollback_start": "blue",
    "workflow:rollback_complete": "magenta",
    "step:compensate": "magenta",
    "step:start": "blue",
    "signal:received": "cyan",
    "step:skipped": "dim",
    "step:progress": "dim",
}
DIM: Final = "dim"


def run_tree(events: Sequence[TraceEvent]) -> Tree:
    """Return the tree of the run that the events are of, which stand in their order."""
    outline: Outline | None = None
    for event in events:
        outline = outlined(outline, event)
    if outline is None:
        raise ValueError("a run of which nothing is told")
    tree = Tree(_heading(outline, events), guide_style=DIM)
    _grow(tree, TraceTree(events).branches)
    return tree


def flat_line(event: TraceEvent) -> Text:
    """Return the event as one line that names its moment and its run."""
    moment = f"{instant(event.timestamp / 1000).removesuffix('Z')}.{event.timestamp % 1000:03}Z"
    run_id = shortened(event.workflow_id, LONGEST_REMARK)
    return Text.assemble((f"{moment}  ", DIM), (run_id, "bold"), "  ", _told(event))


def _heading(outline: Outline, events: Sequence[TraceEvent]) -> Text:
    first = min(event.timestamp for event in events)
    begun = "started" if outline.began else "first seen"
    mark = OF_RUN[outline.status]
    took = duration((outline.updated_at - first) / 1000)
    workflow = shortened(outline.workflow, LONGEST_REMARK)
    return _line(
        (shortened(outline.id, LONGEST_REMARK), "bold"),
        "  ",
        (f"{mark.sign} {outline.status}", mark.style),
        (f"\n{workflow} · {begun} {instant(first / 1000)} · took {took}", DIM),
    )


def _grow(tree: Tree, branches: Sequence[Branch]) -> None:
    for branch in branches:
        below = branch.branches
        if len(below) == 1 and below[0].name == "attempt 1" and branch.ended is not None:
            below = below[0].branches  # there is nothing to say of a single attempt
        _grow(tree.add(_label(branch)), below)


def _label(branch: Branch) -> Text:
    style = STYLES.get(branch.mark, "")
    timed = branch.begun is not None and branch.ended is not None and branch.mark != "step:skipped"
    took = duration(((branch.ended or 0) - (branch.begun or 0)) / 1000) if timed else ""
    parts = [shortened(branch.name, LONGEST_REMARK), took, shortened(branch.remark, LONGEST_REMARK)]
    return _line((f"{MARKS.get(branch.mark, ' ')} ", style), "  ".join(part for part in parts if part))


def _line(*parts: str | tuple[str, str]) -> Text:
    """Return a text of which no line is wrapped: what a terminal has no room for is left out."""
    return Text.assemble(*parts, no_wrap=True, overflow="ellipsis")


def _told(event: TraceEvent) -> Text:
    """Return the event's mark, the name, what happened, and what else there is to say of it."""
    what = event.type.partition(":")[2].replace("_", " ")
    if event.type == "step:compensate":
        what = event.status or what
    attempt = f"attempt {event.retries + 1}" if event.retries else ""
    took = "" if event.duration is None or event.type.endswith("start") else duration(event.duration / 1000)
    name = shortened(event.step_name or "", LONGEST_NAME)
    what = f"{shortened(what, LONGEST_NAME):<{WIDEST_EVENT}}"
    parts = [name, what, attempt, took, _remark(event)]
    return Text.assemble(
        (f"{MARKS.get(event.type, ' ')} ", STYLES.get(event.type, "")),
        ("  ".join(part for part in parts if part)),
    )


def _remark(event: TraceEvent) -> str:
    if event.type == "step:progress":
        return shortened(progress_told(event), LONGEST_REMARK)
    return shortened(event.error or str((event.meta or {}).get("signal", "")), LONGEST_REMARK)
