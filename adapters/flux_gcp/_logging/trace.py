"""The trace in Cloud Logging: a line of JSON an event, tied to the request that it belongs to."""

from __future__ import annotations

import logging
import os
import sys
from datetime import UTC, datetime
from threading import Lock
from time import time
from typing import TYPE_CHECKING, Any, Final

from flux_core._invocation import CURRENT
from flux_core._serving.lines import level_of, message_of, shortened
from flux_gcp._logging.context import trace_fields

if TYPE_CHECKING:
    from flux_core import TraceEvent

LONGEST: Final = 250_000
"""Bytes of a line; Cloud Logging takes about 256 KB an entry, with what it adds itself:
https://cloud.google.com/logging/quotas#log-limits"""


class CloudLoggingTrace:
    """A trace sink for functions on Google Cloud; outside of one it works as well, and knows less.

    Each event becomes one line of JSON on standard output, which Cloud Run hands to Cloud Logging: `severity`,
    `message`, `time`, the trace and the span of the request, the labels `service`, `workflow` and `run`, and the event
    itself, named as the trace format names its fields, under `flux`. A line of more than 250,000 bytes is shortened,
    and `flux.shortened` says what was left out.

    Args:
        service: what the lines call the service; by default the name under which it runs on Cloud Run.
    """

    def __init__(self, *, service: str | None = None) -> None:
        named = service or os.environ.get("K_SERVICE")
        self._labels = {"service": named} if named else {}
        self._lock = Lock()

    def emit(self, event: TraceEvent) -> None:
        """Write the event."""
        line = _heading(logging.getLevelName(level_of(event)), message_of(event), event.timestamp / 1000)
        line |= _labels({**self._labels, "workflow": event.workflow_name, "run": event.workflow_id})
        self._write(shortened(line | {"flux": event.to_dict()}, LONGEST))

    def measure(self, name: str, value: float, *, unit: str, workflow: str | None = None) -> None:
        """Write a number that no event carries, where a log-based metric finds it: `flux.metric` and `flux.value`.

        Args:
            name: the metric's name.
            value: what was measured.
            unit: `Count`, `Seconds`, ...
            workflow: what it is about; None if that is all workflows.
        """
        line = _heading("INFO", f"{name} {value:g} {unit}", time())
        line |= _labels(self._labels | ({"workflow": workflow} if workflow else {}))
        about = {"workflowName": workflow} if workflow else {}
        self._write(
            shortened(line | {"flux": {"metric": name, "value": value, "unit": unit, **about}}, LONGEST)
        )

    def close(self) -> None:
        """Do nothing: standard output is not the sink's own."""

    def _write(self, line: str) -> None:
        with self._lock:
            sys.stdout.write(f"{line}\n")  # at once: functions-framework may take each write for an entry
            sys.stdout.flush()


def _heading(severity: str, message: str, moment: float) -> dict[str, Any]:
    """Return what an entry begins with; the moment is in Unix seconds."""
    written = datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    invocation = CURRENT.get()
    tied = trace_fields(invocation.context or {}) if invocation else {}
    return {"severity": severity, "message": message, "time": written, **tied}


def _labels(labels: dict[str, str]) -> dict[str, Any]:
    return {"logging.googleapis.com/labels": labels} if labels else {}
