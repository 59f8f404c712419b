"""Where a node and its compensation stand in a run, in a status and in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from flux_core import RunStatus, StepStatus
from flux_web._pictures.definition import DONE, OPEN, is_open, passed_by
from flux_web._pictures.marks import NOT_REACHED, word
from flux_web._pictures.words import span

if TYPE_CHECKING:
    from flux_core import Run, StepRecord
    from flux_web._pictures.words import Zone

_STOPPED: Final = {  # what has become of a node at which the run stands still
    RunStatus.PAUSED: "paused",
    RunStatus.FAILED: "failed",
    RunStatus.CANCELLED: "cancelled",
    RunStatus.ROLLING_BACK: "cancelled",
    RunStatus.ROLLED_BACK: "cancelled",
    RunStatus.COMPENSATION_FAILED: "cancelled",
}

UNDONE: Final = (StepStatus.COMPENSATING, StepStatus.COMPENSATED)


class Standing(NamedTuple):
    """Where something stands."""

    status: str = NOT_REACHED
    words: tuple[str, ...] = ()
    """What there is to say beside the status, the most important first."""
    tries: int = 0

    @property
    def said(self) -> str:
        """The status and the words as a list."""
        tries = (_counted_tries(self.tries),) if self.tries > 1 else ()
        return " · ".join((word(self.status), *self.words, *tries))

    @property
    def spoken(self) -> str:
        """The same for those who hear it: `failed after 3 tries, 2.1 s`."""
        tries = f" after {_counted_tries(self.tries)}" if self.tries > 1 else ""
        return ", ".join((word(self.status) + tries, *self.words))


def standing(step: StepRecord, run: Run, zone: Zone) -> Standing:
    """Return where the node of that record stands in the run, its times as clocks of that zone show them."""
    status = shown_status(step, run)
    if step.status is StepStatus.SKIPPED:
        waited = span((step.completed_at or 0) - (step.started_at or 0))
        return Standing(status, () if passed_by(step) else (f"no signal in {waited}",))
    took = () if step.status in UNDONE else lasted(step)  # people would take it for that of its compensation
    return Standing(status, (*took, *_outlook(step, run, zone)), step.attempts)


def shown_status(step: StepRecord, run: Run) -> str:
    """Return the status that the node has for people: one that backs off waits, one whose run is paused is paused."""
    if step.status is StepStatus.COMPENSATING and run.status is RunStatus.COMPENSATION_FAILED:
        return "compensation_failed"
    if step.status not in OPEN:
        return str(step.status)
    if run.status is RunStatus.SUSPENDED:
        return "suspended"
    return _STOPPED.get(run.status, str(step.status))


def as_of(step: StepRecord) -> StepRecord:
    """Return the record as it stood before the run went back over it."""
    return step._replace(status=StepStatus.COMPLETED) if step.status in DONE else step


def undoing(run: Run, name: str, *, next_to_undo: bool) -> Standing:
    """Return where the compensation of that node stands."""
    record = next((record for record in run.compensations if record.name == name), None)
    if record is None:
        under_way = next_to_undo and run.status is RunStatus.ROLLING_BACK
        return Standing("compensating" if under_way else NOT_REACHED, () if under_way else ("not undone",))
    return undone(record, run)


def undone(record: StepRecord, run: Run) -> Standing:
    """Return where the compensation of that record stands."""
    status = str(record.status)
    if is_open(record):
        status = "paused" if run.status is RunStatus.PAUSED else "compensating"
    return Standing(status, lasted(record), record.attempts)


def lasted(step: StepRecord) -> tuple[str, ...]:
    """Return how long it took, if it has ended."""
    if step.started_at is None or step.completed_at is None:
        return ()
    return (span(step.completed_at - step.started_at),)


def _outlook(step: StepRecord, run: Run, zone: Zone) -> tuple[str, ...]:
    """Return what an open node waits for."""
    if step.status not in OPEN or run.status is not RunStatus.SUSPENDED:
        return ()
    when = None if run.waits_until is None else zone.due(run.waits_until, run.updated_at)
    if run.waits_for is not None and f"signal {run.waits_for}" in run.inbox:
        return ("has its signal",)
    if step.status is StepStatus.RUNNING:  # it has failed, and is to be tried again
        return ("backs off",) if when is None else (f"next try {when}",)
    waits_for = () if run.waits_for in (None, step.name) else (f"for {run.waits_for}",)
    return waits_for if when is None else (*waits_for, f"until {when}")


def _counted_tries(tries: int) -> str:
    return f"{tries} tries"
