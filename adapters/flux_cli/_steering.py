"""`flux signal`, `flux pause`, `flux cancel` and `flux resolve`: what a person has to say about a run that is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from flux_cli._bulk import on_chosen
from flux_cli._input import METAVAR, read_value
from flux_cli._options import json_option, placed, traceback_option
from flux_cli._selection import selecting
from flux_cli._working import Action, on_one
from flux_core import RunStatus

if TYPE_CHECKING:
    from flux_cli._exit import ExitCode
    from flux_cli._options import Decorator, Place
    from flux_cli._runs import Runs, Standing
    from flux_cli._selection import Selection
    from flux_cli._working import Work
    from flux_core import Run

UNDER_WAY: Final = (RunStatus.PENDING, RunStatus.RUNNING, RunStatus.SUSPENDED)

_no_run_option: Final[Decorator] = click.option(
    "--no-run", is_flag=True, help="Only save it; whoever takes the run up next goes on with it."
)


@click.command("signal")
@click.argument("run_id", metavar="ID")
@click.argument("name")
@click.option("--payload", "given", metavar=METAVAR, help="What the wait is to give; - is standard input.")
@click.option("--signal-id", metavar="ID", help="The same id twice is one delivery. By default a new one.")
@_no_run_option
@json_option
@traceback_option
@placed
def send_signal(
    place: Place,
    run_id: str,
    name: str,
    given: str | None,
    signal_id: str | None,
    *,
    no_run: bool,
    as_json: bool,
    traceback: bool,
) -> ExitCode:
    """Send a signal to a run, and go on with it if nobody holds it.

    NAME is what the run waits for; a signal that comes before its wait is kept.
    """
    payload = None if given is None else read_value(given, "payload")

    def work(runs: Runs, run: Run) -> Standing:
        return runs.signal(run.workflow, run.id, name, payload, id=signal_id, run=not no_run)

    return on_one(place, run_id, _saving("Signal", work, no_run=no_run), as_json=as_json, traceback=traceback)


@click.command
@selecting(*UNDER_WAY, RunStatus.ROLLING_BACK)
@json_option
@traceback_option
@placed
def pause(place: Place, *, chosen: Selection, as_json: bool, traceback: bool) -> ExitCode:
    """Let a run stand still after the step in hand, until resumed.

    Instead of an ID, filters name many runs; without --status those that are under way.
    """

    def work(runs: Runs, run: Run) -> Standing:
        return runs.pause(run.id)

    action = Action("Pause", work, asked=(RunStatus.PAUSED,))
    return on_chosen(place, chosen, action, as_json=as_json, traceback=traceback)


@click.command
@click.option(
    "--compensate", is_flag=True, help="Undo what its steps did, as far as they have compensations."
)
@selecting(*UNDER_WAY, RunStatus.PAUSED)
@json_option
@traceback_option
@placed
def cancel(place: Place, *, chosen: Selection, compensate: bool, as_json: bool, traceback: bool) -> ExitCode:
    """End a run that has not ended, for good.

    Instead of an ID, filters name many runs; without --status those that have not ended and do not roll back.
    """

    def work(runs: Runs, run: Run) -> Standing:
        return runs.cancel(run.workflow, run.id, compensate=compensate)

    verb = "Cancel and roll back" if compensate else "Cancel"
    asked = (RunStatus.CANCELLED, RunStatus.ROLLED_BACK)
    action = Action(verb, work, asked, question=True)
    return on_chosen(place, chosen, action, as_json=as_json, traceback=traceback)


@click.command
@click.argument("run_id", metavar="ID")
@click.argument("step")
@click.option("--output", "given", metavar=METAVAR, help="What the commit gave; - is standard input.")
@_no_run_option
@json_option
@traceback_option
@placed
def resolve(
    place: Place,
    run_id: str,
    step: str,
    given: str | None,
    *,
    no_run: bool,
    as_json: bool,
    traceback: bool,
) -> ExitCode:
    """Say that a commit did happen, and go on behind it.

    It is for a run that failed at a commit of which nobody knew. If the commit did not happen: flux retry ID.
    """
    output = None if given is None else read_value(given, "output")

    def work(runs: Runs, run: Run) -> Standing:
        return runs.resolve(run.workflow, run.id, step, output=output, run=not no_run)

    return on_one(
        place, run_id, _saving("Resolve", work, no_run=no_run), as_json=as_json, traceback=traceback
    )


def _saving(verb: str, work: Work, *, no_run: bool) -> Action:
    """Return the action; where the run is not gone on with, it has done what it was asked wherever the run stands."""
    return Action(verb, work, asked=tuple(RunStatus) if no_run else ())
