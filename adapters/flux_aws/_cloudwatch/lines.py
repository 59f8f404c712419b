"""A trace event as a line of a function's log, with the keys that Powertools Logger writes."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

from flux_core._invocation import CURRENT
from flux_core._serving.lines import level_of, message_of, shortened

if TYPE_CHECKING:
    from collections.abc import Callable

    from flux_core import TraceEvent
    from flux_core._invocation import Invocation

LONGEST: Final = 256 * 1024
"""Bytes of a line; CloudWatch Logs takes 1 MB, and for long took no more than this:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html"""


class Lines:
    """Makes the lines.

    Args:
        service: what the lines call the service.
        is_first: whether an invocation is the sandbox's first.
    """

    def __init__(self, service: str, is_first: Callable[[Invocation], bool]) -> None:
        # The formatter alone: a Logger of that service would be the app's own, with its level and its keys.
        self._formatter = LambdaPowertoolsFormatter(
            json_serializer=partial(shortened, longest=LONGEST),
            utc=True,
            use_rfc3339=True,
            location="%(funcName)s",
            service=service,
        )
        self._is_first = is_first

    def of(self, event: TraceEvent) -> str:
        """Return the event's line."""
        where = f"{event.workflow_name}:{event.step_name}" if event.step_name else event.workflow_name
        record = logging.LogRecord(
            "flux",
            level_of(event),
            pathname="",
            lineno=0,
            msg=message_of(event),
            args=None,
            exc_info=None,
            func=where,
        )
        record.created, record.msecs = event.timestamp / 1000, float(event.timestamp % 1000)
        record.__dict__.update(self._keys(), flux=event.to_dict(), taskName=None)
        return self._formatter.format(record)

    def _keys(self) -> dict[str, Any]:
        """Return what is known of the invocation being served; what is None is left out of the line."""
        invocation = CURRENT.get()
        if invocation is None:
            return {}
        context = invocation.context
        return {
            "cold_start": self._is_first(invocation),
            "function_name": getattr(context, "function_name", None),
            "function_memory_size": getattr(context, "memory_limit_in_mb", None),
            "function_arn": getattr(context, "invoked_function_arn", None),
            "function_request_id": invocation.request_id,
        }
