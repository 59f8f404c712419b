"""The metrics: what events and measurements say in numbers."""

from __future__ import annotations

import re
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from flux_otel._attributes import ERROR_TYPE, KIND, STATUS, STEP, WORKFLOW, clean, ends

if TYPE_CHECKING:
    from opentelemetry.metrics import Meter

    from flux_core import TraceEvent
    from flux_otel._attributes import Attributes
    from flux_otel._open import Tried

OF_STEPS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600)
"""The bounds of the buckets that attempts are sorted into, in seconds; OpenTelemetry's own are for milliseconds."""
OF_RUNS: Final = (*OF_STEPS, 21_600, 86_400, 604_800, 2_592_000)
"""Those of runs, which may wait for hours, days, weeks."""
KNOWN: Final = {
    "DueAge": ("flux.due.lag", "s", "How late the run is that is due for longest."),
    "LeaseLost": ("flux.lease.lost", "{lease}", "Leases that workers have lost."),
}
"""The name, unit and description of measurements."""
UNITS: Final = {"Seconds": "s", "Milliseconds": "ms"}
"""Units of others as OpenTelemetry writes them: https://ucum.org."""


class Metrics:
    """Counts runs and retries, times runs and attempts.

    Args:
        meter: makes the instruments.
    """

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._started = meter.create_counter("flux.run.started", "{run}", "Runs that were created.")
        self._runs = meter.create_counter(
            "flux.runs", "{run}", "Runs that have ended, or that nobody needs to hold, by status."
        )
        self._run = meter.create_histogram(
            "flux.run.duration",
            "s",
            "Time from the creation of a run to its end.",
            explicit_bucket_boundaries_advisory=OF_RUNS,
        )
        self._step = meter.create_histogram(
            "flux.step.duration",
            "s",
            "Time that an attempt of a step took.",
            explicit_bucket_boundaries_advisory=OF_STEPS,
        )
        self._retries = meter.create_counter(
            "flux.step.retries", "{retry}", "Attempts that failed and are made again."
        )
        self._measured: dict[str, Any] = {}
        self._lock = Lock()

    def count(self, event: TraceEvent) -> None:
        """Count what the event is about."""
        about = _about(event.workflow_name)
        if event.type == "workflow:start":
            self._started.add(1, about)
        elif event.type == "step:retry":
            self._retries.add(1, about | {STEP: clean(event.step_name or "")})
        elif ends(event):
            by_status = about | {STATUS: event.status or ""}
            self._runs.add(1, by_status)
            if event.type != "workflow:suspend" and event.duration is not None:
                self._run.record(event.duration / 1000, by_status)

    def time(self, event: TraceEvent, tried: Tried) -> None:
        """Take the time of an attempt that has ended with the event."""
        about = _about(event.workflow_name) | {STEP: clean(event.step_name or ""), KIND: tried.kind}
        self._step.record(tried.seconds, about if tried.error is None else about | {ERROR_TYPE: tried.error})

    def measure(self, name: str, value: float, unit: str, workflow: str | None) -> None:
        """Take a measurement: what is counted is added up, of anything else the last value stands."""
        about = {} if workflow is None else _about(workflow)
        instrument = self._instrument(name, unit)
        (instrument.add if unit == "Count" else instrument.set)(value, about)

    def _instrument(self, name: str, unit: str) -> Any:
        """Return the counter or the gauge of a measurement; it is made by the first one."""
        with self._lock:
            if name not in self._measured:
                words = re.sub("(?<=[a-z])(?=[A-Z])", "_", name).lower()
                make = self._meter.create_counter if unit == "Count" else self._meter.create_gauge
                self._measured[name] = make(*KNOWN.get(name, (f"flux.{words}", UNITS.get(unit, "1"))))
            return self._measured[name]


def _about(workflow: str) -> Attributes:
    return {WORKFLOW: clean(workflow)}
