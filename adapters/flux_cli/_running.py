"""`flux run`, `flux retry` and `flux resume`: the commands that work on one run until it ends or stops."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from flux_cli._answer import found, show_run
from flux_cli._exit import ExitCode, exit_code_of
from flux_cli._find_app import required_app
from flux_cli._input import read_input
from flux_cli._open import opened
from flux_cli._options import json_option, placed, traceback_option
from flux_cli._progress import Progress
from flux_cli._words import instant
from flux_core import NotRetryable, Run, RunBusy, StepStatus, check_id

if TYPE_CHECKING:
    from flux_cli._options import Place


@click.command
@click.argument("names", metavar="[APP] WORKFLOW", nargs=-1, required=True)
@click.option(
    "--input", "given", metavar="FILE|-|JSON", required=True, help="The run's input; - is standard input."
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

    The input is JSON text if it begins with {, [ or ", and a file otherwise. APP is the same as --app.
    """
    *app_name, workflow = names
    if len(app_name) > 1:
        raise click.UsageError(f"expected [APP] WORKFLOW, got {len(names)} names: {' '.join(names)}")
    app = required_app(app_name[0] if app_name else place.app)
    definition = app.workflow(workflow)
    value = read_input(given)
    definition.plan.input.validate(value)  # the engine does so too; now, what is wrong leaves no file behind
    if run_id is not None:
        check_id(run_id)
    progress = Progress()
    with opened(app, place.store, trace=(progress,)) as app:
        with progress.shown():
            result = app.execute(workflow, value, id=run_id, tags=tags)
        show_run(app, result.id, as_json=as_json, traceback=traceback)
    return exit_code_of(result.status)


@click.command
@click.argument("run_id", metavar="ID")
@click.option("--step", metavar="NAME", help="The step to go back to; by default the one that failed.")
@click.option("--redo-commits", is_flag=True, help="Run completed commits from there on again too.")
@json_option
@traceback_option
@placed
def retry(
    place: Place, run_id: str, step: str | None, *, redo_commits: bool, as_json: bool, traceback: bool
) -> ExitCode:
    """Go back to a step of a run that has ended, and run on from there."""
    progress = Progress()
    with opened(required_app(place.app), place.store, existing=True, trace=(progress,)) as app:
        stored = found(app, run_id)
        step = step or _failed_step(stored)
        with progress.shown():
            result = app.retry_step(stored.workflow, run_id, step, redo_commits=redo_commits)
        show_run(app, run_id, as_json=as_json, traceback=traceback)
    return exit_code_of(result.status)


@click.command
@click.argument("run_id", metavar="ID")
@json_option
@traceback_option
@placed
def resume(place: Place, run_id: str, *, as_json: bool, traceback: bool) -> ExitCode:
    """Go on with a run that can go on; show any other as it stands."""
    progress = Progress()
    with opened(required_app(place.app), place.store, existing=True, trace=(progress,)) as app:
        stored = found(app, run_id)
        with progress.shown():
            result = app.resume(stored.workflow, run_id)
        show_run(app, run_id, as_json=as_json, traceback=traceback)
    return exit_code_of(result.status)


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
