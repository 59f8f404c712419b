"""The trace sink: it hands what happens to runs to OpenTelemetry, as spans and as metrics."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Final

from flux_core import InvalidInput, __version__
from flux_core._invocation import CURRENT

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from typing import Any

    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

    from flux_core import Context, TraceEvent

SCOPE: Final = "flux_otel"
"""What OpenTelemetry knows the spans' and metrics' maker by."""
PATIENCE: Final = 2.0
"""Seconds for which an invocation of a function waits at its end until its spans have been sent, at most."""


class OpenTelemetryTrace:
    """A trace sink that makes spans and metrics through OpenTelemetry's API; what becomes of them the SDK says.

    A run is one trace, however many processes take it on: a span for each stretch in which a worker has it, named for
    its workflow, and below it a span for each attempt and each compensation, named for the step. The first of a run is
    below the span that is open where it is started, or below that of the sender whose `traceparent` the request or
    message carries; each later one is below the first, and has a link to whatever resumed the run. A handler is
    called within its attempt's span, so that clients and loggers which are instrumented go on with the trace.

    Metrics: `flux.run.started` and `flux.runs` (runs that have ended or rest, by `flux.run.status`),
    `flux.run.duration` (from creation to the end), `flux.step.duration` (of an attempt), `flux.step.retries`,
    `flux.due.lag` (how late the run is that is due for longest), `flux.lease.lost`; durations are in seconds.

    Args:
        tracer_provider: makes the spans; by default OpenTelemetry's global one, even if that is set later.
        meter_provider: makes the metrics; by default the global one.
        data: put input, data, outputs and payloads into spans, as JSON of at most 4,096 characters each, without what
            the app's `redact` names. Error messages are there in any case.

    Raises:
        InvalidInput: opentelemetry-api is not installed.
    """

    def __init__(
        self,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        *,
        data: bool = False,
    ) -> None:
        try:
            from opentelemetry import metrics, trace
        except ImportError as error:
            raise InvalidInput(
                "OpenTelemetryTrace needs opentelemetry-api: pip install 'flux-serverless[otel]'"
            ) from error

        from flux_otel._flush import Flush
        from flux_otel._metrics import Metrics
        from flux_otel._spans import Spans

        self._spans = Spans(trace.get_tracer(SCOPE, __version__, tracer_provider), data=data)
        self._metrics = Metrics(metrics.get_meter(SCOPE, __version__, meter_provider))
        self._flush = Flush(
            lambda: (
                tracer_provider or trace.get_tracer_provider(),
                meter_provider or metrics.get_meter_provider(),
            )
        )

    def traceparent(self, run_id: str, workflow: str) -> str | None:
        """Begin the span of a run that is about to be created, and return its place, to be saved with the run."""
        return self._spans.begin(run_id, workflow)

    def emit(self, event: TraceEvent) -> None:
        """Begin, end or add to the span that the event is about, and count."""
        tried = self._spans.follow(event)
        self._metrics.count(event)
        if tried is not None:
            self._metrics.time(event, tried)

    def measure(self, name: str, value: float, *, unit: str, workflow: str | None = None) -> None:
        """Take a number that no event carries.

        Args:
            name: the measurement's name, as in `DueAge`.
            value: what was measured.
            unit: `Count`, `Seconds` or `Milliseconds`.
            workflow: what it is about; None if that is all workflows.
        """
        self._metrics.measure(name, value, unit, workflow)

    def within(self, context: Context[Any, Any]) -> AbstractContextManager[None]:
        """Have a handler called within the span of its attempt, a condition within that of its run."""
        return self._spans.within(context)

    def left(self, run_id: str, error: BaseException | None) -> None:
        """End the spans of a run that its worker could not bring to an end: its lease was lost, the store is down.

        What was begun for a run that was there already is forgotten.
        """
        self._spans.left(run_id, error)

    def end_invocation(self) -> None:
        """Send what there is, if the platform may freeze the function now; a server's exporter has its own time."""
        invocation = CURRENT.get()
        if invocation is not None and invocation.deadline is not None:
            left = max(0.0, invocation.deadline - monotonic())
            self._flush(min(PATIENCE, left / 2))  # the other half is for the answer

    def close(self) -> None:
        """End the spans that are open, and send what there is; the providers are the app's own, and stay open."""
        self._spans.end_all()
        self._flush(PATIENCE, last=True)
