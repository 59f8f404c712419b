"""The same to many runs, one after the other: a bar while it goes on, counts when it has ended."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

import click
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from flux_cli import _terminal
from flux_cli._answer import found, show_page
from flux_cli._exit import ExitCode, exit_code_of, failure_of, refusal_code, show_defect
from flux_cli._json_out import print_document
from flux_cli._open import reached
from flux_cli._progress import Progress, saved_run
from flux_cli._tally import Outcome, Tally
from flux_cli._working import on_one
from flux_core import Page

if TYPE_CHECKING:
    from flux_cli._options import Place
    from flux_cli._runs import Runs
    from flux_cli._selection import Selection
    from flux_cli._working import Action
    from flux_core import RunStatus

BAR: Final = 30  # cells


class Target(NamedTuple):
    """A run that is to be worked on: what is kept of it, however many there are."""

    id: str
    workflow: str
    status: RunStatus


class Bar:
    """How many runs are done, and how the one in hand is getting on."""

    def __init__(self, tally: Tally, line: Progress) -> None:
        self._tally = tally
        self._line = line

    def __rich__(self) -> Table:
        done, matched = len(self._tally), self._tally.matched
        table = Table.grid(padding=(0, 1))
        table.add_row(ProgressBar(matched, done, width=BAR), f"{done} of {matched}", self._line)
        return table


def on_chosen(place: Place, chosen: Selection, action: Action, *, as_json: bool, traceback: bool) -> ExitCode:
    """Do it to the one run and show that, or to every run that the filters let through and tell what came of it."""
    if chosen.run_id is not None:
        return on_one(place, chosen.run_id, action, yes=chosen.yes, as_json=as_json, traceback=traceback)
    line = Progress()
    with reached(place, existing=True, trace=(line,)) as runs:
        if chosen.dry_run:
            show_page(Page([*chosen.among(runs)], None), as_json=as_json)
            return ExitCode.DONE
        # All of them before the first is touched: what is done to a run may change whether the filters let it through.
        targets = [Target(run.id, run.workflow, run.status) for run in chosen.among(runs)]
        if targets and not chosen.yes:
            _terminal.confirm(_question(action, targets), otherwise="nothing was done")
        tally = Tally(len(targets))
        try:
            with _terminal.live(Bar(tally, line)):
                for target in targets:
                    tally.add(_outcome(runs, target, action))
        except KeyboardInterrupt:
            begun = [target.id for target in targets[len(tally) :] if target.id == line.run_id]
            saved = "".join(f"; {saved_run(run_id)}" for run_id in begun)
            raise click.Abort(f"interrupted after {len(tally)} of {len(targets)} runs{saved}") from None
        finally:
            _tell(tally, as_json=as_json, traceback=traceback)
    return tally.exit


def _outcome(runs: Runs, target: Target, action: Action) -> Outcome:
    """Do it to the run; an error is an outcome too, so that it does not keep the others from their turn."""
    try:
        result = action.work(runs, found(runs, target.id))
    except Exception as error:  # noqa: BLE001 (told with the run that it is about)
        show_defect(error)
        failure = failure_of(error)
        return Outcome(*target, refusal_code(failure), refusal=failure)
    return Outcome(
        target.id,
        target.workflow,
        result.status,
        exit_code_of(result.status, asked=action.asked),
        result.error,
    )


def _question(action: Action, targets: list[Target]) -> str:
    counts = Counter(f"{target.status} {target.workflow}" for target in targets)
    listed = ", ".join(f"{count} {what}" for what, count in counts.items())
    return f"{action.verb} {len(targets)} run{'' if len(targets) == 1 else 's'} ({listed})?"


def _tell(tally: Tally, *, as_json: bool, traceback: bool) -> None:
    if as_json:
        print_document(tally.document(traceback=traceback))
        return
    console = _terminal.stdout()
    for line in tally.lines():
        _terminal.say(console, Text(line))
