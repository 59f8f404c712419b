"""What callers are told of runs: the stored run, its steps, its error, and what a tick did."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flux_core._status import RunStatus, StepStatus


class ErrorInfo(NamedTuple):
    """An error as a run keeps it."""

    type: str
    """The name of the exception's class."""
    message: str
    code: str
    """A Flux error's stable code; `STEP_FAILED` for any other exception."""
    retryable: bool
    """Whether trying the step again could help: false for `Fatal` and for what cannot be saved."""
    traceback: str | None = None
    """Kept in the store for the developer; never sent over HTTP."""
    cause: str | None = None
    """What it was raised from, and what that was raised from, as `ConnectionError: refused ← ...`."""

    def to_dict(self, *, traceback: bool = False) -> dict[str, Any]:
        """Return the error as a JSON-able dict.

        Keys: `type, message, code, retryable`, `cause` if there is one, and `traceback` if asked for.
        """
        told = self._asdict()
        if self.cause is None:
            del told["cause"]
        if not traceback:
            del told["traceback"]
        return told


class Try(NamedTuple):
    """An attempt of a node that failed. Times are Unix seconds."""

    started_at: float
    ended_at: float
    error: ErrorInfo
    """Without its traceback, and its message cut: the node's own error has them whole."""


class StepRecord(NamedTuple):
    """One node of a run, as far as it got. Times are Unix seconds."""

    name: str
    kind: str
    status: StepStatus
    attempts: int = 0
    started_at: float | None = None
    """When the first attempt began."""
    completed_at: float | None = None
    """When it completed, was skipped or failed for good."""
    output: Any = None
    error: ErrorInfo | None = None
    """Of the last attempt that failed; it stays when a later one succeeds."""
    changes: Mapping[str, Any] = MappingProxyType({})
    """The fields of data that the node set, with their new values; a removed key has the value None."""
    tries: tuple[Try, ...] = ()
    """The last 10 attempts that failed, in their order."""
    tried_at: float | None = None
    """When its last attempt began, if it was not the first, and has come to an end."""


class Run(NamedTuple):
    """A run as it is stored, with untyped input and data. Times are Unix seconds."""

    id: str
    workflow: str
    version: str
    fingerprint: str
    status: RunStatus
    input: Any
    data: dict[str, Any]
    initial: dict[str, Any]
    """The data before the first node."""
    history: tuple[StepRecord, ...]
    """One record a node, in node order, up to where the run stands."""
    compensations: tuple[StepRecord, ...]
    """One record a compensation, in the order in which they ran; the last may still be to succeed."""
    error: ErrorInfo | None
    """What the run failed with; a rollback that fails as well does not change it."""
    inbox: tuple[str, ...]
    """What others ask of the run and nobody has served yet: `cancel`, `pause`, `signal approved`, ..."""
    waits_for: str | None
    """The signal that the run waits for."""
    waits_until: float | None
    """When its sleep, its wait or its back-off is over."""
    expires_at: float | None
    """When the workflow's time-out is over."""
    tags: tuple[str, ...]
    revision: int
    interruptions: int
    """How often in a row a worker was lost without completing a node."""
    held_until: float | None
    """When the lease of the worker that holds the run ends; None if nobody holds it."""
    wake_at: float | None
    created_at: float
    updated_at: float
    traceparent: str | None = None
    """The trace that the run belongs to, as W3C's Trace Context writes it."""
    kept: tuple[str, ...] = ()
    """Completed commits behind the point that a retry went back to: they are passed, and not run again."""

    def summary(self, *, traceback: bool = False) -> dict[str, Any]:
        """Return what a list shows of the run, as a JSON-able dict; times are ISO 8601 in UTC, durations seconds.

        Keys: `id, workflow, status, step` (the last that it has come to), `attempts` (of that step), `waits_for`
        (a signal, or null), `waits_until` (the end of its wait, sleep or back-off), `created_at, updated_at,
        duration, wake_at, expires_at, tags, error` (as `ErrorInfo.to_dict` has it, or null).
        """
        from flux_core._run_json import run_summary  # a function that runs an order shows it to nobody

        return run_summary(self, traceback=traceback)

    def to_dict(self, *, traceback: bool = False) -> dict[str, Any]:
        """Return the run as a JSON-able dict; times are ISO 8601 in UTC, durations seconds.

        Keys: those of `summary`, then `input`, `initial` (the data before the first node), `data`, `results` (outputs
        of completed steps, by name), `history` (a step each: the fields of a `StepRecord`), `compensations` (the same
        of each that was begun), `inbox` (what others ask of the run and nobody has served yet, a text each),
        `version, fingerprint, revision, interruptions, held_until, traceparent, kept`.
        """
        from flux_core._run_json import run_dict  # the same

        return run_dict(self, traceback=traceback)


class TickReport(NamedTuple):
    """What a tick did."""

    due: int = 0
    """Runs that were due."""
    claimed: int = 0
    """Of these, the ones that it went on with."""
    completed: int = 0
    suspended: int = 0
    failed: int = 0
    skipped: int = 0
    """Due runs that another worker was faster to claim, or that cannot go on; the latter are logged."""
    handed: int = 0
    """Due runs that were left to the waker, beyond the few that a tick goes on with itself."""
