"""A node of a run, or its compensation, as the trace tells of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flux_core._run import ErrorInfo, StepRecord, Try
from flux_core._status import StepStatus
from flux_core._trace_line import LAST_MOMENT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flux_core._trace import TraceEvent

COMPENSATION: Final = "compensation"
TRIES: Final = 10  # failed attempts that are kept
OPEN: Final = (StepStatus.RUNNING, StepStatus.SUSPENDED)
UNATTEMPTED: Final = ("WORKFLOW_TIMEOUT", "INTERRUPTED")
"""Codes of errors that fail a node which nobody tried just then."""


class RetoldNode:
    """What is known of a node; `event` is the first that tells of it."""

    __slots__ = (
        "_began",
        "attempts",
        "changes",
        "completed_at",
        "error",
        "kind",
        "name",
        "output",
        "signal",
        "started_at",
        "status",
        "tried_at",
        "tries",
        "until",
    )

    def __init__(self, name: str, kind: str, event: TraceEvent) -> None:
        self.name = name
        self.kind = kind
        self.status = StepStatus.RUNNING
        self.attempts = 0
        self.started_at = (event.timestamp - min(event.timestamp, event.duration or 0)) / 1000
        self.completed_at: float | None = None
        self.output: Any = None
        self.error: ErrorInfo | None = None
        self.changes: Mapping[str, Any] = {}
        self.tries: tuple[Try, ...] = ()
        self.tried_at: float | None = None
        """When the attempt began that is under way."""
        self._began: float | None = None  # when the last attempt did
        self.signal: str | None = None
        self.until: float | None = None
        """When its wait, its sleep or its back-off is over."""

    @property
    def is_open(self) -> bool:
        """Whether more is to come of it."""
        return self.status in OPEN

    def record(self) -> StepRecord:
        """Return what is known of the node."""
        return StepRecord(
            self.name,
            self.kind,
            self.status,
            self.attempts,
            self.started_at,
            self.completed_at,
            self.output,
            self.error,
            dict(self.changes),
            self.tries,
            self._began if self.tries else None,
        )

    def start_attempt(self, event: TraceEvent, status: StepStatus = StepStatus.RUNNING) -> None:
        """Begin an attempt."""
        self.status = status
        self.tried_at = self._began = event.timestamp / 1000
        self.completed_at = self.until = None
        if event.retries is not None and status is StepStatus.RUNNING:
            self.attempts = event.retries

    def complete(self, event: TraceEvent, output: object, status: StepStatus = StepStatus.COMPLETED) -> None:
        """Complete it."""
        tried = self.attempts + (self.status is not StepStatus.SUSPENDED)
        self.attempts = tried if event.retries is None else event.retries + 1
        self._end(event, status)
        self.output = output

    def skip(self, event: TraceEvent) -> None:
        """Pass it over."""
        self.attempts = 0
        self._end(event, StepStatus.SKIPPED)

    def suspend(self, event: TraceEvent) -> None:
        """Let it stand open."""
        meta = event.meta or {}
        signal = meta.get("signal")
        self.attempts = (event.retries or 0) + 1
        self.status, self.tried_at = StepStatus.SUSPENDED, None
        self.signal = signal if isinstance(signal, str) else None
        self.until = moment(meta.get("until"))

    def fail(self, event: TraceEvent, *, final: bool) -> None:
        """Take that an attempt has failed, or that the node has, with or without one."""
        error = told_error(event)
        attempted = self.tried_at is not None or not (self.attempts or error.code in UNATTEMPTED)
        if attempted:
            self.attempts = self.attempts + 1 if event.retries is None else event.retries + 1
            self._note_try(event, error)
        elif event.retries:
            self.attempts = event.retries + 1
        self.error = error
        if final:
            self._end(event, StepStatus.FAILED)

    def back_off(self, event: TraceEvent) -> None:
        """Wait for the next attempt; the TypeScript engine tells of a failed attempt by this event alone."""
        if self.tried_at is not None or not self.attempts:
            self.attempts = max(1, event.retries or 0)
            self.error = told_error(event)
            self._note_try(event, self.error)
        self.until = moment((event.meta or {}).get("until"))
        if self.until is None:
            self.tried_at = event.timestamp / 1000 if event.max_retries is not None else None

    def lose_attempt(self) -> None:
        """Count the attempt that is under way, whose worker was lost."""
        if self.tried_at is not None:
            self.attempts += 1
            self.tried_at = None

    def fail_with_run(self, event: TraceEvent) -> None:
        """Fail with the run, whose workers were lost once too often."""
        self.attempts += self.status is not StepStatus.SUSPENDED
        self.status, self.error = StepStatus.FAILED, told_error(event)
        self.tried_at = self.until = None

    def _end(self, event: TraceEvent, status: StepStatus) -> None:
        self.status, self.completed_at = status, event.timestamp / 1000
        self.tried_at = self.until = self.signal = None

    def _note_try(self, event: TraceEvent, error: ErrorInfo) -> None:
        ended_at = event.timestamp / 1000
        began_at = self.started_at if self.tried_at is None else self.tried_at
        self.tries = (*self.tries, Try(began_at, ended_at, error))[-TRIES:]
        self.tried_at = None


def told_error(event: TraceEvent) -> ErrorInfo:
    """Return the error that the event tells of; of what kind it is may stand in its `meta`."""
    told = (event.meta or {}).get("error")
    details = told if isinstance(told, dict) else {}
    cause = details.get("cause")
    return ErrorInfo(
        str(details.get("type", "Error")),
        event.error or "",
        str(details.get("code", "STEP_FAILED")),
        details.get("retryable") is not False,
        cause=cause if isinstance(cause, str) else None,
    )


def moment(milliseconds: Any) -> float | None:
    """Return Unix milliseconds as Unix seconds; None for what is no number, or beyond all dates."""
    is_number = type(milliseconds) in {int, float}
    return milliseconds / 1000 if is_number and 0 <= milliseconds <= LAST_MOMENT else None
