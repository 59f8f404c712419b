"""What a source of events is: how its events are recognised, and how they are answered."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self

from flux_core import Run, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from flux_aws._service import Service
    from flux_core import Result


class LambdaContext(Protocol):
    """What is used of the context that Lambda passes; a call without one, or with None, works as well."""

    aws_request_id: str
    """One for each invocation, and the same one when Lambda repeats an asynchronous invocation."""

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds that are left before the function is killed."""
        ...


class Invocation(NamedTuple):
    """One call of the function."""

    event: Any
    deadline: float | None
    """When the function is killed, in `time.monotonic()` seconds; None if nobody says."""
    request_id: str | None
    context: LambdaContext | None = None

    @classmethod
    def of(cls, event: Any, context: LambdaContext | None) -> Self:
        """Return the invocation that Lambda's two arguments make."""
        remaining = getattr(context, "get_remaining_time_in_millis", None)
        deadline = None if remaining is None else time.monotonic() + remaining() / 1000
        return cls(event, deadline, getattr(context, "aws_request_id", None), context)


class Source(NamedTuple):
    """One kind of event."""

    name: str
    """What messages call it."""
    recognises: Callable[[dict[str, Any]], bool]
    """Whether an event, always a JSON object, comes from this source: by its shape alone."""
    respond: Callable[[Service, Invocation], Any]
    """Serve such an event, and return what Lambda is to answer."""


def answer(run: Result[Any] | Run) -> dict[str, Any]:
    """Return how a run stands, as every source that answers says it: `status, id, data`, and `error` if it failed."""
    data = plain(run.data) if isinstance(run, Run) else run.to_dict()["data"]
    stands = {"status": str(run.status), "id": run.id, "data": data}
    if run.error is not None:
        stands["error"] = run.error.to_dict()
    return stands


def sender(event: dict[str, Any]) -> str | None:
    """Return the service that the first of an event's records names; SNS alone writes the field with a capital."""
    records = event.get("Records")
    if not isinstance(records, list) or not records or not isinstance(records[0], dict):
        return None
    service: object = records[0].get("eventSource") or records[0].get("EventSource")
    return service if isinstance(service, str) else None


def partial_failure(identifiers: Iterable[object]) -> dict[str, Any]:
    """Return the answer that has Lambda bring these records of a batch again, and no other.

    Lambda heeds it only if the event source mapping has `ReportBatchItemFailures` among its response types.
    """
    return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in identifiers]}
