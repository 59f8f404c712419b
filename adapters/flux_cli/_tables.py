"""A page of runs as a table, a line a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from flux_cli._marks import OF_RUN, OF_STEP
from flux_cli._words import age, duration, end_of
from flux_core import RunStatus

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flux_core import Run


def runs_table(runs: Iterable[Run], *, now: float) -> Table:
    """Return the table; ages and the durations of runs under way are reckoned up to `now`, in Unix seconds."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column(
        "id", overflow="fold"
    )  # where there is no room, the id goes on below: it is what to type
    table.add_column("workflow")
    for heading in ("status", "at", "created", "took"):
        table.add_column(heading, no_wrap=True)
    for run in runs:
        status = OF_RUN[run.status]
        end = end_of(run, now)
        table.add_row(
            Text(run.id, style="bold"),
            Text(run.workflow, no_wrap=True, overflow="ellipsis"),
            Text(f"{status.sign} {run.status}", style=status.style),
            _standing(run),
            age(now - run.created_at),
            duration(end - run.created_at),
        )
    return table


def _standing(run: Run) -> Text:
    """Return the node that the run has come to, how often it was tried if not once, and what it waits for."""
    going_back = run.compensations and run.status is not RunStatus.ROLLED_BACK
    records = run.compensations if going_back else run.history
    if not records:
        return Text("-", style="dim")
    last = records[-1]
    tries = f", {last.attempts} tries" if last.attempts > 1 else ""
    waits = f", for {run.waits_for}" if run.waits_for not in (None, last.name) else ""
    return Text(last.name + tries + waits, style=OF_STEP[last.status].style)
