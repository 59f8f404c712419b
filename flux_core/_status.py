"""The statuses of runs and steps, with the one table of legal changes between them."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, cast


class RunStatus(StrEnum):
    """Where a run stands as a whole."""

    __hash__ = str.__hash__  # an enum computes the same in Python, at each look into a table

    PENDING = "pending"
    RUNNING = "running"
    SUSPENDED = "suspended"
    COMPLETED = "completed"
    FAILED = "failed"

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


def status_of(text: str) -> RunStatus:
    """Return the status of that name; one that this Flux does not know stays a str, for the reader of the run."""
    try:
        return RunStatus(text)
    except ValueError:
        return cast("RunStatus", text)


ENDED: Final = frozenset({RunStatus.COMPLETED, RunStatus.FAILED})

RUN_TRANSITIONS: Final[dict[RunStatus, frozenset[RunStatus]]] = {
    RunStatus.PENDING: frozenset({RunStatus.RUNNING}),
    RunStatus.RUNNING: frozenset({RunStatus.SUSPENDED, RunStatus.COMPLETED, RunStatus.FAILED}),
    RunStatus.SUSPENDED: frozenset({RunStatus.RUNNING}),
    RunStatus.COMPLETED: frozenset({RunStatus.RUNNING}),  # by retry_step alone
    RunStatus.FAILED: frozenset({RunStatus.RUNNING}),  # by retry_step alone
}
