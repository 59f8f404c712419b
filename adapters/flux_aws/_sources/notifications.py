"""SNS and S3: a notification invokes the function asynchronously, and an error has Lambda bring it again.

Lambda does so twice, unless the function is configured otherwise, and then hands the event to the function's
dead-letter queue or on-failure destination.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flux_aws._sources.source import Source, sender, trace_among
from flux_core._serving.body import parse_body
from flux_core._serving.delivery import Delivery, run_or_raise

if TYPE_CHECKING:
    from flux_core._invocation import Invocation
    from flux_core._serving.served import Served


def _respond_sns(served: Served, invocation: Invocation) -> None:
    run_or_raise(served.service, invocation, [_message(record) for record in invocation.event["Records"]])


def _message(record: dict[str, Any]) -> Delivery:
    """Return what SNS published; its MessageId is the same at every delivery."""
    message = record["Sns"]
    identity: str = message["MessageId"]
    return Delivery(
        f"message {identity}",
        record,
        identity,
        lambda: parse_body(message["Message"]),
        traceparent=trace_among(message.get("MessageAttributes"), "Value"),
    )


def _respond_s3(served: Served, invocation: Invocation) -> None:
    run_or_raise(served.service, invocation, [_change(record) for record in invocation.event["Records"]])


def _change(record: dict[str, Any]) -> Delivery:
    """Return what happened to an object.

    Its sequencer tells what happened to one object apart; events about more than its content have none:
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
    """
    bucket, thing = record["s3"]["bucket"]["name"], record["s3"]["object"]
    moment = thing.get("sequencer") or f"{thing.get('versionId', '')}/{record['eventTime']}"
    identity = "/".join((bucket, thing["key"], record["eventName"], moment))
    return Delivery(f"{record['eventName']} of {bucket}/{thing['key']}", record, identity, lambda: record)


SNS = Source("an SNS notification", lambda event: sender(event) == "aws:sns", _respond_sns)
S3 = Source("an S3 notification", lambda event: sender(event) == "aws:s3", _respond_s3)
