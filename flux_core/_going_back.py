"""Going back in a run that has ended: whether it may be done, and which commits it passes without running them again.

The machine does it and the HTTP API says beforehand what it would do, both by these rules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flux_core._errors import NotRetryable
from flux_core._status import RunStatus, StepStatus
from flux_core._workflow import COMMIT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flux_core._entry import Entry
    from flux_core._run import StepRecord

RETRYABLE: Final = (RunStatus.FAILED, RunStatus.COMPLETED)
WHY_NOT: Final = {
    RunStatus.COMPENSATION_FAILED: "its rollback has failed; go on with that by resume",
    RunStatus.ROLLED_BACK: "that is final; start another run",
    RunStatus.CANCELLED: "that is final; start another run",
}


def check_ended(run_id: str, status: RunStatus) -> None:
    """Do nothing if a run of that status can be gone back in.

    Raises:
        NotRetryable: it cannot.
    """
    if status not in RETRYABLE:
        why = WHY_NOT.get(status, "it has not ended; go on with it by resume")
        raise NotRetryable(f"run {run_id!r} is {status}: {why}")


def check_reached(
    run_id: str, step: str, forgotten: Sequence[Entry | StepRecord], *, redo_commits: bool
) -> None:
    """Do nothing if a run can be gone back in to a step.

    Args:
        run_id: the run's id.
        step: the step's name.
        forgotten: the nodes that would be forgotten, in their order: the step, and what has begun behind it.
        redo_commits: whether completed commits are to run again.

    Raises:
        NotRetryable: the step has not run, or is a completed commit.
    """
    if not forgotten:
        raise NotRetryable(f"step {step!r} of run {run_id!r} has not run; retry an earlier one")
    if is_done(forgotten[0]) and not redo_commits:
        raise NotRetryable(
            f"commit {step!r} of run {run_id!r} has completed and is never run again by a retry; if it must be, ask"
            " for redo_commits"
        )


def is_done(entry: Entry | StepRecord) -> bool:
    """Whether a node is a commit that has completed: without `redo_commits` it is passed, and does not run again."""
    return entry.kind == COMMIT and entry.status is StepStatus.COMPLETED
