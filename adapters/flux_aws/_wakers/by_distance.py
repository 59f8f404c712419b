"""Wakers: what brings a run back at a given time, by a message that makes the function look at it again.

| waker            | reaches                        | precise to    |
|------------------|--------------------------------|---------------|
| `InvokeWaker`    | only what is due now           | milliseconds  |
| `SQSWaker`       | 15 minutes, farther in stages  | a second      |
| `SchedulerWaker` | any time                       | a minute      |

A wake-up is a hint: one that is lost, late or comes twice does no harm, and `tick` finds whatever is due.
"""

from __future__ import annotations

import os
import time

from flux_aws._clients import Site
from flux_aws._wakers.invoke import InvokeWaker
from flux_aws._wakers.scheduler import SchedulerWaker
from flux_aws._wakers.sqs import LONGEST_DELAY, SQSWaker

__all__ = ["InvokeWaker", "LambdaWaker", "SQSWaker", "SchedulerWaker"]


class LambdaWaker:
    """Wakes runs of a function on Lambda, each by whatever suits the time that is left.

    | the run goes on        | by                                | else by, if that is not there    |
    |------------------------|-----------------------------------|----------------------------------|
    | now                    | an asynchronous invocation        |                                  |
    | within 15 minutes      | a message of the queue            | a schedule, a minute late at most |
    | later                  | a schedule, deleted once it fired | the queue, in stages of 15 minutes |

    With neither a queue nor a role, what is not due now is left to `tick`.

    Args:
        function: the function's name or, for schedules, its ARN; by default the function, and the alias, that is
            being invoked.
        queue: the URL of a standard queue for wake-ups alone; by default `FLUX_QUEUE_URL`.
        role: the ARN of the role that EventBridge Scheduler takes on to invoke the function; by default
            `FLUX_SCHEDULER_ROLE_ARN`.
        group: the schedules' group; by default `FLUX_SCHEDULER_GROUP`, else `default`.
        region: of all of them; by default the environment's.
        endpoint: the URL of services that are not AWS's own.

    Raises:
        InvalidInput: the queue is not named by its URL, or is a FIFO queue; the role is no ARN.
    """

    def __init__(
        self,
        *,
        function: str | None = None,
        queue: str | None = None,
        role: str | None = None,
        group: str | None = None,
        region: str | None = None,
        endpoint: str | None = None,
    ) -> None:
        queue = queue or os.environ.get("FLUX_QUEUE_URL")
        role = role or os.environ.get("FLUX_SCHEDULER_ROLE_ARN")
        group = group or os.environ.get("FLUX_SCHEDULER_GROUP") or "default"
        site = Site(region, endpoint)._asdict()
        self._now = InvokeWaker(function, **site)
        self._soon = SQSWaker(queue, **site) if queue else None
        self._later = SchedulerWaker(role, function=function, group=group, **site) if role else None

    @property
    def queue_arn(self) -> str | None:
        """The ARN of the queue, by which the handler knows the messages that are its own; None without a queue."""
        return self._soon.queue_arn if self._soon else None

    def wake(self, run_id: str, at: float) -> None:
        """Have the run woken at that time.

        Raises:
            InvalidInput: no function is named, and none is being invoked.
            ResourceNotFound: the function or the queue is not there.
            ServiceFailed: a service cannot be reached, or refuses.
        """
        left = at - time.time()
        nearest = (self._soon, self._later) if left <= LONGEST_DELAY else (self._later, self._soon)
        waker = self._now if left <= 0 else next((waker for waker in nearest if waker), self._now)
        waker.wake(run_id, at)
