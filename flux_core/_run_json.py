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
        "held_until": moment_text(run.held_until),
        "traceparent": run.traceparent,
        "kept": list(run.kept),
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
        "waits_until": moment_text(run.waits_until),
        "created_at": moment_text(run.created_at),
        "updated_at": moment_text(run.updated_at),
        "duration": run.updated_at - run.created_at,
        "wake_at": moment_text(run.wake_at),
        "expires_at": moment_text(run.expires_at),
        "tags": list(run.tags),
        "error": _error(run.error, traceback=traceback),
    }


def _step(step: StepRecord, *, traceback: bool) -> dict[str, Any]:
    return step._asdict() | {
        "status": str(step.status),
        "started_at": moment_text(step.started_at),
        "completed_at": moment_text(step.completed_at),
        "output": plain(step.output),
        "error": _error(step.error, traceback=traceback),
        "changes": plain(dict(step.changes)),
        "tries": [
            {
                "started_at": moment_text(tried.started_at),
                "ended_at": moment_text(tried.ended_at),
                "error": tried.error.to_dict(),
            }
            for tried in step.tries
        ],
        "tried_at": moment_text(step.tried_at),
    }


def _error(error: ErrorInfo | None, *, traceback: bool) -> dict[str, Any] | None:
    return None if error is None else error.to_dict(traceback=traceback)


def moment_text(time: float | None) -> str | None:
    """Return a moment in Unix seconds as ISO 8601 in UTC."""
    if time is None:
        return None
    return (
        datetime.fromtimestamp(min(time, LAST_MOMENT), UTC)
        .isoformat(timespec="microseconds")
        .replace("+00:00", "Z")
    )
