"""One run by its id, or many by filters: what the commands that do so have in common."""

from __future__ import annotations

from dataclasses import dataclass
from functools import wraps
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import click

from flux_cli._filters import Filters, filtering, served

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flux_cli._options import Decorator
    from flux_cli._runs import Runs
    from flux_core import Run, RunStatus

FILTERS: Final = ", ".join(f"--{name.replace('_', '-')}" for name in Filters._fields)


@dataclass(frozen=True)
class Selection:
    """Which runs a command is about, and whether it may touch them without asking.

    Attributes:
        run_id: the one run; None where filters say which.
        filters: what the runs must be like; the command's own statuses stand where none is given.
        limit: the most runs.
        dry_run: only list them.
        yes: do not ask.
    """

    run_id: str | None
    filters: Filters
    limit: int | None
    dry_run: bool
    yes: bool

    def among(self, runs: Runs) -> Iterator[Run]:
        """Give the runs that the filters let through, newest first."""
        return islice(served(runs, self.filters), self.limit)


def selecting(*statuses: RunStatus) -> Decorator:
    """Return the decorator that adds an ID and its alternative, the filters, and hands on the `Selection`.

    Args:
        statuses: those of the runs that the command is for, if no other are asked for.
    """

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(command)
        def selected(
            *arguments: Any,
            run_id: str | None,
            filters: Filters,
            limit: int | None,
            dry_run: bool,
            yes: bool,
            **options: Any,
        ) -> Any:
            _check(run_id, filters, for_many=limit is not None or dry_run)
            own = filters._replace(status=filters.status or statuses)
            chosen = Selection(run_id, own, limit, dry_run, yes)
            return command(*arguments, chosen=chosen, **options)

        for option in reversed(options):
            selected = option(selected)
        return click.argument("run_id", metavar="[ID]", required=False)(selected)

    options = (
        filtering,
        click.option("--limit", type=click.IntRange(min=1), help="The most runs; without it, all of them."),
        click.option("--dry-run", is_flag=True, help="List the runs, and leave them as they are."),
        click.option("--yes", is_flag=True, help="Do not ask."),
    )
    return decorate


def _check(run_id: str | None, filters: Filters, *, for_many: bool) -> None:
    filtered = filters != Filters()
    if run_id is None and not filtered:
        raise click.UsageError(f"give the ID of a run, or filters for many: {FILTERS}")
    if run_id is not None and (filtered or for_many):
        raise click.UsageError(
            f"an ID is one run, and filters are many: give one of the two; filters are {FILTERS}, and"
            " --limit and --dry-run go with them"
        )
