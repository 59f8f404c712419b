"""Kinesis and DynamoDB Streams: the records of a shard in their order, up to the first that is not done.

Lambda goes on from the record that is reported, so that what comes behind it is not run before it. A record that can
never be done holds its shard up until the event source mapping gives it up: set `MaximumRetryAttempts` and an
on-failure destination. The mapping must have `ReportBatchItemFailures` on: without it Lambda takes every answer for a
success.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flux_aws._sources.attributes import plain_item
from flux_aws._sources.source import Source, partial_failure, sender
from flux_core._serving.body import from_base64, parse_body
from flux_core._serving.delivery import Delivery, run_all

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flux_core._invocation import Invocation
    from flux_core._serving.served import Served

IMAGES = ("Keys", "NewImage", "OldImage")


def first_of_each_lane(records: Iterable[Delivery]) -> list[Delivery]:
    """Return the records from which their lanes are to go on."""
    first: dict[str | None, Delivery] = {}
    for record in records:
        first.setdefault(record.lane, record)
    return list(first.values())


def _respond_kinesis(served: Served, invocation: Invocation) -> dict[str, Any]:
    again = run_all(served.service, invocation, map(_data, invocation.event["Records"]))
    return partial_failure(record.event["kinesis"]["sequenceNumber"] for record in first_of_each_lane(again))


def _data(record: dict[str, Any]) -> Delivery:
    """Return what a producer put; the event's id is the shard's with the sequence number."""
    identity: str = record["eventID"]
    shard, _, _ = identity.partition(":")
    return Delivery(
        f"record {identity}",
        record,
        identity,
        lambda: parse_body(from_base64(record["kinesis"]["data"])),
        lane=shard,
    )


def _respond_dynamodb(served: Served, invocation: Invocation) -> dict[str, Any]:
    again = run_all(served.service, invocation, map(_change, invocation.event["Records"]))
    return partial_failure(record.event["dynamodb"]["SequenceNumber"] for record in first_of_each_lane(again))


def _change(record: dict[str, Any]) -> Delivery:
    """Return what happened to an item; a batch has the records of one shard, whose name they do not say."""
    identity: str = record["eventID"]
    return Delivery(
        f"record {identity}", record, identity, lambda: _images(record), lane=record["eventSourceARN"]
    )


def _images(record: dict[str, Any]) -> dict[str, Any]:
    change = record["dynamodb"]
    images = {name: plain_item(change[name]) for name in IMAGES if name in change}
    return {"eventName": record["eventName"], **images}


KINESIS = Source("a Kinesis batch", lambda event: sender(event) == "aws:kinesis", _respond_kinesis)
DYNAMODB = Source(
    "a batch of DynamoDB Streams", lambda event: sender(event) == "aws:dynamodb", _respond_dynamodb
)
