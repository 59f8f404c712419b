"""Spans whose run's end nobody tells, and spans that have to be sent before the process stands still."""

from __future__ import annotations

import logging
import sys
import threading
from threading import Event, Thread
from time import sleep
from typing import TYPE_CHECKING, Any

import pytest
from core.conftest import steal
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from otel.conftest import attributes, context_of, parent_of, run_into_crash_loop, traces

from flux_core import (
    App,
    Context,
    Engine,
    InputMismatch,
    InvalidInput,
    LeaseLost,
    RunBusy,
    StoreError,
    TraceEvent,
    Workflow,
)
from flux_core._invocation import Invocation
from flux_core._serving.measure import serving
from flux_core.storage import MemoryStorage
from flux_otel import OpenTelemetryTrace, _flush, _spans, _trace
from flux_otel._flush import Flush
from flux_otel._open import OpenAttempt, OpenRun

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExportResult
    from otel.conftest import Telemetry

    from flux_core.storage import Record

Ctx = Context[Any, Any]

LIMIT = 10  # real seconds after which a test gives up


def event(kind: str, run_id: str = "r1", **fields: Any) -> TraceEvent:
    """Return an event, as an engine sends it."""
    return TraceEvent(type=kind, timestamp=1, workflow_id=run_id, workflow_name="order", **fields)


def nothing(ctx: Ctx) -> None:
    """Do nothing."""


def call(sink: OpenTelemetryTrace, run_id: str = "r1") -> None:
    """Call a handler that does nothing, as an engine calls it."""
    with sink.within(Context(id=run_id, workflow="order", step="a", input={}, data={})):
        pass


def test_a_worker_that_lost_its_lease_ends_its_spans(telemetry: Telemetry) -> None:
    """No event says so, and yet somebody wants to see it."""
    store = MemoryStorage()
    workflow = Workflow("order").step("a", lambda ctx: steal(store, ctx.id))
    with pytest.raises(LeaseLost):
        Engine(store, trace=[telemetry.sink()]).execute(workflow, {}, id="r1")
    step, order = telemetry.spans
    assert attributes(step)["flux.worker.lost"] is attributes(order)["flux.worker.lost"] is True
    assert attributes(order)["error.type"] == "LeaseLost"
    assert (step.status.status_code, order.status.status_code) == (StatusCode.UNSET, StatusCode.ERROR)


class Down(MemoryStorage):
    """Takes no step's end."""

    def save(self, record: Record, *, replaces: int) -> None:
        """Refuse it."""
        if record.revision > 2:
            raise StoreError("down")
        super().save(record, replaces=replaces)


@pytest.mark.parametrize("error", ["LeaseLost", "StoreError"])
def test_so_does_one_that_goes_on_with_what_is_due(telemetry: Telemetry, error: str) -> None:
    """A tick goes on with other runs; this one's spans end before that, with the error."""
    store = Down() if error == "StoreError" else MemoryStorage()
    workflow = Workflow("order").step(
        "a", nothing if error == "StoreError" else lambda ctx: steal(store, ctx.id)
    )
    engine = Engine(store, trace=[telemetry.sink()])
    engine.start(workflow, {}, id="r1")
    engine.start(workflow, {}, id="r2")
    assert engine.tick([workflow]).claimed == 0
    spans = telemetry.spans[2:]  # after those of the starts
    assert [span.name for span in spans] == ["a", "order"] * 2
    assert all(attributes(span)["flux.worker.lost"] for span in spans)
    assert [attributes(span)["error.type"] for span in spans if span.name == "order"] == [error] * 2
    assert spans[1].end_time is not None
    assert spans[2].start_time is not None
    assert spans[1].end_time <= spans[2].start_time


def test_a_run_that_another_worker_of_the_process_took_over_is_that_ones(telemetry: Telemetry) -> None:
    """The first worker's spans end when the second begins; that the first one leaves changes nothing."""
    sink = telemetry.sink()
    begun, over = Event(), Event()

    def slow() -> None:
        sink.emit(event("workflow:start", status="running"))
        sink.emit(event("step:start", step_name="a", status="running"))
        call(sink)
        begun.set()
        over.wait(LIMIT)
        sink.left("r1", None)

    first = Thread(target=slow)
    first.start()
    begun.wait(LIMIT)
    sink.emit(event("workflow:resume", status="running"))
    assert [attributes(span)["flux.worker.lost"] for span in telemetry.spans] == [True, True]
    over.set()
    first.join(LIMIT)
    assert len(telemetry.spans) == 2
    sink.emit(event("workflow:complete", status="completed"))
    assert "flux.worker.lost" not in attributes(telemetry.spans[-1])


def test_an_attempt_that_tells_no_end_ends_with_the_next(telemetry: Telemetry) -> None:
    """As one of an engine that breaks off."""
    sink = telemetry.sink()
    sink.emit(event("workflow:start", status="running"))
    for _ in range(2):
        sink.emit(event("step:start", step_name="a", status="running"))
        call(sink)
    sink.emit(event("step:start", step_name="a", status="running"))
    assert len(telemetry.spans) == 2
    sink.emit(event("workflow:suspend", status="suspended"))
    assert [span.name for span in telemetry.spans] == ["a", "a", "order"]


def test_a_condition_after_an_attempt_that_was_not_made_is_asked_within_the_run(telemetry: Telemetry) -> None:
    """Somebody has said what came of the commit just before it was tried again: the next node is looked at."""
    sink = telemetry.sink()
    sink.emit(event("workflow:start", status="running"))
    sink.emit(event("step:start", step_name="charge", status="running"))
    call(sink)  # the condition of step a
    sink.emit(event("workflow:complete", status="completed"))
    assert [span.name for span in telemetry.spans] == ["order"]


def test_progress_may_come_from_a_thread_that_was_left_behind(
    telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its attempt ends at any moment: here, while the sink looks at it."""
    sink = telemetry.sink()
    sink.emit(event("workflow:start", status="running"))
    seen = iter([OpenAttempt("a", "step", telemetry.tracer.start_span("a"))])
    monkeypatch.setattr(OpenRun, "attempt", property(lambda run: next(seen, None)), raising=False)
    sink.emit(event("step:progress", step_name="a", meta={"fraction": 1.0}))


def test_a_run_that_nobody_took_on_has_a_span_with_its_error(telemetry: Telemetry) -> None:
    """It has lost its worker too often, and the spans of those were lost with them: it is in the run's trace."""
    run_into_crash_loop(telemetry)
    _, begun, failed = telemetry.spans
    assert (failed.name, parent_of(failed)) == ("order", context_of(begun).span_id)
    assert (failed.status.status_code, attributes(failed)["error.type"]) == (StatusCode.ERROR, "CrashLoop")
    assert attributes(failed)["flux.run.status"] == "failed"


def test_spans_that_nobody_ends_are_bounded(telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest are cut: nobody says that their workers are lost. So is what is open when the sink is closed."""
    monkeypatch.setattr(_spans, "MOST", 3)
    monkeypatch.setattr(_spans, "MOST_BEGUN", 2)
    sink = telemetry.sink()
    for number in range(5):
        assert sink.traceparent(f"r{number}", "order")
        sink.emit(event("workflow:start", f"r{number}", status="running"))
        assert sink.traceparent(f"s{number}", "order")  # as of a process that ends before it creates the run
    assert [attributes(span)["flux.run.id"] for span in telemetry.spans] == ["r0", "r1"]
    assert len(sink._spans._begun) == 2
    sink.close()
    assert len(telemetry.spans) == 5
    for span in telemetry.spans:
        assert attributes(span)["flux.span.cut"] is True
        assert "flux.worker.lost" not in attributes(span)
    assert not sink._spans._begun


def test_a_start_of_a_run_that_is_there_leaves_no_span(telemetry: Telemetry) -> None:
    """What was begun for it is forgotten when its call returns, and so is that of a run which the store refuses."""
    sink = telemetry.sink()
    workflow = Workflow("order").step("a", nothing)
    engine = Engine(trace=[sink])
    for _ in range(3):
        engine.execute(workflow, {}, id="r1")
        engine.start(workflow, {}, id="r2")
    with pytest.raises(InputMismatch):
        engine.execute(workflow, {"other": "input"}, id="r1")
    assert not sink._spans._begun
    assert [span.name for span in telemetry.spans] == ["a", "order", "order"]


def test_a_start_that_goes_on_with_the_run_resumes_it(telemetry: Telemetry) -> None:
    """What was begun for it is not the resumption's: that is in the run's trace."""
    sink = telemetry.sink()
    engine = Engine(trace=[sink])
    workflow = Workflow("order").step("a", nothing)
    engine.start(workflow, {}, id="r1")
    engine.execute(workflow, {}, id="r1")
    assert not sink._spans._begun
    assert traces(telemetry.spans).most_common() == [(context_of(telemetry.spans[0]).trace_id, 3)]


def test_a_handler_that_starts_its_own_run_does_not_end_its_span(telemetry: Telemetry) -> None:
    """The run is busy, with that handler."""

    def again(ctx: Ctx) -> None:
        with pytest.raises(RunBusy):
            engine.execute(workflow, {}, id=ctx.id)

    engine = Engine(trace=[telemetry.sink()])
    workflow = Workflow("order").step("a", again).step("b", nothing)
    engine.execute(workflow, {}, id="r1")
    assert [span.name for span in telemetry.spans] == ["a", "b", "order"]
    assert attributes(telemetry.span("order"))["flux.run.status"] == "completed"


def test_events_of_runs_that_nobody_began_are_passed_over(telemetry: Telemetry) -> None:
    """As after the sink was closed: nothing is raised, and nothing stays open."""
    sink = telemetry.sink()
    for kind in ("step:start", "step:progress", "signal:received", "workflow:complete"):
        sink.emit(event(kind, step_name="a" if "step" in kind else None, status="running"))
    sink.left("r1", None)
    with sink.within(Context(id="r1", workflow="order", step="a", input={}, data={})):
        assert telemetry.spans == []


def test_an_error_without_a_type_has_the_conventions_name(telemetry: Telemetry) -> None:
    """An engine of another version may not say it."""
    sink = telemetry.sink()
    sink.emit(event("workflow:start", status="running"))
    sink.emit(event("workflow:error", status="failed", error="no"))
    (order,) = telemetry.spans
    assert attributes(order)["error.type"] == "_OTHER"


def test_many_runs_at_the_same_time_keep_apart(telemetry: Telemetry) -> None:
    """Each thread's run is a trace of its own, whole."""
    engine = Engine(trace=[telemetry.sink()])
    workflow = Workflow("order").step("a", nothing).step("b", nothing, timeout=LIMIT)

    def work(name: str) -> None:
        for number in range(10):
            engine.execute(workflow, {}, id=f"{name}-{number}")

    threads = [Thread(target=work, args=(name,)) for name in "wxyz"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT)
    assert sorted(traces(telemetry.spans).values()) == [3] * 40
    for span in telemetry.spans:
        assert (parent_of(span) is None) == (span.name == "order")


class Slow(InMemorySpanExporter):
    """A collector that does not answer until it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.answers = Event()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Wait, and keep them."""
        self.answers.wait(6 * LIMIT)
        return super().export(spans)


@pytest.fixture
def slow() -> Iterator[tuple[Slow, TracerProvider]]:
    """Give a provider that sends in batches, every hour, and where it sends to."""
    exporter = Slow()
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=3_600_000))
    yield exporter, provider
    exporter.answers.set()
    provider.shutdown()


def serve(
    provider: TracerProvider, deadline: float | None, sink: OpenTelemetryTrace | None = None
) -> OpenTelemetryTrace:
    """Serve one invocation, and return the sink."""
    sink = sink or OpenTelemetryTrace(provider)
    app = App([Workflow("order").step("a", nothing)], MemoryStorage(), trace=[sink])
    with serving(app, Invocation({}, deadline)):
        app.execute("order", {})
    return sink


def test_spans_are_sent_before_a_function_is_frozen(slow: tuple[Slow, TracerProvider]) -> None:
    """The platform may stop the process as soon as the invocation has been answered."""
    exporter, provider = slow
    exporter.answers.set()
    serve(provider, deadline=1e12)
    assert [span.name for span in exporter.get_finished_spans()] == ["a", "order"]


def test_a_server_sends_when_its_exporter_does(slow: tuple[Slow, TracerProvider]) -> None:
    """It is not frozen, and no request waits for a collector."""
    exporter, provider = slow
    exporter.answers.set()
    sink = serve(provider, deadline=None)
    assert exporter.get_finished_spans() == ()
    sink.close()
    assert len(exporter.get_finished_spans()) == 2


def test_an_invocation_does_not_wait_for_a_collector_that_is_down(
    slow: tuple[Slow, TracerProvider], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is answered in time, the log says so, and what is to be sent waits once."""
    monkeypatch.setattr(_trace, "PATIENCE", 0.05)
    exporter, provider = slow
    sink = serve(provider, deadline=1e12)
    sink.close()
    said = "spans and metrics are not sent after 0.05 s; does the collector answer?"
    assert [record.getMessage() for record in caplog.records] == [said, said]
    assert [thread.name for thread in threading.enumerate()].count("flux-otel-flush") == 1
    exporter.answers.set()
    sink.close()
    assert len(exporter.get_finished_spans()) == 2


def test_only_one_invocation_waits_for_a_collector_that_is_down(
    slow: tuple[Slow, TracerProvider], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Those after it are answered at once, and theirs is sent when it answers."""
    monkeypatch.setattr(_trace, "PATIENCE", 0.05)
    exporter, provider = slow
    sink = serve(provider, deadline=1e12)
    monkeypatch.setattr(_trace, "PATIENCE", LIMIT)
    serve(provider, deadline=1e12, sink=sink)  # in vain, this would say so too
    assert len(caplog.records) == 1
    exporter.answers.set()
    sink.close()
    assert len(exporter.get_finished_spans()) == 4


def test_once_it_has_taken_too_long_nobody_waits_until_it_answers_in_time(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A function that is called less often than its exporter gives up would else wait at each invocation."""
    now = 1000.0
    answers = Event()

    class Collected:
        needs = 10.0

        def force_flush(self) -> None:
            nonlocal now
            answers.wait(LIMIT)
            now += self.needs

    def begin() -> Thread:
        """Begin to send, in vain; return the thread that does."""
        answers.clear()
        flush(0.001)
        assert flush._thread is not None
        return flush._thread

    def end(thread: Thread, needs: float) -> None:
        """Have a thread end, after so many seconds."""
        provider.needs = needs
        answers.set()
        thread.join(LIMIT)

    monkeypatch.setattr(_flush, "GLANCE", 0.001)
    monkeypatch.setattr(_flush, "monotonic", lambda: now)
    provider = Collected()
    flush = Flush(lambda: [provider])
    end(begin(), needs=10.0)  # the exporter has given up
    assert len(caplog.records) == 1
    end(begin(), needs=0.0)  # which is not waited for, and else would be said
    assert len(caplog.records) == 1
    end(begin(), needs=0.0)  # as the one before was in time
    assert len(caplog.records) == 2


def test_the_flush_that_finds_that_the_collector_answers_again_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """For a moment: in a function that is frozen no other would find it."""
    monkeypatch.setattr(_flush, "GLANCE", LIMIT)
    sent = Event()

    class Collected:
        def force_flush(self) -> None:
            sleep(0.01)
            sent.set()

    flush = Flush(lambda: [Collected()])
    flush._took = 2 * LIMIT
    flush(LIMIT)
    assert sent.is_set()
    assert flush._took < LIMIT


@pytest.mark.parametrize(("left", "waited"), [(100.0, 2.0), (1.0, 0.5), (-1.0, 0.0)])
def test_a_flush_leaves_time_for_the_answer(
    telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch, left: float, waited: float
) -> None:
    """A function that is killed while it waits for a collector would have its work delivered once more."""
    monkeypatch.setattr(_trace, "monotonic", lambda: 1000.0)
    sink = telemetry.sink()
    asked: list[float] = []
    monkeypatch.setattr(sink, "_flush", asked.append)
    with serving(App([Workflow("order").step("a", nothing)], trace=[sink]), Invocation({}, 1000.0 + left)):
        pass
    assert asked == [waited]


class SlowMeters(MeterProvider):
    """Metrics that are not sent until they are let."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = Event()
        self.answers = Event()

    def force_flush(self, timeout_millis: float = 0) -> bool:
        """Wait."""
        self.asked.set()
        return self.answers.wait(LIMIT)


def test_what_ends_while_another_invocations_is_being_sent_is_sent_too(
    slow: tuple[Slow, TracerProvider], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other's flush, at the same time in the same process, is past this one's spans: there is another after it."""
    monkeypatch.setattr(_trace, "PATIENCE", LIMIT)
    exporter, provider = slow
    exporter.answers.set()
    meters = SlowMeters()
    sink = OpenTelemetryTrace(provider, meters)
    other = Thread(target=serve, args=(provider, 1e12, sink))
    other.start()
    assert meters.asked.wait(LIMIT)
    assert len(exporter.get_finished_spans()) == 2
    sending = sink._flush._sending

    def first_answers() -> Thread:  # once this one's run has ended, and found that one at work
        thread = sending()
        meters.answers.set()
        return thread

    monkeypatch.setattr(sink._flush, "_sending", first_answers)
    serve(provider, 1e12, sink)
    other.join(LIMIT)
    assert len(exporter.get_finished_spans()) == 4


def test_a_provider_that_cannot_send_breaks_nothing(
    telemetry: Telemetry, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged, and the other one sends."""

    class Broken(TracerProvider):
        def force_flush(self, timeout_millis: int = 0) -> bool:
            raise RuntimeError(timeout_millis)

    provider = Broken()
    with caplog.at_level(logging.ERROR, "flux"):
        OpenTelemetryTrace(provider, telemetry.meters).close()
    assert [record.getMessage() for record in caplog.records] == ["Broken.force_flush has failed"]
    provider.shutdown()


def test_it_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra is not installed."""
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(InvalidInput, match=r"flux-serverless\[otel\]"):
        OpenTelemetryTrace()
