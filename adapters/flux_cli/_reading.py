"""`flux list`, `flux show` and `flux delete`: the commands that need no app."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from flux_cli._answer import found, show_page, show_run
from flux_cli._exit import ExitCode
from flux_cli._filters import filtering
from flux_cli._find_app import AppFailed, AppNotFound, find_app
from flux_cli._open import reached
from flux_cli._options import json_option, placed, traceback_option
from flux_cli._terminal import confirm
from flux_core import App

if TYPE_CHECKING:
    from flux_cli._filters import Filters
    from flux_cli._options import Place


@click.command("list")
@filtering
@click.option(
    "--limit", type=click.IntRange(min=1), default=20, show_default=True, help="The most runs to show."
)
@click.option("--cursor", metavar="CURSOR", help="Where the page begins, as the page before said.")
@json_option
@placed
def list_runs(place: Place, *, filters: Filters, limit: int, cursor: str | None, as_json: bool) -> ExitCode:
    """List runs, newest first."""
    with reached(place, _storing_app, existing=True) as runs:
        page = runs.list(**filters._asdict(), limit=limit, cursor=cursor)
    show_page(page, as_json=as_json)
    return ExitCode.DONE


@click.command
@click.argument("run_id", metavar="ID")
@json_option
@traceback_option
@placed
def show(place: Place, run_id: str, *, as_json: bool, traceback: bool) -> ExitCode:
    """Show a run: where it stands, and what its steps did."""
    with reached(place, _drawing_app, existing=True) as runs:
        show_run(runs, run_id, as_json=as_json, traceback=traceback)
    return ExitCode.DONE


@click.command
@click.argument("run_id", metavar="ID")
@click.option("--yes", is_flag=True, help="Do not ask.")
@placed
def delete(place: Place, run_id: str, *, yes: bool) -> ExitCode:
    """Delete a run that nobody holds, for good."""
    with reached(place, _storing_app, existing=True) as runs:
        run = found(runs, run_id)
        if not yes:
            confirm(f"Delete run {run.id} of {run.workflow}, {run.status}?", otherwise="not deleted")
        runs.delete(run_id)
    click.echo(f"deleted {run_id}", err=True)
    return ExitCode.DONE


def _drawing_app(place: Place) -> App:
    """Return the app whose workflows are drawn too; where the store is named, a run is shown without one."""
    try:
        return find_app(place.app) or App([])
    except (AppFailed, AppNotFound) as error:
        if place.store is None:
            raise
        click.echo(f"flux: shown without the app: {error}", err=True)
        return App([])


def _storing_app(place: Place) -> App:
    """Return the app whose store is meant; none is looked for where the store is named."""
    return App([]) if place.store else find_app(place.app) or App([])
