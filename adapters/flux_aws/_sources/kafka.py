"""Kafka, managed (MSK) or not: the records of a partition in their order, up to the first that is not done.

Then an error has Lambda bring the whole batch again. A partial answer would be heeded in the event source mapping's
provisioned mode alone; in any other Lambda would take it for a success, and pass over what was not done. A record that
can never be done holds its partition up until the mapping gives it up: give that an on-failure destination.
See https://docs.aws.amazon.com/lambda/latest/dg/kafka-retry-configurations.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flux_aws._sources.source import Source
from flux_core._serving.body import from_base64, parse_body
from flux_core._serving.delivery import Delivery, run_or_raise
from flux_core._serving.trace_context import HEADER, valid_traceparent

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flux_core._invocation import Invocation
    from flux_core._serving.served import Served

SENDERS: Final = ("aws:kafka", "SelfManagedKafka")


def _recognises(event: dict[str, Any]) -> bool:
    return event.get("eventSource") in SENDERS and isinstance(event.get("records"), dict)


def _respond(served: Served, invocation: Invocation) -> None:
    partitions: dict[str, list[dict[str, Any]]] = invocation.event["records"]
    records = [_record(name, record) for name, batch in partitions.items() for record in batch]
    run_or_raise(served.service, invocation, records)


def _record(partition: str, record: dict[str, Any]) -> Delivery:
    """Return what a producer sent; a partition is named as Lambda does, `topic-number`."""
    identity = f"{record['topic']}-{record['partition']}-{record['offset']}"
    return Delivery(
        f"record {identity}",
        record,
        identity,
        lambda: _value(record),
        lane=partition,
        traceparent=_traceparent(record.get("headers") or []),
    )


def _traceparent(headers: Iterable[dict[str, list[int]]]) -> str | None:
    """Return the trace of a record: each header is an object of its own, its value a list of signed bytes."""
    values = [header[HEADER] for header in headers if HEADER in header]
    return valid_traceparent(bytes(byte & 0xFF for byte in values[0]).decode("latin-1")) if values else None


def _value(record: dict[str, Any]) -> Any:
    value: str | None = record.get("value")
    return parse_body(None if value is None else from_base64(value))


KAFKA = Source("a Kafka batch", _recognises, _respond)
