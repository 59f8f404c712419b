"""The statuses of runs and steps, with the one table of legal changes between them."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, TypeAlias, cast


class RunStatus(StrEnum):
    """Where a run stands as a whole."""

    __hash__ = str.__hash__  # an enum computes the same in Python, at each look into a table

    PENDING = "pending"
    RUNNING = "running"
    SUSPENDED = "suspended"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    ROLLING_BACK = "rolling_back"
    ROLLED_BACK = "rolled_back"
    COMPENSATION_FAILED = "compensation_failed"

    @property
    def ended(self) -> bool:
        """Whether nothing more happens to the run unless a person or a redelivery asks for it."""
        return self in ENDED


class StepStatus(StrEnum):
    """Where one node of a run stands."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"
    SUSPENDED = "suspended"
    COMPENSATING = "compensating"
    COMPENSATED = "compensated"


def status_of(text: str) -> RunStatus:
    """Return the status of that name; one that this Flux does not know stays a str, for the reader of the run."""
    try:
        return RunStatus(text)
    except ValueError:
        return cast("RunStatus", text)


HELD: Final = frozenset({RunStatus.RUNNING, RunStatus.ROLLING_BACK})  # those of a run that a worker may hold
ENDED: Final = frozenset(
    {
        RunStatus.COMPLETED,
        RunStatus.FAILED,
        RunStatus.CANCELLED,
        RunStatus.ROLLED_BACK,
        RunStatus.COMPENSATION_FAILED,
    }
)
_STOPS: Final = frozenset(
    {RunStatus.PAUSED, RunStatus.CANCELLED, RunStatus.ROLLING_BACK}
)  # what a person can ask for

RUN_TRANSITIONS: Final[dict[RunStatus, frozenset[RunStatus]]] = {
    RunStatus.PENDING: _STOPS | {RunStatus.RUNNING},
    RunStatus.RUNNING: _STOPS | {RunStatus.SUSPENDED, RunStatus.COMPLETED, RunStatus.FAILED},
    RunStatus.SUSPENDED: _STOPS | {RunStatus.RUNNING},
    RunStatus.PAUSED: frozenset({RunStatus.RUNNING, RunStatus.CANCELLED, RunStatus.ROLLING_BACK}),
    RunStatus.ROLLING_BACK: frozenset(
        {RunStatus.ROLLED_BACK, RunStatus.COMPENSATION_FAILED, RunStatus.PAUSED}
    ),
    RunStatus.COMPLETED: frozenset({RunStatus.RUNNING}),  # by retry_step alone
    RunStatus.FAILED: frozenset({RunStatus.RUNNING}),  # by retry_step, or by the outcome of its commit
    RunStatus.COMPENSATION_FAILED: frozenset({RunStatus.ROLLING_BACK}),  # by resume
    RunStatus.CANCELLED: frozenset(),
    RunStatus.ROLLED_BACK: frozenset(),
}

Counts: TypeAlias = list[dict[RunStatus, int]]
"""How many runs have each status, slot of time by slot of time."""
