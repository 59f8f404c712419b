"""Waking a run at any time to come, by a schedule of EventBridge Scheduler that fires once."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from hashlib import sha256
from math import ceil
from typing import TYPE_CHECKING, Final

from flux_aws._clients import Once, calling, session
from flux_aws._wakers.called import named_function, short_calls
from flux_core import InvalidInput
from flux_core._waker import message

if TYPE_CHECKING:
    from mypy_boto3_scheduler import EventBridgeSchedulerClient

EARLIEST: Final = 5  # seconds from now: a schedule is to be in the future when it arrives
READABLE: Final = 34  # characters of a run's id in the name of its schedule, which may have 64 in all
RETRIES: Final = 5
OLDEST: Final = 3600  # seconds for which the call of the function is tried again
LAST_MOMENT: Final = 253_402_214_400
"""Unix seconds: the last day of the year 9999, the last that can be written as a schedule's time."""


class SchedulerWaker:
    """Wakes runs by schedules that fire once, within a minute of the time, and are deleted then.

    Args:
        role: the ARN of the role that EventBridge Scheduler takes on to invoke the function.
        function: the function's ARN; by default the function, and the alias, that is being invoked.
        group: the schedules' group, which must be there.
        region: the schedules'; by default the environment's.
        endpoint: the URL of a service that is not AWS's own.

    Raises:
        InvalidInput: the role is no ARN.
    """

    def __init__(
        self,
        role: str,
        *,
        function: str | None = None,
        group: str = "default",
        region: str | None = None,
        endpoint: str | None = None,
    ) -> None:
        if not role.startswith("arn:"):
            raise InvalidInput(f"expected the ARN of a role, got {role!r}", path="role")
        self._role = role
        self._function = function
        self._group = group
        self._client: Once[EventBridgeSchedulerClient] = Once(
            lambda: session().client(
                "scheduler", region_name=region, endpoint_url=endpoint, config=short_calls()
            )
        )

    def wake(self, run_id: str, at: float) -> None:
        """Make the schedule, unless it is there already; what is later than the year 9999 is left to `tick`.

        Raises:
            InvalidInput: the function's ARN is not known.
            ResourceNotFound: there is no such group.
            ServiceFailed: the service cannot be reached, or refuses.
        """
        function = named_function(self._function)
        if not function.startswith("arn:"):
            raise InvalidInput(
                f"EventBridge Scheduler needs the ARN of function {function!r}: give function= the ARN",
                path="function",
            )
        if at > LAST_MOMENT:
            return
        moment = max(ceil(at), ceil(time.time()) + EARLIEST)
        name = schedule_name(run_id, moment, function)
        client = self._client()
        with calling(f"schedule group {self._group}", "scheduler:CreateSchedule and iam:PassRole"):
            try:
                client.create_schedule(
                    Name=name,
                    GroupName=self._group,
                    ClientToken=name,
                    ScheduleExpression=f"at({datetime.fromtimestamp(moment, UTC):%Y-%m-%dT%H:%M:%S})",
                    ScheduleExpressionTimezone="UTC",
                    FlexibleTimeWindow={"Mode": "OFF"},
                    ActionAfterCompletion="DELETE",
                    Target={
                        "Arn": function,
                        "RoleArn": self._role,
                        "Input": message(run_id, at),
                        "RetryPolicy": {
                            "MaximumRetryAttempts": RETRIES,
                            "MaximumEventAgeInSeconds": OLDEST,
                        },
                    },
                )
            except client.exceptions.ConflictException:
                return  # it was asked for before


def schedule_name(run_id: str, moment: int, function: str) -> str:
    """Return the name of the schedule: 64 of `A-Z a-z 0-9 . _ -` at most.

    It is the same for the same run, second and function, so that what was asked for twice is made once; another
    alias of the function has a schedule of its own.
    """
    asked = sha256(f"{run_id} {moment} {function}".encode())
    readable = run_id.replace(":", "-").replace("@", "-")[:READABLE]
    return f"flux-{readable}-{asked.hexdigest()[:24]}"
