"""What the tests of flux_otel share: an SDK that keeps spans and metrics in memory, and a sink that feeds it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader, NumberDataPoint
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from flux_core import Context, Engine, Workflow
from flux_core.storage import MemoryStorage
from flux_core.testing import FakeClock
from flux_otel import OpenTelemetryTrace

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from opentelemetry.sdk.metrics.export import Metric
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.sampling import Sampler
    from opentelemetry.trace import SpanContext


class Telemetry:
    """An SDK of the test's own."""

    def __init__(self, sampler: Sampler | None = None) -> None:
        self._exporter = InMemorySpanExporter()
        self._reader = InMemoryMetricReader()
        self.tracers = TracerProvider(sampler)
        self.tracers.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.meters = MeterProvider([self._reader])
        self.tracer = self.tracers.get_tracer("the app's")

    def sink(self, *, data: bool = False) -> OpenTelemetryTrace:
        """Return a sink that feeds it."""
        return OpenTelemetryTrace(self.tracers, self.meters, data=data)

    @property
    def spans(self) -> list[ReadableSpan]:
        """The spans that have ended, in the order in which they did."""
        return [*self._exporter.get_finished_spans()]

    def span(self, name: str) -> ReadableSpan:
        """Return the one span of that name."""
        (span,) = (span for span in self.spans if span.name == name)
        return span

    @property
    def metrics(self) -> dict[str, list[tuple[dict[str, Any], Any]]]:
        """The data points by metric: their attributes, and their value, or how many values there are of what sum."""
        return {
            metric.name: [
                (
                    dict(point.attributes or {}),
                    point.value if isinstance(point, NumberDataPoint) else (point.count, point.sum),
                )
                for point in metric.data.data_points
            ]
            for metric in self._read()
        }

    @property
    def units(self) -> dict[str, str]:
        """The units by metric."""
        return {metric.name: metric.unit or "" for metric in self._read()}

    def bounds(self, name: str) -> Sequence[float]:
        """Return the bounds of that metric's buckets."""
        (metric,) = (metric for metric in self._read() if metric.name == name)
        (point,) = metric.data.data_points
        assert isinstance(point, HistogramDataPoint)
        return point.explicit_bounds

    def _read(self) -> list[Metric]:
        data = self._reader.get_metrics_data()
        resources = data.resource_metrics if data else []
        return [
            metric for resource in resources for scope in resource.scope_metrics for metric in scope.metrics
        ]

    def close(self) -> None:
        """Shut both down."""
        self.tracers.shutdown()
        self.meters.shutdown()


@pytest.fixture
def telemetry() -> Iterator[Telemetry]:
    """Give an SDK."""
    telemetry = Telemetry()
    yield telemetry
    telemetry.close()


def run_into_crash_loop(telemetry: Telemetry) -> None:
    """Run `order` until it fails: its worker is lost in its step, and once is too often."""
    clock = FakeClock()
    engine = Engine(MemoryStorage(), trace=[telemetry.sink()], clock=clock, max_interruptions=1)

    def stop(ctx: Context[Any, Any]) -> None:
        raise KeyboardInterrupt

    workflow = Workflow("order").step("a", stop)
    with pytest.raises(KeyboardInterrupt):
        engine.execute(workflow, {}, id="r1")
    clock.advance(100)
    engine.tick([workflow])


def parent_of(span: ReadableSpan) -> int | None:
    """Return the id of the span above it."""
    return None if span.parent is None else span.parent.span_id


def context_of(span: ReadableSpan) -> SpanContext:
    """Return its place."""
    context: SpanContext | None = span.get_span_context()
    assert context is not None
    return context


def id_of(span: ReadableSpan) -> int:
    """Return the span's id."""
    return context_of(span).span_id


def traces(spans: list[ReadableSpan]) -> Counter[int]:
    """Return how many spans each trace has."""
    return Counter(context_of(span).trace_id for span in spans)


def attributes(span: ReadableSpan) -> dict[str, Any]:
    """Return its attributes."""
    return dict(span.attributes or {})


def notes(span: ReadableSpan) -> list[tuple[str, dict[str, Any]]]:
    """Return its events."""
    return [(event.name, dict(event.attributes or {})) for event in span.events]
