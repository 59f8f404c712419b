"""What a source of events is: how its events are recognised, and how they are answered."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from flux_core._invocation import Invocation
from flux_core._serving.trace_context import HEADER, valid_traceparent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from flux_core._serving.served import Served


class LambdaContext(Protocol):
    """What is used of the context that Lambda passes; a call without one, or with None, works as well."""

    aws_request_id: str
    """One for each invocation, and the same one when Lambda repeats an asynchronous invocation."""

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds that are left before the function is killed."""
        ...


def invocation_of(event: Any, context: LambdaContext | None, traceparent: str | None = None) -> Invocation:
    """Return the invocation that Lambda's two arguments make, and the trace that it belongs to."""
    remaining = getattr(context, "get_remaining_time_in_millis", None)
    deadline = None if remaining is None else time.monotonic() + remaining() / 1000
    return Invocation(event, deadline, getattr(context, "aws_request_id", None), context, traceparent)


def untraced(_event: object) -> None:
    """Return that an event belongs to no trace; of one that carries many, each delivery may belong to its own."""


class Source(NamedTuple):
    """One kind of event."""

    name: str
    """What messages call it."""
    recognises: Callable[[dict[str, Any]], bool]
    """Whether an event, always a JSON object, comes from this source: by its shape alone."""
    respond: Callable[[Served, Invocation], Any]
    """Serve such an event, and return what Lambda is to answer."""
    traceparent: Callable[[dict[str, Any]], str | None] = untraced
    """Return the trace that such an event belongs to as a whole."""


def sender(event: dict[str, Any]) -> str | None:
    """Return the service that the first of an event's records names; SNS alone writes the field with a capital."""
    records = event.get("Records")
    if not isinstance(records, list) or not records or not isinstance(records[0], dict):
        return None
    service: object = records[0].get("eventSource") or records[0].get("EventSource")
    return service if isinstance(service, str) else None


def trace_among(attributes: dict[str, dict[str, Any]] | None, field: str) -> str | None:
    """Return the trace that one of a message's attributes names, each of which has its value in that field.

    What is traced by X-Ray alone names none: `AWSTraceHeader` is not of W3C's form.
    """
    return valid_traceparent((attributes or {}).get(HEADER, {}).get(field))


def partial_failure(identifiers: Iterable[object]) -> dict[str, Any]:
    """Return the answer that has Lambda bring these records of a batch again, and no other.

    Lambda heeds it only if the event source mapping has `ReportBatchItemFailures` among its response types.
    """
    return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in identifiers]}
