"""The documents that `--json` prints. Times are ISO 8601 in UTC, durations seconds."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import click

from flux_core import StepStatus, plain

if TYPE_CHECKING:
    from flux_core import ErrorInfo, Page, Run, StepRecord, TickReport

_COMPLETED: Final = (StepStatus.COMPLETED, StepStatus.COMPENSATING, StepStatus.COMPENSATED)


def print_document(document: dict[str, Any]) -> None:
    """Print the document on a line of its own."""
    click.echo(json.dumps(document))


def run_document(run: Run, *, traceback: bool = False) -> dict[str, Any]:
    """Return a run, as `run`, `show`, `retry` and `resume` print it.

    Keys: those of `summary`, then `input`, `data`, `results` (outputs of completed steps, by name), `history` (a
    step each: `name, kind, status, attempts, started_at, completed_at, output, error, changes`), `compensations`
    (the same of each that was begun), `inbox` (what others ask of the run and nobody has served yet, a text each),
    `version`, `fingerprint`, `revision`, `interruptions`, `held_until`.
    """
    return summary(run, traceback=traceback) | {
        "input": plain(run.input),
        "data": plain(run.data),
        "results": {step.name: plain(step.output) for step in run.history if step.status in _COMPLETED},
        "history": [_step(step, traceback=traceback) for step in run.history],
        "compensations": [_step(step, traceback=traceback) for step in run.compensations],
        "inbox": list(run.inbox),
        "version": run.version,
        "fingerprint": run.fingerprint,
        "revision": run.revision,
        "interruptions": run.interruptions,
        "held_until": moment(run.held_until),
    }


def summary(run: Run, *, traceback: bool = False) -> dict[str, Any]:
    """Return what `list` prints of a run.

    Keys: `id, workflow, status, step` (the last that it has come to), `attempts` (of that step), `waits_for`
    (a signal, or null), `waits_until` (the end of its wait, sleep or back-off), `created_at, updated_at, duration,
    wake_at, expires_at, tags, error` (`type, message, code, retryable`, or null).
    """
    last = run.history[-1] if run.history else None
    return {
        "id": run.id,
        "workflow": run.workflow,
        "status": str(run.status),
        "step": last.name if last else None,
        "attempts": last.attempts if last else 0,
        "waits_for": run.waits_for,
        "waits_until": moment(run.waits_until),
        "created_at": moment(run.created_at),
        "updated_at": moment(run.updated_at),
        "duration": run.updated_at - run.created_at,
        "wake_at": moment(run.wake_at),
        "expires_at": moment(run.expires_at),
        "tags": list(run.tags),
        "error": error_document(run.error, traceback=traceback),
    }


def page_document(page: Page) -> dict[str, Any]:
    """Return a page of runs: `runs`, and the `cursor` of the next page or null."""
    return {"runs": [summary(run) for run in page], "cursor": page.cursor}


def tick_document(report: TickReport) -> dict[str, Any]:
    """Return what a tick did: the fields of `TickReport`, each a number of runs."""
    return report._asdict()


def error_document(error: ErrorInfo | None, *, traceback: bool) -> dict[str, Any] | None:
    """Return an error: `type, message, code, retryable`, and `traceback` if that is asked for."""
    if error is None:
        return None
    return {name: value for name, value in error._asdict().items() if traceback or name != "traceback"}


def moment(time: float | None) -> str | None:
    """Return Unix seconds in ISO 8601, in UTC, to the microsecond."""
    if time is None:
        return None
    return datetime.fromtimestamp(time, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _step(step: StepRecord, *, traceback: bool) -> dict[str, Any]:
    return step._asdict() | {
        "status": str(step.status),
        "started_at": moment(step.started_at),
        "completed_at": moment(step.completed_at),
        "output": plain(step.output),
        "error": error_document(step.error, traceback=traceback),
        "changes": plain(step.changes),
    }
