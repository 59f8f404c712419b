"""`flux trace`: what happened in runs, from the log of a function or from a trace file."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Final

import click

from flux_cli import _terminal
from flux_cli._exit import ExitCode, NotThere
from flux_cli._filters import past_moment
from flux_cli._trace_sources import in_file, in_log, log_group
from flux_cli._trace_view import flat_line, timelines

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flux_cli._trace_sources import LogGroup
    from flux_core import TraceEvent

LATELY: Final = "1h"
FARTHER: Final = " in that time; see farther back with: --since 7d"
OVERLAP: Final = 60.0
"""Seconds before the newest event that are read again: lines may come late, and not in their order."""


@click.command
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--log-group", "name", metavar="NAME", help="A function's log group, such as /aws/lambda/orders."
)
@click.option("--run", "run_id", metavar="ID", help="Only the events of this run.")
@click.option(
    "--since",
    type=past_moment,
    metavar="1h|2d|ISO",
    help="Only events since then. By default 1h for a log, and all of a file.",
)
@click.option("--follow", is_flag=True, help="Go on with the events that come, until Ctrl-C.")
@click.option(
    "--every",
    type=click.FloatRange(min=0, min_open=True),
    default=2.0,
    show_default=True,
    metavar="SECONDS",
    help="With --follow: how long to rest before looking again.",
)
@click.option("--region", metavar="REGION", help="The log group's; by default the environment's.")
@click.option("--endpoint", metavar="URL", help="Of a service that is not AWS's own.")
@click.option("--json", "as_json", is_flag=True, help="Print each event as a line of JSON.")
def trace(
    file: Path | None,
    name: str | None,
    run_id: str | None,
    since: float | None,
    *,
    follow: bool,
    every: float,
    region: str | None,
    endpoint: str | None,
    as_json: bool,
) -> ExitCode:
    """Show what happened in runs, from a function's log or a trace file.

    The log is that of a function whose app has a CloudWatchTrace; the file is one of an NDJSONTrace. With --json
    each event is a line, as the trace format has it.
    """
    if (file is None) == (name is None):
        raise click.UsageError("give the FILE of a trace, or --log-group NAME: one of the two")
    if file is not None:
        if follow:
            raise click.UsageError("--follow goes with --log-group")
        source = f"{file}" if since is None else f"{file}{FARTHER}"
        _show(in_file(file, run_id, since or 0.0), source, run_id, as_json=as_json)
        return ExitCode.DONE
    group = log_group(str(name), region=region, endpoint=endpoint)
    since = past_moment(LATELY) if since is None else since
    if follow:
        _follow(group, run_id, since, every, as_json=as_json)
    else:
        events = (event for _, event in in_log(group, run_id, since))
        _show(events, f"{group.name}{FARTHER}", run_id, as_json=as_json)
    return ExitCode.DONE


def _show(found: Iterable[TraceEvent], source: str, run_id: str | None, *, as_json: bool) -> None:
    events = [*found]
    if run_id is not None and not events:
        raise NotThere(f"no event of run {run_id!r} in {source}")
    if as_json:
        for event in events:
            _print(event)
    elif events:
        _terminal.say(_terminal.stdout(), timelines(events))
    else:
        _terminal.say(_terminal.stderr(), "no events")


def _follow(group: LogGroup, run_id: str | None, since: float, every: float, *, as_json: bool) -> None:
    """Print the events as they come; each once, by its id in the log, until the interrupt."""
    seen: dict[str, int] = {}
    console = _terminal.stdout()
    with suppress(KeyboardInterrupt):
        while True:
            for line, event in in_log(group, run_id, since):
                if line.id in seen:
                    continue
                seen[line.id] = line.time
                if as_json:
                    _print(event)
                else:
                    _terminal.say(console, flat_line(event))
            since = max(since, max(seen.values(), default=0) / 1000 - OVERLAP)
            seen = {known: moment for known, moment in seen.items() if moment >= since * 1000}
            Event().wait(every)


def _print(event: TraceEvent) -> None:
    click.echo(json.dumps(event.to_dict()))
