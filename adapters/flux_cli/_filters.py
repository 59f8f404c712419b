"""Which runs a command is about, if it is about more than one: the filters, and the runs that they let through."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from functools import wraps
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from flux_core import RunStatus, UnknownWorkflow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flux_cli._runs import Runs
    from flux_core import Run

SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
PAGE: Final = 100  # runs that the store is asked for at a time


class Filters(NamedTuple):
    """What runs must be like; its fields are arguments of `App.list`. None lets every run through."""

    workflow: str | None = None
    status: tuple[str, ...] | None = None
    since: float | None = None
    until: float | None = None
    tag: str | None = None
    id_prefix: str | None = None


def past_moment(text: str) -> float:
    """Return a moment in Unix seconds: a span before now, such as `2d`, or an ISO 8601 time, in UTC by default."""
    if span := re.fullmatch(r"(\d{1,9})([smhdw])", text):
        return time.time() - int(span[1]) * SECONDS[span[2]]
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is neither a span such as 30m, 1h or 2d nor a time such as 2026-01-31T12:00"
        ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


OPTIONS: Final = (
    click.option("--workflow", metavar="NAME", help="Only runs of this workflow."),
    click.option(
        "--status",
        multiple=True,
        type=click.Choice([*map(str, RunStatus)]),
        help="Only these; may be given again.",
    ),
    click.option(
        "--since", type=past_moment, metavar="1h|2d|ISO", help="Only runs created then or later than that."
    ),
    click.option("--until", type=past_moment, metavar="1h|2d|ISO", help="Only runs created before that."),
    click.option("--tag", metavar="TAG", help="Only runs with this tag."),
    click.option("--id-prefix", metavar="TEXT", help="Only runs whose id begins so."),
)


def filtering(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that filter runs to the command, and hand it the `Filters` that they make."""

    @wraps(command)
    def filtered(
        *arguments: Any,
        workflow: str | None,
        status: tuple[str, ...],
        since: float | None,
        until: float | None,
        tag: str | None,
        id_prefix: str | None,
        **options: Any,
    ) -> Any:
        filters = Filters(workflow, status or None, since, until, tag, id_prefix)
        return command(*arguments, filters=filters, **options)

    for option in reversed(OPTIONS):
        filtered = option(filtered)
    return filtered


def served(runs: Runs, filters: Filters) -> Iterator[Run]:
    """Give every stored run that passes the filters and is of a workflow that is served, newest first.

    Raises:
        UnknownWorkflow: the app does not have the workflow that is named.
    """
    names = None if runs.workflows is None else {workflow.name for workflow in runs.workflows}
    if names is not None and filters.workflow not in {None, *names}:
        known = ", ".join(sorted(names)) or "none"
        raise UnknownWorkflow(f"the app has no workflow {filters.workflow!r}; it has: {known}")
    cursor: str | None = None
    while True:
        page = runs.list(**filters._asdict(), limit=PAGE, cursor=cursor)
        yield from (run for run in page if names is None or run.workflow in names)
        cursor = page.cursor
        if cursor is None:
            return
