"""What a stored run tells of its past, as trace events: the store keeps no events, but when each node and try was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flux_core import RunStatus, StepStatus, TraceEvent
from flux_core._workflow import COMMIT, SLEEP, WAIT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flux_core import ErrorInfo, Run, StepRecord

ENDINGS: Final = {
    RunStatus.COMPLETED: "workflow:complete",
    RunStatus.FAILED: "workflow:error",
    RunStatus.COMPENSATION_FAILED: "workflow:error",
    RunStatus.CANCELLED: "workflow:cancel",
    RunStatus.ROLLED_BACK: "workflow:rollback_complete",
    RunStatus.SUSPENDED: "workflow:suspend",
    RunStatus.PAUSED: "workflow:suspend",
}


def events_in(run: Run) -> Iterator[TraceEvent]:
    """Give what is known of the run, in the order of the nodes: where it has been retried, what counts now."""
    first = RunStatus.PENDING if run.status is RunStatus.PENDING else RunStatus.RUNNING
    yield _of_run(run, "workflow:start", run.created_at, first)._replace(input=run.input, duration=None)
    for place, step in enumerate(run.history):
        yield from _of_node(run, step, place)
    if run.compensations:
        begun = run.compensations[0].started_at
        yield _of_run(run, "workflow:rollback_start", begun or run.updated_at, RunStatus.ROLLING_BACK)
    for undone in run.compensations:
        yield from _of_compensation(run, undone)
    if run.status in ENDINGS:
        ended = _of_run(run, ENDINGS[run.status], run.updated_at, run.status)
        yield ended._replace(data=run.data, error=run.error and run.error.message)


def _of_node(run: Run, step: StepRecord, place: int) -> Iterator[TraceEvent]:
    event = _of_step(run, step, place)
    ended_at = run.updated_at if step.completed_at is None else step.completed_at
    if step.status is StepStatus.SKIPPED:
        yield _at(event, "step:skipped", ended_at, StepStatus.SKIPPED)
        return
    began_at = step.started_at or run.created_at
    failed = step.status is StepStatus.FAILED
    waits = step.kind in {SLEEP, WAIT}
    if waits or step.status is StepStatus.SUSPENDED:
        meta = {
            "signal": run.waits_for if step.completed_at is None else step.name if step.kind == WAIT else None
        }
        yield _at(event, "step:suspend", began_at, StepStatus.SUSPENDED, meta=meta | _until(run, step))
    yield from _tries(run, step, event, failed=failed)
    if failed and not step.tries:
        yield _failed(event, ended_at, step.error, StepStatus.FAILED, step.attempts)
    elif step.completed_at is not None and not failed:
        began = began_at if step.attempts <= 1 else step.tried_at
        if not waits and began is not None:
            yield _at(event, "step:start", began, StepStatus.RUNNING, retries=max(0, step.attempts - 1))
        took = round((ended_at - began_at) * 1000)
        done = _at(event, "step:complete", ended_at, StepStatus.COMPLETED, retries=max(0, step.attempts - 1))
        yield done._replace(duration=took, meta={"output": step.output, "changes": dict(step.changes)})
    elif step.status is StepStatus.RUNNING and not step.tries:
        yield _at(event, "step:start", began_at, StepStatus.RUNNING, retries=step.attempts)


def _of_compensation(run: Run, undone: StepRecord) -> Iterator[TraceEvent]:
    event = _of_step(run, undone, None)
    yield _at(event, "step:compensate", undone.started_at or run.updated_at, StepStatus.COMPENSATING)
    yield from _tries(run, undone, event, failed=undone.status is StepStatus.FAILED)
    if undone.status is StepStatus.COMPENSATED:
        yield _at(
            event,
            "step:compensate",
            undone.completed_at or run.updated_at,
            StepStatus.COMPENSATED,
            retries=max(0, undone.attempts - 1),
        )


def _tries(run: Run, step: StepRecord, event: TraceEvent, *, failed: bool) -> Iterator[TraceEvent]:
    """Give the failed attempts that are kept: the last ones."""
    before = max(0, step.attempts - len(step.tries) - (step.completed_at is not None and not failed))
    for number, tried in enumerate(step.tries, before):
        if step.kind not in {SLEEP, WAIT, "compensation"}:
            yield _at(event, "step:start", tried.started_at, StepStatus.RUNNING, retries=number)
        last = failed and number == before + len(step.tries) - 1
        status = StepStatus.FAILED if last else StepStatus.RUNNING
        yield _failed(event, tried.ended_at, tried.error, status, number + 1)
        if not last:
            is_newest = number == before + len(step.tries) - 1 and step.completed_at is None
            meta = _until(run, step) if is_newest else {}
            yield _at(event, "step:retry", tried.ended_at, StepStatus.RUNNING, retries=number, meta=meta)


def _until(run: Run, step: StepRecord) -> dict[str, Any]:
    open_until = run.waits_until if step.completed_at is None and not run.status.ended else None
    return {} if open_until is None else {"until": round(open_until * 1000)}


def _of_run(run: Run, event: str, time: float, status: RunStatus) -> TraceEvent:
    took = round((time - run.created_at) * 1000)
    return TraceEvent(event, round(time * 1000), run.id, run.workflow, duration=took, status=str(status))


def _of_step(run: Run, step: StepRecord, place: int | None) -> TraceEvent:
    commit = None if place is None else step.kind == COMMIT
    return TraceEvent("", 0, run.id, run.workflow, step.name, place, commit)


def _at(
    event: TraceEvent,
    kind: str,
    time: float,
    status: StepStatus,
    *,
    retries: int | None = None,
    meta: dict[str, Any] | None = None,
) -> TraceEvent:
    told = {name: value for name, value in (meta or {}).items() if value is not None}
    return event._replace(
        type=kind, timestamp=round(time * 1000), status=str(status), retries=retries, meta=told or None
    )


def _failed(
    event: TraceEvent, time: float, error: ErrorInfo | None, status: StepStatus, attempts: int
) -> TraceEvent:
    failed = _at(event, "step:error", time, status, retries=max(0, attempts - 1))
    return failed._replace(error=error.message if error else None)
