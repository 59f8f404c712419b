"""A page of runs as a table, a line a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from flux_cli._marks import OF_RUN, OF_STEP
from flux_cli._words import age, duration
from flux_core import RunStatus

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flux_core import Run


def runs_table(runs: Iterable[Run], *, now: float) -> Table:
    """Return the table; ages and the durations of running runs are reckoned up to `now`, in Unix seconds."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column(
        "id", overflow="fold"
    )  # where there is no room, the id goes on below: it is what to type
    table.add_column("workflow")
    for heading in ("status", "at", "created", "took"):
        table.add_column(heading, no_wrap=True)
    for run in runs:
        status = OF_RUN[run.status]
        end = now if run.status is RunStatus.RUNNING else run.updated_at
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
    """Return the node that the run has come to, and how often it was tried if that was not once."""
    if not run.history:
        return Text("-", style="dim")
    last = run.history[-1]
    tries = f", {last.attempts} tries" if last.attempts > 1 else ""
    return Text(last.name + tries, style=OF_STEP[last.status].style)
