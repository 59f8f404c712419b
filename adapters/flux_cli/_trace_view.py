"""Trace events as people read them: the timeline of each run, or a line an event as they come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from flux_cli._marks import OF_RUN
from flux_cli._words import duration, instant, printable, shortened
from flux_core import RunStatus
from flux_core.trace import MARKS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

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
}
DIM: Final = "dim"


def timelines(events: Iterable[TraceEvent]) -> Text:
    """Return the timeline of every run that the events are of; the run whose first event is oldest comes first."""
    runs: dict[str, list[TraceEvent]] = {}
    for event in sorted(events, key=lambda event: event.timestamp):
        runs.setdefault(event.workflow_id, []).append(event)
    return Text("\n\n").join(Text("\n").join(_timeline(of_run)) for of_run in runs.values())


def flat_line(event: TraceEvent) -> Text:
    """Return the event as one line that names its moment and its run."""
    moment = f"{instant(event.timestamp / 1000).removesuffix('Z')}.{event.timestamp % 1000:03}Z"
    return Text.assemble(
        (f"{moment}  ", DIM), (printable(event.workflow_id), "bold"), "  ", _told(event, _name(event))
    )


def _timeline(events: Sequence[TraceEvent]) -> Iterator[Text]:
    first, last = events[0], events[-1]
    yield _heading(events)
    yield Text(printable(first.workflow_name), style=DIM)
    begun = "started" if first.type == "workflow:start" else "first seen"
    took = duration((last.timestamp - first.timestamp) / 1000)
    yield Text(f"{begun} {instant(first.timestamp / 1000)} · took {took}", style=DIM)
    yield Text()
    names = min(LONGEST_NAME, max(cell_len(_name(event)) for event in events))
    offsets = [duration((event.timestamp - first.timestamp) / 1000) for event in events]
    width = max(map(len, offsets))
    for event, offset in zip(events, offsets, strict=True):
        line = Text.assemble(
            (f"  +{offset:{width}}  ", DIM), _told(event, set_cell_size(_name(event), names))
        )
        line.rstrip()
        yield line


def _heading(events: Sequence[TraceEvent]) -> Text:
    """Return the run's id, and the status that the last event of the run as a whole tells of."""
    told = [event.status for event in events if not event.type.startswith("step:") and event.status]
    status = RunStatus(told[-1]) if told and told[-1] in set(RunStatus) else RunStatus.RUNNING
    mark = OF_RUN[status]
    return Text.assemble(
        (printable(events[0].workflow_id), "bold"), "  ", (f"{mark.sign} {status}", mark.style)
    )


def _name(event: TraceEvent) -> str:
    return shortened(event.step_name or "", LONGEST_NAME)


def _told(event: TraceEvent, name: str) -> Text:
    """Return the event's mark, the name, what happened, and what else there is to say of it."""
    style = STYLES.get(event.type, "")
    what = event.type.partition(":")[2].replace("_", " ")
    if event.type == "step:compensate":
        what = event.status or what
    attempt = f"attempt {event.retries + 1}" if event.retries else ""
    took = "" if event.duration is None or event.type.endswith("start") else duration(event.duration / 1000)
    parts = [name, f"{what:<{WIDEST_EVENT}}", attempt, took, _remark(event)]
    return Text.assemble(
        (f"{MARKS.get(event.type, ' ')} ", style), ("  ".join(part for part in parts if part))
    )


def _remark(event: TraceEvent) -> str:
    meta = event.meta if isinstance(event.meta, dict) else {}
    if event.type == "step:progress":
        said = f"{meta.get('fraction', 0):.0%} {meta.get('message', '')}"
    else:
        said = event.error or str(meta.get("signal", ""))
    return shortened(said, LONGEST_REMARK)
