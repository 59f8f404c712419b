"""Runs as JSON-able documents, for people and for other systems: times in ISO 8601 and UTC, durations in seconds."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from flux_core._display import LAST_MOMENT, plain
from flux_core._status import StepStatus

if TYPE_CHECKING:
    from flux_core._run import ErrorInfo, Run, StepRecord

COMPLETED: Final = (StepStatus.COMPLETED, StepStatus.COMPENSATING, StepStatus.COMPENSATED)


def run_dict(run: Run, *, traceback: bool) -> dict[str, Any]:
    """Return all of a run."""
    return run_summary(run, traceback=traceback) | {
        "input": plain(run.input),
        "initial": plain(run.initial),
        "data": plain(run.data),
        "results": {step.name: plain(step.output) for step in run.history if step.status in COMPLETED},
        "history": [_step(step, traceback=traceback) for step in run.history],
        "compensations": [_step(step, traceback=traceback) for step in run.compensations],
        "inbox": list(run.inbox),
        "version": run.version,
        "fingerprint": run.fingerprint,
        "revision": run.revision,
        "interruptions": run.interruptions,
        "held_until": _moment(run.held_until),
    }


def run_summary(run: Run, *, traceback: bool) -> dict[str, Any]:
    """Return what a list shows of a run."""
    last = run.history[-1] if run.history else None
    return {
        "id": run.id,
        "workflow": run.workflow,
        "status": str(run.status),
        "step": last.name if last else None,
        "attempts": last.attempts if last else 0,
        "waits_for": run.waits_for,
        "waits_until": _moment(run.waits_until),
        "created_at": _moment(run.created_at),
        "updated_at": _moment(run.updated_at),
        "duration": run.updated_at - run.created_at,
        "wake_at": _moment(run.wake_at),
        "expires_at": _moment(run.expires_at),
        "tags": list(run.tags),
        "error": _error(run.error, traceback=traceback),
    }


def _step(step: StepRecord, *, traceback: bool) -> dict[str, Any]:
    return step._asdict() | {
        "status": str(step.status),
        "started_at": _moment(step.started_at),
        "completed_at": _moment(step.completed_at),
        "output": plain(step.output),
        "error": _error(step.error, traceback=traceback),
        "changes": plain(dict(step.changes)),
    }


def _error(error: ErrorInfo | None, *, traceback: bool) -> dict[str, Any] | None:
    return None if error is None else error.to_dict(traceback=traceback)


def _moment(time: float | None) -> str | None:
    if time is None:
        return None
    return (
        datetime.fromtimestamp(min(time, LAST_MOMENT), UTC)
        .isoformat(timespec="microseconds")
        .replace("+00:00", "Z")
    )
