"""An app that exports its runs by OTLP, as a process: `python orders.py STORE (start TRACEPARENT | approve)`.

Its carrier is asked over HTTP, at the collector, by a client that goes on with the trace.
"""

from __future__ import annotations

import os
import sys
from typing import Any
from urllib.request import Request, urlopen

from opentelemetry import metrics, propagate, trace
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from flux_core import App, Context, Retry, Workflow
from flux_core._invocation import Invocation
from flux_core._serving.measure import measure, serving
from flux_core.storage import SQLiteStorage
from flux_otel import OpenTelemetryTrace, _trace

vars(_trace).update(PATIENCE=30.0)  # a computer that is busy with other tests is no collector that is down


def charge(ctx: Context[Any, Any]) -> None:
    """Fail, the first time."""
    if ctx.attempt == 1:
        raise ConnectionError("the bank is away")


def ship(ctx: Context[Any, Any]) -> None:
    """Ask the carrier."""
    headers: dict[str, str] = {}
    propagate.inject(headers)  # as an instrumented client does
    carrier = f"{os.environ['OTEL_EXPORTER_OTLP_ENDPOINT']}/parcels"
    urlopen(Request(carrier, data=b"", headers=headers), timeout=30).close()  # noqa: S310 (it is http)


def main(store: str, what: str, traceparent: str | None = None) -> None:
    """Serve one invocation; what it did has been sent when it ends, though nothing is shut down."""
    tracers = TracerProvider()
    tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(), schedule_delay_millis=3_600_000))
    trace.set_tracer_provider(tracers)
    reader = PeriodicExportingMetricReader(OTLPMetricExporter(), export_interval_millis=3_600_000)
    metrics.set_meter_provider(MeterProvider([reader]))

    order = (
        Workflow("order")
        .commit("charge", charge, retries=Retry(1, initial=0.0))
        .wait("approved")
        .commit("ship", ship)
    )
    app = App([order], SQLiteStorage(store), trace=[OpenTelemetryTrace()])
    with serving(app, Invocation({}, deadline=1e12, request_id=f"q-{what}", traceparent=traceparent)):
        if what == "start":
            app.execute("order", {}, id="r1")
            measure(app, "DueAge", 0.25, unit="Seconds")
        else:
            with trace.get_tracer("shop").start_as_current_span("approval"):
                app.signal("order", "r1", "approved")
    os._exit(0)  # the platform freezes it there: nobody sends anything any more


if __name__ == "__main__":
    main(*sys.argv[1:])
