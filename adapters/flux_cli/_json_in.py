"""Runs out of the documents that `Run.to_dict` and `Page.to_dict` make of them, as a deployed function sends them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flux_core import ErrorInfo, Page, Run, RunStatus, StepRecord, StepStatus, Try


def run_in(document: dict[str, Any]) -> Run:
    """Return the run that the document shows.

    Raises:
        LookupError, TypeError, ValueError: the document is not one of a run.
    """
    return _run(
        document,
        history=_steps(document["history"]),
        compensations=_steps(document["compensations"]),
        **{
            name: document[name]
            for name in ("input", "initial", "data", "version", "fingerprint", "revision", "interruptions")
        },
        inbox=tuple(document["inbox"]),
        held_until=_seconds(document["held_until"]),
        traceparent=document.get("traceparent"),
        kept=tuple(document.get("kept", ())),  # what the function says whose Flux is not older than this
    )


def page_in(document: dict[str, Any]) -> Page:
    """Return the page of runs that the document lists; of their history there is what a list shows.

    Raises:
        LookupError, TypeError, ValueError: the document is not one of a page.
    """
    return Page([_summary(listed) for listed in document["runs"]], document["cursor"])


def error_in(document: dict[str, Any] | None) -> ErrorInfo | None:
    """Return the error that the document tells of."""
    return None if document is None else ErrorInfo(**document)


def _summary(document: dict[str, Any]) -> Run:
    step = document["step"]
    status = STEP_AT.get(document["status"], StepStatus.COMPLETED)
    return _run(
        document,
        history=() if step is None else (StepRecord(step, "step", status, document["attempts"]),),
        compensations=(),
        **dict.fromkeys(("input", "held_until")),
        **dict.fromkeys(("version", "fingerprint"), ""),
        **dict.fromkeys(("revision", "interruptions"), 0),
        data={},
        initial={},
        inbox=(),
    )


def _run(document: dict[str, Any], **others: Any) -> Run:
    """Return the run with what every document of one says, and the others."""
    moments = ("waits_until", "expires_at", "wake_at", "created_at", "updated_at")
    return Run(
        id=document["id"],
        workflow=document["workflow"],
        status=RunStatus(document["status"]),
        error=error_in(document["error"]),
        waits_for=document["waits_for"],
        tags=tuple(document["tags"]),
        **{name: _seconds(document[name]) for name in moments},
        **others,
    )


def _steps(documents: list[dict[str, Any]]) -> tuple[StepRecord, ...]:
    return tuple(
        StepRecord(
            **document
            | {
                "status": StepStatus(document["status"]),
                "started_at": _seconds(document["started_at"]),
                "completed_at": _seconds(document["completed_at"]),
                "error": error_in(document["error"]),
                "tries": tuple(map(_try, document.get("tries", ()))),
                "tried_at": _seconds(document.get("tried_at")),
            }
        )
        for document in documents
    )


def _try(document: dict[str, Any]) -> Try:
    started_at, ended_at = _seconds(document["started_at"]), _seconds(document["ended_at"])
    return Try(started_at, ended_at, ErrorInfo(**document["error"]))


def _seconds(moment: str | None) -> Any:
    """Return a time in Unix seconds."""
    return None if moment is None else datetime.fromisoformat(moment).timestamp()


STEP_AT: dict[str, StepStatus] = {
    RunStatus.FAILED: StepStatus.FAILED,
    RunStatus.SUSPENDED: StepStatus.SUSPENDED,
    RunStatus.RUNNING: StepStatus.RUNNING,
}
"""How the last step of a run stands, as far as the run's status tells."""
