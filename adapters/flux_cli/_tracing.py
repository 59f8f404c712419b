"""`flux trace`: what happened in runs, from a store, from the log of a function or from a trace file."""

from __future__ import annotations

import json
from collections import OrderedDict
from contextlib import closing, suppress
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Final, NamedTuple

import click

from flux_cli import _terminal
from flux_cli._exit import ExitCode, NotThere
from flux_cli._filters import past_moment
from flux_cli._find_app import find_app
from flux_cli._open import reached
from flux_cli._options import placed
from flux_cli._trace_sources import File, Log, Stored, log_group
from flux_cli._trace_view import flat_line, run_tree
from flux_core import App, plain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flux_cli._options import Place
    from flux_cli._trace_sources import Source
    from flux_core import TraceEvent

LATELY: Final = "1h"
MOST_TREES: Final = 100  # the runs that are drawn: those of which there were events last
FARTHER: Final = " in that time; see farther back with: --since 7d"


class Looking(NamedTuple):
    """How events are looked at."""

    run_id: str | None
    every: float | None
    """Seconds between two looks at what is followed; None if nothing is."""
    as_json: bool


@click.command
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--log-group", "name", metavar="NAME", help="A function's log group, such as /aws/lambda/orders."
)
@click.option("--run", "run_id", metavar="ID", help="Only this run.")
@click.option(
    "--since",
    type=past_moment,
    metavar="1h|2d|ISO",
    help="Only events since then; of a store, runs created since then. By default 1h for a log, and all of a file.",
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
@placed
def trace(
    place: Place,
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
    """Show what happened in runs, as a tree for each.

    They are read from a trace FILE, from a function's log, or else from the store that the other commands work on: its
    newest runs. A tree has the steps, their attempts, waits and back-offs, and how long each took. The file is one of
    an NDJSONTrace, or of the TypeScript engine; the log is that of a function whose app has a CloudWatchTrace. With
    --follow each event is a line, and with --json each is one of JSON, as the trace format has it.
    """
    if (file is not None) + (name is not None) + bool(place.typed) > 1:
        raise click.UsageError("give the FILE of a trace, --log-group NAME or a store: one of them")
    looking = Looking(run_id, every if follow else None, as_json)
    if file is not None:
        with closing(File(file, run_id, since or 0.0, awaited=follow, tell=_tell)) as source:
            _show(source, looking, f"{file}" if since is None else f"{file}{FARTHER}")
    elif name is not None:
        group = log_group(name, region=region, endpoint=endpoint)
        log = Log(group, run_id, past_moment(LATELY) if since is None else since)
        _show(log, looking, f"{name}{FARTHER}")
    else:
        with reached(place, _storing_app, existing=True) as runs:
            _show(Stored(runs, run_id, since), looking, "the store; see those there are with: flux list")
    return ExitCode.DONE


def _storing_app(place: Place) -> App:
    """Return the app whose store is meant, and which says what nobody gets to see; there may be none."""
    return find_app(place.app) or App([])


def _show(source: Source, looking: Looking, where: str) -> None:
    if looking.every is not None:
        _follow(source, looking.every, as_json=looking.as_json)
        return
    found = _print_all(source) if looking.as_json else _draw(source.new())
    if looking.run_id is not None and not found:
        raise NotThere(f"no event of run {looking.run_id!r} in {where}")
    if not found and not looking.as_json:
        _tell("no events")


def _print_all(source: Source) -> bool:
    """Print the events as lines of JSON; whether there are any."""
    found = False
    for event in source.new():
        _print(event)
        found = True
    return found


def _draw(found: Iterable[TraceEvent]) -> bool:
    """Draw the runs that the events are of, in the order in which they began; whether there are any."""
    runs: OrderedDict[str, list[TraceEvent]] = OrderedDict()
    left_out = 0
    for event in found:
        runs.setdefault(event.workflow_id, []).append(event)
        runs.move_to_end(event.workflow_id)
        if len(runs) > MOST_TREES:
            runs.popitem(last=False)
            left_out += 1
    if left_out:
        _tell(f"the last {MOST_TREES} runs of more; see others with --run ID")
    console = _terminal.stdout()
    ordered = [sorted(events, key=lambda event: event.timestamp) for events in runs.values()]
    for number, events in enumerate(sorted(ordered, key=lambda events: events[0].timestamp)):
        if number:
            click.echo()
        _terminal.say(console, run_tree(events))
    return bool(runs)


def _follow(source: Source, every: float, *, as_json: bool) -> None:
    """Print the events as they come, each once, until the interrupt."""
    console = _terminal.stdout()
    with suppress(KeyboardInterrupt):
        while True:
            for event in source.new():
                if as_json:
                    _print(event)
                else:
                    _terminal.say(console, flat_line(event))
            Event().wait(every)


def _print(event: TraceEvent) -> None:
    click.echo(json.dumps(plain(event.to_dict())))


def _tell(what: str) -> None:
    click.echo(what, err=True)
