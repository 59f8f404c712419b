"""A run, or an error, as HTTP says it: the status of the response, and RFC 9457 problem documents."""

from __future__ import annotations

from math import ceil
from time import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from flux_core import (
    Conflict,
    CrashLoop,
    DefinitionChanged,
    Fatal,
    FluxError,
    InputMismatch,
    Interrupted,
    InvalidId,
    InvalidInput,
    LeaseLost,
    NotRetryable,
    NotSerializable,
    OutcomeUnknown,
    RunBusy,
    RunEnded,
    RunNotFound,
    RunStatus,
    SignalNotExpected,
    StepNotFound,
    StepTimeout,
    StoreError,
    StoreNotFound,
    UnknownWorkflow,
    WorkflowTimeout,
)
from flux_core._document import UnreadableRun
from flux_core._serving.body import MalformedBody

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flux_core import ErrorInfo, Result

PROBLEM_JSON: Final = "application/problem+json"
METHOD_NOT_ALLOWED: Final = "METHOD_NOT_ALLOWED"
BODY_TOO_LARGE: Final = "BODY_TOO_LARGE"
INTERNAL_ERROR: Final = "INTERNAL_ERROR"
CANCELLED: Final = "CANCELLED"
COMPENSATION_FAILED: Final = "COMPENSATION_FAILED"

STATUSES: Final[Mapping[str, int]] = {
    RunStatus.COMPLETED: 200,
    RunStatus.PENDING: 202,
    RunStatus.RUNNING: 202,
    RunStatus.SUSPENDED: 202,
    RunStatus.PAUSED: 202,
    RunStatus.ROLLING_BACK: 202,
    MalformedBody.code: 400,
    InvalidId.code: 400,
    RunNotFound.code: 404,
    StepNotFound.code: 404,
    UnknownWorkflow.code: 404,
    METHOD_NOT_ALLOWED: 405,
    CANCELLED: 409,
    Conflict.code: 409,
    DefinitionChanged.code: 409,
    InputMismatch.code: 409,
    LeaseLost.code: 409,
    NotRetryable.code: 409,
    RunBusy.code: 409,
    RunEnded.code: 409,
    SignalNotExpected.code: 409,
    BODY_TOO_LARGE: 413,
    Fatal.code: 422,
    InvalidInput.code: 422,
    NotSerializable.code: 422,  # raised, it is about the input; in a run, about what a step left
    StoreError.code: 503,
    StoreNotFound.code: 503,
}
"""The HTTP status of a run that has completed or has not ended, and of each error's code; of any other it is 500."""

RENAMED: Final = {413: "Content Too Large", 422: "Unprocessable Content"}
"""What RFC 9110 calls a status of which Python before 3.13 has an older name."""

LOWEST_UNEXPLAINED: Final = 500
"""From this status on, what happened is for the log, not for the client."""

LONGEST_DETAIL: Final = 2000
"""Characters of what is said, as many as are kept of an error's message."""
LONGEST_PATH: Final = 200

SAID_OTHERWISE: Final = {
    RunBusy.code: "the run is being worked on; try again later",
    InputMismatch.code: "the id was used with another input; the same id must mean the same input",
}
"""What is said instead of errors that name workers, other workflows and commands: those are for the operator."""

NOT_A_REFUSAL: Final = frozenset(
    {
        "STEP_FAILED",
        CrashLoop.code,
        Interrupted.code,
        NotSerializable.code,
        OutcomeUnknown.code,
        StepTimeout.code,
        WorkflowTimeout.code,
    }
)
"""Codes of failures that no retry helps, but that are not a handler's own word about the input, as `Fatal` is."""


class Problem(NamedTuple):
    """A problem document, with the status and the headers that go with it."""

    status: int
    document: dict[str, Any]
    headers: Mapping[str, str]


def problem(
    code: str,
    detail: str,
    *,
    status: int | None = None,
    headers: Mapping[str, str] | None = None,
    **extensions: str,
) -> Problem:
    """Return the problem of that code, whose detail is shown if it is the client's to know."""
    status = STATUSES.get(code, 500) if status is None else status
    document = {"type": "about:blank", "title": phrase(status), "status": status}
    if status < LOWEST_UNEXPLAINED:
        document["detail"] = cut(detail, LONGEST_DETAIL)
    document["code"] = code
    document |= {name: value for name, value in extensions.items() if value}
    return Problem(status, document, headers or {})


def cut(text: str, longest: int) -> str:
    """Return the begin of a text that is longer: a client need not be sent back all that it has sent."""
    return text if len(text) <= longest else f"{text[:longest]}…"


def phrase(status: int) -> str:
    """Return what a status is called."""
    from http import HTTPStatus  # most requests go well, and are asked for no words

    return RENAMED.get(status) or HTTPStatus(status).phrase


def problem_of_error(error: Exception) -> Problem:
    """Return the problem that an exception is to the client; what is not one of Flux's own says nothing of itself."""
    if not isinstance(error, FluxError):
        return problem(INTERNAL_ERROR, "")
    path = error.path if isinstance(error, InvalidInput | NotSerializable) else ""
    run_id = error.id if isinstance(error, UnreadableRun) else ""
    headers = {"Retry-After": str(max(1, ceil(error.until - time())))} if isinstance(error, RunBusy) else {}
    detail = SAID_OTHERWISE.get(error.code) or str(error)
    return problem(error.code, detail, headers=headers, path=cut(path, LONGEST_PATH), id=run_id)


def problem_of_run(result: Result[Any]) -> Problem | None:
    """Return the problem that a run is to the client which has ended in another way than it should; None for others.

    A run that was rolled back is to the client what it would be without compensations: a failed one.
    """
    if not result.status.ended or result.status is RunStatus.COMPLETED:
        return None
    if result.status is RunStatus.COMPENSATION_FAILED:
        return problem(COMPENSATION_FAILED, "", id=result.id)
    error = result.error
    if error is None or result.status is RunStatus.CANCELLED:
        return problem(CANCELLED, f"run {result.id!r} was cancelled", id=result.id)
    status = STATUSES[Fatal.code] if _is_refusal(error) else 500
    return problem(error.code, error.message, status=status, id=result.id)


def _is_refusal(error: ErrorInfo) -> bool:
    return not error.retryable and error.code not in NOT_A_REFUSAL
