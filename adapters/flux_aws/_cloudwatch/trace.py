"""The trace in CloudWatch: a log line an event, metrics, and X-Ray subsegments, each through Powertools."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from threading import Lock
from typing import TYPE_CHECKING, Final

from flux_aws._clients import Once
from flux_core import InvalidInput
from flux_core._invocation import CURRENT

if TYPE_CHECKING:
    from flux_aws._cloudwatch.lines import Lines
    from flux_aws._cloudwatch.metrics import Metrics
    from flux_aws._cloudwatch.xray import Subsegments
    from flux_core import TraceEvent
    from flux_core._invocation import Invocation

NEEDS: Final = {"aws_lambda_powertools": "aws-lambda-powertools", "aws_xray_sdk": "aws-xray-sdk"}


class CloudWatchTrace:
    """A trace sink for functions on Lambda; outside of one it works as well, and knows less.

    Each event becomes one line of JSON on standard output, which Lambda hands to CloudWatch Logs: the keys that
    Powertools Logger writes, and the event itself, named as the trace format names its fields, under `flux`. A line
    of more than 256 KiB is shortened, and `flux.shortened` says what was left out.

    Powertools is loaded by the first event, not before. The app's own `Logger`, `Metrics` and `Tracer` are left alone.

    Args:
        service: what lines and metrics call the service; by default `POWERTOOLS_SERVICE_NAME`.
        namespace: the namespace of the metrics.
        metrics: write metrics too, in the embedded metric format. By `service` and `workflow`: `RunStarted`,
            `RunCompleted`, `RunFailed`, `RunRolledBack`, `RunDuration` (milliseconds); by `step` besides:
            `StepDuration` (milliseconds), `StepRetried`.
        tracer: make an X-Ray subsegment of each attempt; it does nothing where Powertools Tracer is off.

    Raises:
        InvalidInput: Powertools or, with a tracer, the X-Ray SDK is not installed.
    """

    def __init__(
        self,
        *,
        service: str | None = None,
        namespace: str = "Flux",
        metrics: bool = True,
        tracer: bool = False,
    ) -> None:
        _check_installed("aws_lambda_powertools", *(["aws_xray_sdk"] if tracer else []))
        self._service = service or os.environ.get("POWERTOOLS_SERVICE_NAME") or "service_undefined"
        self._namespace = namespace
        self._lines = Once(self._make_lines)
        self._metrics = Once(self._make_metrics) if metrics else None
        self._subsegments = Once(_make_subsegments) if tracer else None
        self._lock = Lock()
        self._first: str | None = None

    def emit(self, event: TraceEvent) -> None:
        """Write the event, and what it says in numbers; begin or end its subsegment."""
        written = [self._lines().of(event)]
        if self._metrics:
            written += self._metrics().of(event)
        self._write(written)
        if self._subsegments:
            self._subsegments().follow(event)

    def measure(self, name: str, value: float, *, unit: str, workflow: str | None = None) -> None:
        """Write a metric that no event carries.

        Args:
            name: the metric's name.
            value: what was measured.
            unit: as CloudWatch calls it: `Count`, `Seconds`, `Milliseconds`, ...
            workflow: what it is about; None if that is all workflows.
        """
        if self._metrics:
            self._write(self._metrics().measured(name, value, unit, workflow))

    def begin_invocation(self) -> None:
        """Take note of the invocation being served: the first one is the cold start."""
        if invocation := CURRENT.get():
            self._is_first(invocation)

    def end_invocation(self) -> None:
        """End the subsegments of attempts that have told no end."""
        if self._subsegments and self._subsegments.made:
            self._subsegments.made.end_all()

    def close(self) -> None:
        """Do nothing: standard output is not the sink's own."""

    def _write(self, lines: list[str]) -> None:
        text = "".join(f"{line}\n" for line in lines)
        with self._lock:
            sys.stdout.write(text)
            sys.stdout.flush()

    def _is_first(self, invocation: Invocation) -> bool:
        """Whether it is the first invocation that the sink has seen."""
        if self._first is None:
            self._first = invocation.request_id
        return invocation.request_id == self._first

    def _make_lines(self) -> Lines:
        from flux_aws._cloudwatch.lines import Lines

        return Lines(self._service, self._is_first)

    def _make_metrics(self) -> Metrics:
        from flux_aws._cloudwatch.metrics import Metrics

        return Metrics(self._service, self._namespace)


def _make_subsegments() -> Subsegments:
    from flux_aws._cloudwatch.xray import Subsegments

    return Subsegments()


def _check_installed(*modules: str) -> None:
    missing = [NEEDS[module] for module in modules if find_spec(module) is None]
    if missing:
        raise InvalidInput(f"CloudWatchTrace needs {' and '.join(missing)}: pip install {' '.join(missing)}")
