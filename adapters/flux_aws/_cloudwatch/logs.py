"""Reading a function's log back from CloudWatch Logs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from flux_aws._clients import Once, calling, session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_logs.type_defs import FilteredLogEventTypeDef


class LogLine(NamedTuple):
    """One line of the log, as CloudWatch Logs calls it: one log event."""

    id: str
    """The same line has the same id, however often it is read."""
    time: int
    """Unix milliseconds."""
    text: str


class LogGroup:
    """The log of a function.

    Args:
        name: the log group's, such as `/aws/lambda/orders`.
        region: the log group's; by default the environment's.
        endpoint: the URL of a service that is not AWS's own.
    """

    def __init__(self, name: str, *, region: str | None = None, endpoint: str | None = None) -> None:
        self.name = name
        self._client: Once[CloudWatchLogsClient] = Once(
            lambda: session().client("logs", region_name=region, endpoint_url=endpoint)
        )

    def trace_lines(self, *, since: int, run: str | None = None) -> Iterator[LogLine]:
        """Give the lines from that time on (Unix milliseconds) that may be of the trace: more than those, not fewer.

        The terms of the filter are found in a line of JSON as in one that is wrapped in another or has a prefix.

        Raises:
            ResourceNotFound: there is no such log group.
            ServiceFailed: it cannot be reached, or refuses.
        """
        terms = f"workflowId {json.dumps(run)}" if run else "workflowId"
        with calling(f"log group {self.name}", "logs:FilterLogEvents"):
            pages = self._client().get_paginator("filter_log_events")
            for page in pages.paginate(logGroupName=self.name, startTime=max(0, since), filterPattern=terms):
                for line in page["events"]:
                    yield LogLine(_id_of(line), line["timestamp"], line["message"])


def _id_of(line: FilteredLogEventTypeDef) -> str:
    """Return the line's id; a service that is not AWS's own may give none."""
    return line.get("eventId") or f"{line['logStreamName']} {line['timestamp']} {line['message']}"
