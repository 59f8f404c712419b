"""A run as people read it: a header, a line a node with its place in time, and what to type next."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from flux_cli._details import Details
from flux_cli._marks import NOT_REACHED, OF_RUN, OF_STEP, Mark
from flux_cli._outlook import outlook
from flux_cli._words import duration, end_of, instant, printable, shortened
from flux_core import RunStatus, StepStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flux_core import Run, StepRecord, Workflow

LONGEST_NAME: Final = 32  # cells
LONGEST_BAR: Final = 40  # cells
SHORTEST_BAR: Final = 8  # cells; where there is less room there is none


class Row(NamedTuple):
    """One node of the timeline."""

    mark: Mark
    name: str
    kind: str
    tries: str = ""
    took: str = ""
    span: tuple[float, float] | None = None
    """Unix seconds; None if the node did not run."""
    details: tuple[Text, ...] = ()


class Scale(NamedTuple):
    """The run's span of time on so many cells."""

    begin: float
    end: float
    cells: int
    stroke: str

    def bar(self, begin: float, end: float) -> str:
        """Return that stretch of the span: blanks before it, at least one stroke."""
        if self.cells < SHORTEST_BAR:
            return ""
        span = (self.end - self.begin) or 1.0
        first = min(self.cells - 1, max(0, int((begin - self.begin) / span * self.cells)))
        last = min(self.cells, max(first + 1, ceil((end - self.begin) / span * self.cells)))
        return " " * first + self.stroke * (last - first)


def timeline(
    run: Run,
    *,
    now: float,
    width: int,
    stroke: str,
    workflow: Workflow[Any, Any] | None = None,
    traceback: bool = False,
) -> Text:
    """Return the run drawn.

    Args:
        run: what to draw.
        now: Unix seconds, up to which a running run reaches.
        width: the cells that a line has.
        stroke: the character that bars are made of.
        workflow: the definition, if it is known: what was not reached is drawn too.
        traceback: show the tracebacks of errors.
    """
    end = end_of(run, now)
    details = Details(run.initial, width, traceback=traceback)
    rows = [_row(step, end, (*details.of(step),)) for step in _own(run)]
    rows += _not_reached(run, end, workflow)
    rows += [_row(step, end, (*details.of(step),)) for step in run.compensations]
    return Text("\n").join([*_header(run, end), *_chart(rows, run, end, width, stroke), *outlook(run)])


def _header(run: Run, end: float) -> Iterator[Text]:
    mark = OF_RUN[run.status]
    yield Text.assemble((run.id, "bold"), "  ", (f"{mark.sign} {run.status}", mark.style))
    yield Text(f"{run.workflow} version {printable(run.version)}", style="dim")
    yield Text(f"created {instant(run.created_at)} · took {duration(end - run.created_at)}", style="dim")
    if run.expires_at is not None and not run.status.ended:
        yield Text(f"must have ended by {instant(run.expires_at)}", style="dim")
    if run.tags:
        yield Text(f"tags {printable(', '.join(run.tags))}", style="dim")


def _own(run: Run) -> Iterator[StepRecord]:
    """Give the records of the nodes, without the errors of their compensations, which have rows of their own."""
    errors = [record.error for record in run.compensations]
    for step in run.history:
        yield step._replace(error=None) if step.error in errors else step


def _row(step: StepRecord, end: float, details: tuple[Text, ...]) -> Row:
    mark = OF_STEP[step.status]
    if step.started_at is None or step.status is StepStatus.SKIPPED:
        return Row(mark, step.name, step.kind, took=str(step.status), details=details)
    span = step.started_at, end if step.completed_at is None else step.completed_at
    tries = f"{step.attempts} tries" if step.attempts > 1 else ""
    return Row(mark, step.name, step.kind, tries, duration(span[1] - span[0]), span, details)


def _not_reached(run: Run, end: float, workflow: Workflow[Any, Any] | None) -> list[Row]:
    """Return the rows of the nodes that no record is kept of; the first may be what the worker has in hand."""
    if workflow is None or run.status is RunStatus.COMPLETED:
        return []
    reached, left = workflow.nodes[: len(run.history)], workflow.nodes[len(run.history) :]
    if [node.name for node in reached] != [step.name for step in run.history]:
        return []  # the run was started under another definition
    rows = [Row(NOT_REACHED, node.name, node.kind) for node in left]
    between_records = all(step.completed_at is not None for step in run.history)
    if rows and run.status is RunStatus.RUNNING and between_records:
        took, mark = duration(end - run.updated_at), OF_STEP[StepStatus.RUNNING]
        rows[0] = rows[0]._replace(mark=mark, took=took, span=(run.updated_at, end))
    return rows


def _chart(rows: list[Row], run: Run, end: float, width: int, stroke: str) -> Iterator[Text]:
    """Give a line a row, its columns aligned, and the row's details below it."""
    if not rows:
        return
    names, kinds, tries, took = (
        max((cell_len(text) for text in column), default=0)
        for column in zip(*((row.name, row.kind, row.tries, row.took) for row in rows), strict=True)
    )
    yield Text()
    names = min(names, LONGEST_NAME)
    tries += 2 if tries else 0
    used = 4 + names + 2 + kinds + tries + 2 + took + 2
    scale = Scale(run.created_at, end, min(LONGEST_BAR, width - used), stroke)
    for row in rows:
        name = set_cell_size(shortened(row.name, LONGEST_NAME), names)
        line = Text.assemble(
            (f"  {row.mark.sign} ", row.mark.style),
            (name, row.mark.style if row.mark is NOT_REACHED else ""),
            (f"  {row.kind:{kinds}}", "dim"),
            (f"{row.tries:>{tries}}", "yellow"),
            (f"  {row.took:>{took}}  ", "" if row.span else "dim"),
            (scale.bar(*row.span) if row.span else "", row.mark.style),
        )
        line.rstrip()
        yield line
        yield from row.details
