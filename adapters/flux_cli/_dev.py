"""`flux dev`: the viewer on this computer, over a store, a trace file or the log of a function."""

from __future__ import annotations

from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from flux_cli._exit import NotThere
from flux_cli._filters import past_moment
from flux_cli._find_app import find_app
from flux_cli._open import opened
from flux_cli._options import placed
from flux_cli._serving import loaded, port_option, source_of, until_stopped
from flux_cli._trace_sources import log_group
from flux_core import App, FluxError

if TYPE_CHECKING:
    from flux_cli._exit import ExitCode
    from flux_cli._options import Place
    from flux_core._trace_line import LogGroup

LOOPBACK: Final = "127.0.0.1"
LATELY: Final = "1h"


@click.command
@click.option(
    "--trace",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Show the runs of a trace file.",
)
@click.option(
    "--cloudwatch",
    "name",
    metavar="LOG_GROUP",
    help="Show the runs of a function's log, such as /aws/lambda/orders.",
)
@click.option(
    "--since",
    type=past_moment,
    metavar="1h|2d|ISO",
    help=f"With --cloudwatch: from when on; by default {LATELY}.",
)
@click.option("--region", metavar="REGION", help="The log group's; by default the environment's.")
@click.option("--endpoint", metavar="URL", help="Of a service that is not AWS's own.")
@port_option
@click.option(
    "--redact",
    multiple=True,
    metavar="PATH",
    help="Mask what is at this path, such as card.number; may be given again.",
)
@click.option("--open", "browse", is_flag=True, help="Open the viewer in a browser.")
@placed
def dev(
    place: Place,
    *,
    trace: Path | None,
    name: str | None,
    since: float | None,
    region: str | None,
    endpoint: str | None,
    port: int,
    redact: tuple[str, ...],
    browse: bool,
) -> ExitCode:
    """Show the runs of a store, a trace or a log in a browser.

    It serves this computer alone, and needs no token. Over a store whose app is found runs can be acted on, which runs
    their steps here; due runs are left to others. All else can only be looked at.
    """
    of_log = {"--since": since, "--region": region, "--endpoint": endpoint}
    _check_usage(place, {"--trace": trace, "--cloudwatch": name}, of_log)
    web = loaded("flux dev")
    with ExitStack() as stack:
        if trace is None and name is None:
            found = find_app(place.app)
            app = stack.enter_context(opened(found or App([]), place.store, existing=found is None))
            shown = app.on(app.engine.storage, redact=redact)
            source = source_of(place, app)
            served = web.asgi(shown, tokens={}, tick_every=None, acts=found is not None, source=source)
            what = source if found else f"{source}, to look at: no app is named"
        else:
            group = None if name is None else log_group(name, region=region, endpoint=endpoint)
            runs = stack.enter_context(_retold(trace, group, since, redact))
            served = web.asgi(None, runs=runs, tokens={}, source=runs.source)
            what = "; ".join([f"{runs.source}, to look at", *([runs.note] if runs.note else [])])
        return until_stopped(web, served, host=LOOPBACK, port=port, what=what, browse=browse)


def _check_usage(place: Place, sources: dict[str, Any], of_log: dict[str, Any]) -> None:
    """Do nothing if the options name one thing that can be shown.

    Args:
        place: where a store may be named.
        sources: the options that name what else is shown.
        of_log: those that say more of a log.

    Raises:
        click.UsageError: they name a function, two things, or say more of a log that is not named.
    """
    given = [option for option, value in sources.items() if value is not None]
    if place.remote is not None and ("remote" in place.typed or not given):
        raise click.UsageError(
            "what is shown is a store, a trace or a log: give --store, --trace or --cloudwatch"
        )
    given += ["--store"] if "store" in place.typed else []
    if len(given) > 1:
        raise click.UsageError(f"{' and '.join(given)} each say what is shown: give one of them")
    more = [option for option, value in of_log.items() if value is not None]
    if more and given != ["--cloudwatch"]:
        raise click.UsageError(f"{' and '.join(more)} say more of a log: give --cloudwatch too")


def _retold(trace: Path | None, group: LogGroup | None, since: float | None, redact: tuple[str, ...]) -> Any:
    """Return the runs that a trace file, or else a log, tells of.

    Raises:
        NotThere: there is no such log group.
        FluxError: it cannot be read.
    """
    traces = import_module("flux_web._traces")
    if trace is not None:
        return traces.open_trace(trace, redact=redact)
    begin = past_moment(LATELY) if since is None else since
    try:
        return traces.open_cloudwatch(group, since=begin, redact=redact)
    except FluxError as error:
        raise NotThere.instead_of(error) from None
