"""`flux run`, `flux retry` and `flux resume`: the commands that run until a run ends or stops."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from flux_cli._answer import show_run
from flux_cli._bulk import on_chosen
from flux_cli._exit import ExitCode, exit_code_of
from flux_cli._find_app import required_app
from flux_cli._input import METAVAR, read_value
from flux_cli._open import reached
from flux_cli._options import json_option, placed, traceback_option
from flux_cli._progress import Progress
from flux_cli._selection import selecting
from flux_cli._words import instant
from flux_cli._working import Action
from flux_core import InvalidInput, NotRetryable, RunBusy, RunStatus, StepStatus, check_id

if TYPE_CHECKING:
    from flux_cli._options import Place
    from flux_cli._runs import Runs, Standing
    from flux_cli._selection import Selection
    from flux_core import App, Run


@click.command
@click.argument("names", metavar="[APP] WORKFLOW", nargs=-1, required=True)
@click.option(
    "--input", "given", metavar=METAVAR, required=True, help="The run's input; - is standard input."
)
@click.option(
    "--id", "run_id", metavar="ID", help="The run's id; the same id is the same run. By default a new one."
)
@click.option(
    "--tag", "tags", metavar="TAG", multiple=True, help="A tag to find the run by; may be given again."
)
@json_option
@traceback_option
@placed
def run(
    place: Place,
    names: tuple[str, ...],
    given: str,
    run_id: str | None,
    tags: tuple[str, ...],
    *,
    as_json: bool,
    traceback: bool,
) -> ExitCode:
    """Run a workflow until it ends or is suspended.

    The input is JSON text if it begins with {, [ or " or is a number, true, false or null, and a file
    otherwise. APP is the same as --app.
    """
    *app_name, workflow = names
    if len(app_name) > 1:
        raise click.UsageError(f"expected [APP] WORKFLOW, got {len(names)} names: {' '.join(names)}")
    if app_name:
        place = place.with_app(app_name[0])
    value = read_value(given, "input")
    if run_id is not None:
        check_id(run_id)

    def checked_app(place: Place) -> App:
        app = required_app(place.app)
        expected = app.workflow(workflow).plan.input
        try:
            expected.validate(value)  # as the engine does; now, it leaves no file behind
        except InvalidInput as error:
            raise InvalidInput(str(error), path="input") from error
        return app

    progress = Progress()
    with reached(place, checked_app, trace=(progress,)) as runs:
        with progress.shown():
            result = runs.execute(workflow, value, id=run_id, tags=tags)
        show_run(runs, result.id, as_json=as_json, traceback=traceback)
    return exit_code_of(result.status)


@click.command
@click.option("--step", metavar="NAME", help="The step to go back to; by default the one that failed.")
@click.option("--redo-commits", is_flag=True, help="Run completed commits from there on again too.")
@selecting(RunStatus.FAILED, RunStatus.COMPENSATION_FAILED)
@json_option
@traceback_option
@placed
def retry(
    place: Place, *, chosen: Selection, step: str | None, redo_commits: bool, as_json: bool, traceback: bool
) -> ExitCode:
    """Go back to a step of a run that has ended, and run on from there.

    A run whose rollback failed goes on with its rollback. Instead of an ID, filters name many runs; without
    --status those that failed, or whose rollback did.
    """

    def work(runs: Runs, run: Run) -> Standing:
        if run.status is RunStatus.COMPENSATION_FAILED and step is None and not redo_commits:
            return runs.resume(run.workflow, run.id)
        name = _failed_step(run) if step is None else step
        return runs.retry_step(run.workflow, run.id, name, redo_commits=redo_commits)

    return on_chosen(place, chosen, Action("Retry", work), as_json=as_json, traceback=traceback)


@click.command
@selecting(RunStatus.PAUSED)
@json_option
@traceback_option
@placed
def resume(place: Place, *, chosen: Selection, as_json: bool, traceback: bool) -> ExitCode:
    """Go on with a run that can go on; show any other as it stands.

    Instead of an ID, filters name many runs; without --status those that are paused.
    """

    def work(runs: Runs, run: Run) -> Standing:
        return runs.resume(run.workflow, run.id)

    return on_chosen(place, chosen, Action("Resume", work), as_json=as_json, traceback=traceback)


def _failed_step(run: Run) -> str:
    failed = [step.name for step in run.history if step.status is StepStatus.FAILED]
    if not failed:
        if run.held_until is not None and run.held_until > time.time():
            raise RunBusy(
                f"run {run.id!r} is held by a worker until {instant(run.held_until)}; retry after that, or see it"
                f" with: flux show {run.id}",
                until=run.held_until,
            )
        raise NotRetryable(
            f"run {run.id!r} is {run.status}, no step of it has failed; name the one to go back to with --step"
        )
    return failed[-1]
