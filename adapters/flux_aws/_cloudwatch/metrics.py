"""What trace events say in numbers, in CloudWatch's embedded metric format."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, NamedTuple

from aws_lambda_powertools.metrics import EphemeralMetrics
from aws_lambda_powertools.metrics.functions import is_metrics_disabled

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flux_core import TraceEvent


class Measure(NamedTuple):
    """One metric that an event carries: it counts 1 or, if it is timed, the event's duration."""

    name: str
    timed: bool = False


RUN_DURATION: Final = Measure("RunDuration", timed=True)
OF_EVENT: Final[Mapping[str, tuple[Measure, ...]]] = {
    "workflow:start": (Measure("RunStarted"),),
    "workflow:complete": (Measure("RunCompleted"), RUN_DURATION),
    "workflow:error": (Measure("RunFailed"), RUN_DURATION),
    "workflow:rollback_complete": (Measure("RunRolledBack"), RUN_DURATION),
    "step:complete": (Measure("StepDuration", timed=True),),
    "step:retry": (Measure("StepRetried"),),
}


class Metrics:
    """Writes metrics as lines, each with its own dimensions and none shared with the app's own metrics.

    Args:
        service: the dimension `service` of every metric.
        namespace: the namespace of all of them.
    """

    def __init__(self, service: str, namespace: str) -> None:
        self._service = service
        self._namespace = namespace

    def of(self, event: TraceEvent) -> list[str]:
        """Return the line of what the event carries, or none."""
        # A run that rolls back has not ended yet: it counts as rolled back, or as failed, when it has.
        measures = () if event.status == "rolling_back" else OF_EVENT.get(event.type, ())
        values = {
            measure.name: ("Milliseconds", event.duration or 0) if measure.timed else ("Count", 1)
            for measure in measures
        }
        return self._written(values, workflow=event.workflow_name, step=event.step_name)

    def measured(self, name: str, value: float, unit: str, workflow: str | None) -> list[str]:
        """Return the line of a metric that no event carries."""
        return self._written({name: (unit, value)}, workflow=workflow)

    def _written(self, values: Mapping[str, tuple[str, float]], **dimensions: str | None) -> list[str]:
        if not values or is_metrics_disabled():
            return []
        metrics = EphemeralMetrics(namespace=self._namespace, service=self._service)
        metrics.add_dimension("service", _ascii(self._service))
        for dimension, named in dimensions.items():
            if named is not None:
                metrics.add_dimension(dimension, _ascii(named))
        for name, (unit, value) in values.items():
            metrics.add_metric(name, unit, value)
        return [json.dumps(metrics.serialize_metric_set(), separators=(",", ":"))]


def _ascii(text: str) -> str:
    """Return what CloudWatch takes as a dimension's value."""
    return text.encode("ascii", "backslashreplace").decode()
