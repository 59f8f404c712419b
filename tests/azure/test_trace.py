"""The trace reaches Application Insights, with attributes and its place in a trace where OpenTelemetry carries it."""

from __future__ import annotations

import json
import logging
import sys
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider

import flux_azure
from flux_azure import _trace_context
from flux_azure._trace import LONGEST
from flux_core import App, Context, Fatal, TraceEvent, Workflow
from flux_core.storage import MemoryStorage

from .triggers import SPAN, TRACE, context, functions, request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from opentelemetry.sdk._logs import ReadableLogRecord

TRACER = TracerProvider().get_tracer("tests")


class Collector:
    """OpenTelemetry, as a function app has it collect its logs."""

    def __init__(self) -> None:
        self._exporter = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]
        provider = LoggerProvider()
        provider.add_log_record_processor(SimpleLogRecordProcessor(self._exporter))
        self.handler = LoggingHandler(logger_provider=provider)

    @property
    def records(self) -> list[ReadableLogRecord]:
        """What was exported of the trace."""
        return [
            record
            for record in self._exporter.get_finished_logs()
            if record.instrumentation_scope is not None and record.instrumentation_scope.name == "flux.trace"
        ]


@pytest.fixture
def collector() -> Iterator[Collector]:
    """OpenTelemetry on the root logger."""
    with pytest.warns(
        DeprecationWarning, match="LoggingHandler"
    ):  # of its place; Azure's distribution uses it
        collector = Collector()
    logging.getLogger().addHandler(collector.handler)
    yield collector
    logging.getLogger().removeHandler(collector.handler)


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """Leave the logger and what is known of OpenTelemetry as they were."""
    logger = logging.getLogger("flux.trace")
    level = logger.level
    _trace_context._open_telemetry.cache_clear()
    yield
    logger.setLevel(level)
    _trace_context._open_telemetry.cache_clear()


def fail(ctx: Context[Any, Any]) -> None:
    """Fail, the second time for good."""
    raise ConnectionError("carrier") if ctx.attempt == 1 else Fatal("no such street")


def run(*, traceparent: str = f"00-{TRACE}-{SPAN}-01", then: Callable[[Any], Any] = fail) -> None:
    """Have an invocation run a workflow of one step."""
    workflow = Workflow("ship").step("send", then, retries=1)
    app = App([workflow], MemoryStorage(), trace=[flux_azure.AppInsightsTrace()], max_inline_wait=0)
    called = functions(flux_azure.blueprint(app, http="ship"))["http_ship"]
    called(request({}, headers={"Idempotency-Key": "r1"}), context(traceparent=traceparent))


def event(**fields: Any) -> TraceEvent:
    """Return an event."""
    return TraceEvent(type="step:complete", timestamp=1_000, workflow_id="r1", workflow_name="ship", **fields)


def test_an_event_is_a_record_with_flat_attributes(collector: Collector) -> None:
    """One searches by them, whatever the text is."""
    flux_azure.AppInsightsTrace().emit(
        event(step_name="send", retries=2, duration=12, status="completed", error="late", input={"a": 1})
    )
    (record,) = collector.records
    said = {
        name: value for name, value in (record.log_record.attributes or {}).items() if "code." not in name
    }

    assert said == {
        "event.name": "flux.step.complete",
        "flux.workflow.name": "ship",
        "flux.run.id": "r1",
        "flux.step.name": "send",
        "flux.step.attempt": 3,
        "flux.status": "completed",
        "flux.duration": 12,
        "error.message": "late",
    }


def test_the_text_is_the_event(collector: Collector) -> None:
    """It is JSON, in a few words and whole, so that it is enough where only text is forwarded."""
    happened = event(step_name="send", input={"order": "o_1"})
    flux_azure.AppInsightsTrace().emit(happened)
    (record,) = collector.records

    assert json.loads(str(record.log_record.body)) == {
        "message": "step:complete r1 send",
        "flux": happened.to_dict(),
    }


def test_the_severity_is_the_events(collector: Collector) -> None:
    """What failed is an error, what is tried again a warning."""
    run()
    severities = {
        str((record.log_record.attributes or {})["event.name"]): record.log_record.severity_text
        for record in collector.records
    }

    assert severities["flux.workflow.start"] == "INFO"
    assert severities["flux.step.retry"] == "WARN"


def test_records_belong_to_the_trace_of_the_invocation(collector: Collector) -> None:
    """The trace and the span are those that the host says."""
    run()
    ids = {(record.log_record.trace_id, record.log_record.span_id) for record in collector.records}

    assert ids == {(int(TRACE, 16), int(SPAN, 16))}


def test_a_span_of_the_apps_own_is_nearer(collector: Collector) -> None:
    """Where one is open, records belong to it."""
    sink = flux_azure.AppInsightsTrace()

    def emit(ctx: Context[Any, Any]) -> None:
        with TRACER.start_as_current_span("mine") as span:
            sink.emit(event())
            seen.append(span.get_span_context().span_id)

    seen: list[int] = []
    run(then=emit)
    (own,) = [record for record in collector.records if record.log_record.span_id == seen[0]]

    assert "step:complete r1" in str(own.log_record.body)


@pytest.mark.parametrize("traceparent", ["", "not-a-trace"])
def test_without_a_trace_records_belong_to_none(collector: Collector, traceparent: str) -> None:
    """An invocation of which the host says nothing is traced all the same."""
    run(traceparent=traceparent)

    assert {record.log_record.trace_id for record in collector.records} == {0}


def test_outside_of_an_invocation_it_works_as_well(collector: Collector) -> None:
    """A command or a test that runs the app has its trace."""
    app = App(
        [Workflow("w").step("s", lambda ctx: 1)], MemoryStorage(), trace=[flux_azure.AppInsightsTrace()]
    )
    app.execute("w", {})

    assert len(collector.records) == 4


def test_without_open_telemetry_the_ids_are_fields(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The records go through logging as they would, and say by themselves which trace they belong to."""
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    run()
    records: list[Any] = [record for record in caplog.records if record.name == "flux.trace"]

    assert {(record.trace_id, record.span_id) for record in records} == {(TRACE, SPAN)}
    assert json.loads(records[0].getMessage())["flux"]["type"] == "workflow:start"


def test_a_long_event_is_shortened(caplog: pytest.LogCaptureFixture) -> None:
    """Application Insights would cut it off in the middle of the JSON."""
    flux_azure.AppInsightsTrace().emit(event(input={"text": "x" * 100_000}))
    text = caplog.records[0].getMessage()

    assert len(text.encode()) <= LONGEST
    assert json.loads(text)["flux"]["shortened"] == {"input": 100_011}


def test_a_measurement_is_a_record(collector: Collector) -> None:
    """An alert finds it by the text or, with OpenTelemetry, by its attributes."""
    sink = flux_azure.AppInsightsTrace()
    sink.measure("DueAge", 12.5, unit="Seconds")
    sink.measure("LeaseLost", 1, unit="Count", workflow="ship")
    said = [
        (
            json.loads(str(record.log_record.body)),
            (record.log_record.attributes or {}).get("flux.workflow.name"),
        )
        for record in collector.records
    ]

    assert said == [
        (
            {
                "message": "DueAge 12.5 Seconds",
                "flux": {"metric": "DueAge", "value": 12.5, "unit": "Seconds"},
            },
            None,
        ),
        (
            {
                "message": "LeaseLost 1 Count",
                "flux": {"metric": "LeaseLost", "value": 1, "unit": "Count", "workflowName": "ship"},
            },
            "ship",
        ),
    ]


def test_the_apps_own_level_stands(caplog: pytest.LogCaptureFixture) -> None:
    """An app that wants errors alone has set the logger's level."""
    logging.getLogger("flux.trace").setLevel(logging.ERROR)
    sink = flux_azure.AppInsightsTrace()
    sink.emit(event())
    sink.close()

    assert caplog.records == []
