"""Working on a run that is stored, and showing it when that is done."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from flux_cli._answer import found, show_run
from flux_cli._exit import exit_code_of
from flux_cli._open import reached
from flux_cli._progress import Progress
from flux_cli._terminal import confirm
from flux_core._status import ENDED

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from flux_cli._exit import ExitCode
    from flux_cli._options import Place
    from flux_cli._runs import Runs, Standing
    from flux_core import Run, RunStatus

    Work = Callable[[Runs, Run], Standing]


class Action(NamedTuple):
    """What a command does with a run."""

    verb: str
    """What it is called where a person is asked, such as `Cancel`."""
    work: Work
    """Given the stored run; returns it as it stands then."""
    asked: Collection[RunStatus] = ()
    """Where it is to bring the run, if that is not to its completion."""
    question: bool = False
    """Whether a person is asked even about a single run, if it has not ended."""


def on_one(
    place: Place, run_id: str, action: Action, *, yes: bool = False, as_json: bool, traceback: bool
) -> ExitCode:
    """Do it to the run, and show the run."""
    progress = Progress()
    with reached(place, existing=True, trace=(progress,)) as runs:
        stored = found(runs, run_id)
        if action.question and not yes and stored.status not in ENDED:  # there is nothing to confirm then
            confirm(
                f"{action.verb} run {stored.id} of {stored.workflow}, {stored.status}?",
                otherwise="nothing was done",
            )
        with progress.shown():
            result = action.work(runs, stored)
        show_run(runs, run_id, as_json=as_json, traceback=traceback)
    return exit_code_of(result.status, asked=action.asked)
