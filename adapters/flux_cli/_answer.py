"""How the commands that end with a run, or with a page of runs, show it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from flux_cli import _terminal
from flux_cli._json_out import print_document
from flux_cli._tables import runs_table
from flux_cli._timeline import timeline
from flux_core import Page, Run, RunNotFound

if TYPE_CHECKING:
    from typing import Any

    from flux_cli._runs import Runs
    from flux_core import Workflow

WIDEST: Final = 120  # cells; a timeline is not easier to read for being wider


def found(runs: Runs, run_id: str) -> Run:
    """Return the stored run.

    Raises:
        RunNotFound: there is none.
    """
    run = runs.get(run_id)
    if run is None:
        raise RunNotFound(f"no run {run_id!r} in the store; see those there are with: flux list")
    return run


def show_run(runs: Runs, run_id: str, *, as_json: bool, traceback: bool = False) -> None:
    """Print the stored run as a document or as a timeline."""
    run = runs.shown(found(runs, run_id))
    if as_json:
        print_document(run.to_dict(traceback=traceback))
        return
    console = _terminal.stdout()
    _terminal.say(
        console,
        timeline(
            run,
            now=time.time(),
            width=min(console.width, WIDEST),
            stroke="━" if console.is_terminal else "=",
            workflow=_definition(runs, run),
            traceback=traceback,
        ),
    )


def show_page(page: Page, *, as_json: bool) -> None:
    """Print the runs as a document or as a table; what there is to say of the page goes beside it."""
    if as_json:
        print_document(page.to_dict())
        return
    if page:
        _terminal.say(_terminal.stdout(), runs_table(page, now=time.time()))
    else:
        _terminal.say(_terminal.stderr(), "no runs")
    if page.cursor:
        _terminal.say(_terminal.stderr(), f"next page: --cursor {page.cursor}")


def _definition(runs: Runs, run: Run) -> Workflow[Any, Any] | None:
    """Return the workflow of the run, in the run's own version if that is known, else in the last one."""
    known = [workflow for workflow in runs.workflows or () if workflow.name == run.workflow]
    own = [workflow for workflow in known if workflow.version == run.version]
    return next(reversed(own or known), None)
