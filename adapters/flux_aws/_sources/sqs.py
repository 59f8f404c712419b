"""SQS: a message's body is the workflow's input, and a batch is answered message by message.

A message that is reported as failed comes back, and ends in the queue's dead-letter queue when it has come back
too often. The event source mapping must have `ReportBatchItemFailures` on: without it Lambda takes every answer
for a success and deletes the whole batch.

In the queue of the app's own waker, and in no other, `{"flux": {...}}` is a control command.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flux_aws._sources.source import Source, partial_failure, sender, trace_among
from flux_core._serving.body import MalformedBody, parse_body
from flux_core._serving.delivery import Delivery, run, undone

if TYPE_CHECKING:
    from flux_core._invocation import Invocation
    from flux_core._serving.served import Served
    from flux_core._serving.service import Service


def _respond(served: Served, invocation: Invocation) -> dict[str, Any]:
    """Run the messages in their order; return those that are to come back.

    Raises:
        KeyNeeded: the workflow has commits, and nothing says which messages mean the same run.
    """

    def serve(record: Delivery) -> bool:
        command = _command(served.service, record.event)
        if command is None:
            return run(served.service, invocation, record)
        from flux_core._serving.control.wake_up import obey  # most queues carry orders alone

        return obey(served.service, invocation, record, command)

    records = [_record(message) for message in invocation.event["Records"]]
    return partial_failure(message_id(record.event) for record in undone(records, invocation, serve))


def message_id(message: Any) -> str:
    """Return the messageId of an SQS message.

    Given as `key=flux_aws.message_id` it says that this id is good enough for a workflow with commits, although
    a message that is moved back from a dead-letter queue has a new one, and is a new run. Events of other
    sources are then identified as if there were no `key`.
    """
    identity: str = message["messageId"]
    return identity


def _record(message: dict[str, Any]) -> Delivery:
    identity = message_id(message)
    return Delivery(
        f"message {identity}",
        message,
        identity,
        lambda: parse_body(message["body"]),
        lane=_group(message),
        stable=False,
        traceparent=trace_among(message.get("messageAttributes"), "stringValue"),
    )


def _group(message: dict[str, Any]) -> str | None:
    """Return the group within which order holds; in a queue that is not FIFO a group is only a matter of fairness."""
    if not message.get("eventSourceARN", "").endswith(".fifo"):
        return None
    group: str = message["attributes"]["MessageGroupId"]
    return group


def _command(service: Service, message: dict[str, Any]) -> dict[str, Any] | None:
    """Return the control command that a message of the waker's own queue carries."""
    own = getattr(service.app.waker, "queue_arn", None)
    if own is None or message.get("eventSourceARN") != own:
        return None
    try:
        body = parse_body(message["body"])
    except MalformedBody:
        return None  # it is refused as an input is
    command = body.get("flux") if isinstance(body, dict) and body.keys() == {"flux"} else None
    return command if isinstance(command, dict) else None


SQS = Source("an SQS batch", lambda event: sender(event) == "aws:sqs", _respond)
