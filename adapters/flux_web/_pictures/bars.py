"""What a node did when: its attempts, the back-off between them, and its waits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from flux_core import RunStatus, StepStatus
from flux_web._pictures.definition import COMPENSATION, is_open, passed_by
from flux_web._pictures.marks import word
from flux_web._pictures.words import span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flux_core import Run, StepRecord

WAITING: Final = "waiting"
BACKING_OFF: Final = "backing-off"
WAITS: Final = ("wait", "sleep")
LONGEST_ERROR: Final = 300  # characters

_UNDER_WAY: Final = (RunStatus.PENDING, RunStatus.RUNNING, RunStatus.SUSPENDED, RunStatus.ROLLING_BACK)


_ENDED: Final = {
    StepStatus.FAILED: "failed",
    StepStatus.SKIPPED: "skipped",  # it waited, and nobody answered
}


class Bar(NamedTuple):
    """A span of time in a row. Times are Unix seconds."""

    kind: str
    """`waiting`, `backing-off`, or the status that an attempt ended with."""
    begin: float
    end: float
    told: str
    is_open: bool = False
    """Whether it goes on."""

    @property
    def is_work(self) -> bool:
        """Whether something was done meanwhile."""
        return self.kind not in (WAITING, BACKING_OFF)


def end_of(run: Run, now: float) -> float:
    """Return up to when the run has lasted: now if it is under way, else when it was last saved."""
    known = [
        moment for step in (*run.history, *run.compensations) for moment in (step.completed_at,) if moment
    ]
    return max(run.created_at, *known, now if run.status in _UNDER_WAY else run.updated_at)


def bars_of(step: StepRecord, run: Run, end: float) -> list[Bar]:
    """Return what there is to draw of a record, up to that end of the run."""
    if step.started_at is None or passed_by(step):
        return []
    if step.kind in WAITS:
        return [_waited(step, run, step.started_at, end)]
    tries = list(_tries(step, step.started_at))
    since = max((bar.end for bar in tries), default=step.started_at)
    return [*tries, *_last(step, run, since, end)]


def _tries(step: StepRecord, reached: float) -> Iterator[Bar]:
    """Give the attempts that failed, and the time between them."""
    first = max(1, _failed(step) - len(step.tries) + 1)
    for number, tried in enumerate(step.tries, first):
        if tried.started_at > reached:
            unkept = number == first and first > 1
            told = f"attempts before number {first}, no longer kept" if unkept else "back-off"
            yield Bar(BACKING_OFF, reached, tried.started_at, f"{told}, {span(tried.started_at - reached)}")
        reached = max(reached, tried.ended_at)
        took = span(tried.ended_at - tried.started_at)
        error = f"{tried.error.type}: {tried.error.message}"[:LONGEST_ERROR]
        yield Bar(
            "failed", tried.started_at, tried.ended_at, f"attempt {number} failed after {took}\n{error}"
        )


def _failed(step: StepRecord) -> int:
    succeeded = not (step.status is StepStatus.FAILED or is_open(step))
    return max(len(step.tries), step.attempts - succeeded)


def _last(step: StepRecord, run: Run, since: float, end: float) -> Iterator[Bar]:
    """Give what follows the attempts that failed: the one that ended the node, or what it is at now."""
    if is_open(step):
        yield from _open(step, run, since, end)
        return
    ended = end if step.completed_at is None else step.completed_at
    if step.status is StepStatus.FAILED and step.tries and ended <= since:
        return  # the last of these
    began = since if step.tried_at is None else max(since, min(step.tried_at, ended))
    if began > since:
        yield Bar(BACKING_OFF, since, began, f"back-off, {span(began - since)}")
    kind = _ENDED.get(step.status, "completed")
    kind = "compensated" if step.kind == COMPENSATION and kind == "completed" else kind
    told = f"attempt {step.attempts} {kind}" if step.attempts > 1 else word(kind)
    yield Bar(kind, began, ended, f"{told} after {span(ended - began)}{_error(step, kind)}")


def _error(step: StepRecord, kind: str) -> str:
    if kind != "failed" or step.error is None:
        return ""
    return f"\n{step.error.type}: {step.error.message}"[:LONGEST_ERROR]


def _open(step: StepRecord, run: Run, since: float, end: float) -> Iterator[Bar]:
    if step.status is StepStatus.SUSPENDED:
        yield _waited(step, run, since, end)
    elif run.status is RunStatus.RUNNING or (
        run.status is RunStatus.ROLLING_BACK and run.waits_until is None
    ):
        yield Bar("running", since, end, f"running for {span(end - since)}", is_open=True)
    elif end > since:
        told = f"back-off, {span(end - since)} so far" if run.status in _UNDER_WAY else "not tried again"
        yield Bar(BACKING_OFF, since, end, told, is_open=run.status in _UNDER_WAY)


def _waited(step: StepRecord, run: Run, since: float, end: float) -> Bar:
    verb = {"wait": "waited", "sleep": "slept"}.get(step.kind, "suspended")
    if step.completed_at is not None:
        took = span(step.completed_at - since)
        ended = ", then skipped" if step.status is StepStatus.SKIPPED else ""
        ended = f", then failed{_error(step, 'failed')}" if step.status is StepStatus.FAILED else ended
        return Bar(WAITING, since, step.completed_at, f"{verb} {took}{ended}")
    return Bar(WAITING, since, end, f"{verb} {span(end - since)} so far", is_open=run.status in _UNDER_WAY)
