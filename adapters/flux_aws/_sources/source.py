"""What a source of events is: how its events are recognised, and how they are answered."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from flux_core._invocation import Invocation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from flux_core._serving.service import Service


class LambdaContext(Protocol):
    """What is used of the context that Lambda passes; a call without one, or with None, works as well."""

    aws_request_id: str
    """One for each invocation, and the same one when Lambda repeats an asynchronous invocation."""

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds that are left before the function is killed."""
        ...


def invocation_of(event: Any, context: LambdaContext | None) -> Invocation:
    """Return the invocation that Lambda's two arguments make."""
    remaining = getattr(context, "get_remaining_time_in_millis", None)
    deadline = None if remaining is None else time.monotonic() + remaining() / 1000
    return Invocation(event, deadline, getattr(context, "aws_request_id", None), context)


class Source(NamedTuple):
    """One kind of event."""

    name: str
    """What messages call it."""
    recognises: Callable[[dict[str, Any]], bool]
    """Whether an event, always a JSON object, comes from this source: by its shape alone."""
    respond: Callable[[Service, Invocation], Any]
    """Serve such an event, and return what Lambda is to answer."""


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
