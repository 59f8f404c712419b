"""`flux list`, `flux show` and `flux delete`: the commands that need no more than a store."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import click

from flux_cli import _terminal
from flux_cli._answer import found, show_run
from flux_cli._exit import ExitCode
from flux_cli._find_app import AppFailed, AppNotFound, find_app
from flux_cli._json_out import page_document, print_document
from flux_cli._open import opened
from flux_cli._options import json_option, placed, traceback_option
from flux_cli._tables import runs_table
from flux_core import App, RunStatus

if TYPE_CHECKING:
    from flux_cli._options import Place

SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


class Moment(click.ParamType[float]):
    """A moment in the past: a span before now, such as `2d`, or an ISO 8601 time, in UTC unless it says otherwise."""

    name = "moment"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the moment in Unix seconds."""
        text = str(value)
        if span := re.fullmatch(r"(\d{1,9})([smhdw])", text):
            return time.time() - int(span[1]) * SECONDS[span[2]]
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            self.fail(
                f"{text!r} is neither a span such as 30m, 1h or 2d nor a time such as 2026-01-31T12:00",
                param,
                ctx,
            )
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


@click.command("list")
@click.option("--workflow", metavar="NAME", help="Only runs of this workflow.")
@click.option(
    "--status",
    multiple=True,
    type=click.Choice([*map(str, RunStatus)]),
    help="Only these; may be given again.",
)
@click.option("--since", type=Moment(), metavar="1h|2d|ISO", help="Only runs created since then.")
@click.option(
    "--limit", type=click.IntRange(min=1), default=20, show_default=True, help="The most runs to show."
)
@click.option("--cursor", metavar="CURSOR", help="Where the page begins, as the page before said.")
@json_option
@placed
def list_runs(
    place: Place,
    *,
    workflow: str | None,
    status: tuple[str, ...],
    since: float | None,
    limit: int,
    cursor: str | None,
    as_json: bool,
) -> ExitCode:
    """List runs, newest first."""
    with opened(_storing_app(place), place.store, existing=True) as app:
        page = app.list(workflow=workflow, status=status or None, since=since, limit=limit, cursor=cursor)
    if as_json:
        print_document(page_document(page))
        return ExitCode.DONE
    console = _terminal.stdout()
    if page:
        _terminal.say(console, runs_table(page, now=time.time()))
    else:
        _terminal.say(_terminal.stderr(), "no runs")
    if page.cursor:
        _terminal.say(_terminal.stderr(), f"next page: --cursor {page.cursor}")
    return ExitCode.DONE


@click.command
@click.argument("run_id", metavar="ID")
@json_option
@traceback_option
@placed
def show(place: Place, run_id: str, *, as_json: bool, traceback: bool) -> ExitCode:
    """Show a run: where it stands, and what its steps did."""
    with opened(_drawing_app(place), place.store, existing=True) as app:
        show_run(app, run_id, as_json=as_json, traceback=traceback)
    return ExitCode.DONE


@click.command
@click.argument("run_id", metavar="ID")
@click.option("--yes", is_flag=True, help="Do not ask.")
@placed
def delete(place: Place, run_id: str, *, yes: bool) -> ExitCode:
    """Delete a run that nobody holds, for good."""
    with opened(_storing_app(place), place.store, existing=True) as app:
        run = found(app, run_id)
        if not yes:
            _confirm(f"Delete run {run.id} of {run.workflow}, {run.status}?")
        app.delete(run_id)
    click.echo(f"deleted {run_id}", err=True)
    return ExitCode.DONE


def _confirm(question: str) -> None:
    """Ask; anything but yes, or nobody there to answer, is an abort."""
    try:
        click.confirm(question, abort=True, err=True)
    except click.Abort:
        raise click.Abort("not deleted; say --yes") from None


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
