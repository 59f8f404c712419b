"""How the commands that end with a run show it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from flux_cli import _terminal
from flux_cli._json_out import print_document, run_document
from flux_cli._timeline import timeline
from flux_core import App, Run, RunNotFound

if TYPE_CHECKING:
    from typing import Any

    from flux_core import Workflow

WIDEST: Final = 120  # cells; a timeline is not easier to read for being wider


def found(app: App, run_id: str) -> Run:
    """Return the stored run.

    Raises:
        RunNotFound: there is none.
    """
    run = app.get(run_id)
    if run is None:
        raise RunNotFound(f"no run {run_id!r} in the store; see those there are with: flux list")
    return run


def show_run(app: App, run_id: str, *, as_json: bool, traceback: bool = False) -> None:
    """Print the stored run as a document or as a timeline."""
    run = found(app, run_id)
    if as_json:
        print_document(run_document(run, traceback=traceback))
        return
    console = _terminal.stdout()
    _terminal.say(
        console,
        timeline(
            run,
            now=time.time(),
            width=min(console.width, WIDEST),
            stroke="━" if console.is_terminal else "=",
            workflow=_definition(app, run),
            traceback=traceback,
        ),
    )


def _definition(app: App, run: Run) -> Workflow[Any, Any] | None:
    return next((workflow for workflow in app.workflows if workflow.name == run.workflow), None)
