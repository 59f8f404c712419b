"""SQS: a message's body is the workflow's input, and a batch is answered message by message.

A message that is reported as failed comes back, and ends in the queue's dead-letter queue when it has come back
too often. The event source mapping must have `ReportBatchItemFailures` on: without it Lambda takes every answer
for a success and deletes the whole batch.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, Final

from flux_aws._body import parse_body
from flux_aws._service import message_id
from flux_aws._source import Source
from flux_core import FluxError, InvalidWorkflow, RunStatus

if TYPE_CHECKING:
    from flux_aws._service import Service
    from flux_aws._source import Invocation
    from flux_core import Result

log: Final = logging.getLogger("flux")

SPARE: Final = 1.0
"""Seconds before the deadline in which no message is begun; the engine begins no node in the last half of it."""
OUTCOMES: Final = {
    RunStatus.FAILED: "failed",
    RunStatus.CANCELLED: "was cancelled",
    RunStatus.ROLLED_BACK: "was rolled back",
    RunStatus.COMPENSATION_FAILED: "could not be rolled back",
}
"""How the log says that a run has not completed."""


def _recognises(event: dict[str, Any]) -> bool:
    records = event.get("Records")
    return isinstance(records, list) and bool(records) and _is_message(records[0])


def _is_message(record: object) -> bool:
    return isinstance(record, dict) and record.get("eventSource") == "aws:sqs"


def _respond(service: Service, invocation: Invocation) -> dict[str, Any]:
    """Run the messages in their order; return those that are to come back.

    Raises:
        InvalidWorkflow: the workflow has commits, and nothing says which messages mean the same run.
    """
    _check_key(service)
    failed: list[str] = []
    held: set[str] = set()  # the groups of FIFO messages that must wait for one before them
    for message in invocation.event["Records"]:
        group = _group(message)
        if group not in held and _is_time_left(invocation) and _is_done(service, invocation, message):
            continue
        failed.append(message_id(message))
        if group is not None:
            held.add(group)
    return {"batchItemFailures": [{"itemIdentifier": identity} for identity in failed]}


def _check_key(service: Service) -> None:
    workflow = service.workflow
    if service.key is None and any(node.kind == "commit" for node in workflow.nodes):
        raise InvalidWorkflow(
            f"workflow {workflow.name!r} has commits, and a message that is moved back from a dead-letter queue has"
            " a new messageId, so that its commits would run again: name the run by the input, as in"
            ' flux_aws.handler(app, key=lambda order: order["order_id"]), or accept that by'
            " key=flux_aws.message_id"
        )


def _group(message: dict[str, Any]) -> str | None:
    """Return the group within which order holds; in a queue that is not FIFO a group is only a matter of fairness."""
    if not message.get("eventSourceARN", "").endswith(".fifo"):
        return None
    group: str = message["attributes"]["MessageGroupId"]
    return group


def _is_time_left(invocation: Invocation) -> bool:
    return invocation.deadline is None or invocation.deadline - time.monotonic() > SPARE


def _is_done(service: Service, invocation: Invocation, message: dict[str, Any]) -> bool:
    """Run the workflow on a message; return whether the message may be deleted."""
    identity = message_id(message)
    try:
        result = service.execute(
            parse_body(message["body"]), identity=identity, deadline=invocation.deadline, retry_failed=True
        )
    except FluxError as error:
        log.warning("message %s is put back: %s: %s", identity, type(error).__name__, error)
        return False
    except Exception:
        log.exception("message %s is put back", identity)
        return False
    if not result.status.ended or result.status is RunStatus.COMPLETED:
        return not _is_due(result)
    again = _is_worth_a_redelivery(result)
    fate = "put back, to go on with it" if again else "deleted, since no retry can help"
    what = OUTCOMES[result.status]
    log.warning(
        "message %s is %s: run %s %s; see why with: flux show %s", identity, fate, result.id, what, result.id
    )
    return not again


def _is_worth_a_redelivery(result: Result[Any]) -> bool:
    """Whether a run that has ended goes on when its message comes again: with the failed step, or its rollback."""
    if result.status is RunStatus.FAILED:
        return result.error is not None and result.error.retryable
    return result.status is RunStatus.COMPENSATION_FAILED


def _is_due(result: Result[Any]) -> bool:
    """Whether the run only ran out of this invocation's time: the message brings it back at once."""
    return result.wake_at is not None and result.wake_at <= time.time()


SQS: Final = Source("an SQS batch", _recognises, _respond)
