"""Waking a run within 15 minutes, by a message that a queue holds back."""

from __future__ import annotations

import os
import time
from math import ceil
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from flux_aws._clients import Once, calling, session
from flux_aws._wakers.called import short_calls
from flux_core import InvalidInput
from flux_core._waker import message

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

LONGEST_DELAY: Final = 900
"""Seconds: the most that SQS holds a message back.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html"""
PARTITIONS: Final = {"cn-": "aws-cn", "us-gov-": "aws-us-gov"}


class SQSWaker:
    """Wakes runs by delayed messages to a queue that the function reads.

    A delay is whole seconds, rounded up, and at most 15 minutes: what is later comes then, and is sent on by the
    handler. The queue is for wake-ups alone, since what comes from it is taken for commands.

    Args:
        queue: the URL of a standard queue.
        region: the queue's; by default that of its URL, else the environment's.
        endpoint: the URL of a service that is not AWS's own.

    Raises:
        InvalidInput: the queue is not named by its URL, or is a FIFO queue.
    """

    def __init__(self, queue: str, *, region: str | None = None, endpoint: str | None = None) -> None:
        _check_queue(queue)
        self.queue: Final = queue
        self._region = region or _region_of(queue)
        self._client: Once[SQSClient] = Once(
            lambda: session().client(
                "sqs", region_name=self._region, endpoint_url=endpoint, config=short_calls()
            )
        )

    @property
    def queue_arn(self) -> str:
        """The queue's ARN, by which the handler knows the messages that are its own."""
        address = urlsplit(self.queue)
        account, name = address.path.strip("/").split("/")[-2:]
        region = _region_of(self.queue) or self._region or _region_of_environment()
        partition = next((name for prefix, name in PARTITIONS.items() if region.startswith(prefix)), "aws")
        return f"arn:{partition}:sqs:{region}:{account}:{name}"

    def wake(self, run_id: str, at: float) -> None:
        """Send the message, to be delivered at that time or in 15 minutes.

        Raises:
            ResourceNotFound: there is no such queue.
            ServiceFailed: it cannot be reached, or refuses.
        """
        delay = min(LONGEST_DELAY, max(0, ceil(at - time.time())))
        with calling(f"queue {self.queue}", "sqs:SendMessage"):
            self._client().send_message(
                QueueUrl=self.queue, MessageBody=message(run_id, at), DelaySeconds=delay
            )


def _check_queue(queue: str) -> None:
    address = urlsplit(queue)
    if address.scheme not in {"http", "https"} or address.path.strip("/").count("/") < 1:
        raise InvalidInput(f"expected the URL of an SQS queue, got {queue!r}", path="queue")
    if queue.endswith(".fifo"):
        raise InvalidInput(
            f"a FIFO queue cannot hold back single messages; name a standard queue instead of {queue}",
            path="queue",
        )


def _region_of(queue: str) -> str | None:
    """Return the region that a queue's host names, such as `sqs.eu-west-1.amazonaws.com`."""
    name, _, rest = (urlsplit(queue).hostname or "").partition(".")
    region, _, domain = rest.partition(".")
    return region if name == "sqs" and domain.startswith("amazonaws.") else None


def _region_of_environment() -> str:
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
