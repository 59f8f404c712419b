"""Where a run's spans stand: in the sender's trace, in one trace across processes, linked to what resumed it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import trace
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import NoOpTracerProvider, SpanKind
from otel.conftest import Telemetry, attributes, context_of, id_of, notes, parent_of, traces

from flux_core import App, AsyncEngine, Context, Engine, Workflow, wait
from flux_core._invocation import Invocation
from flux_core._serving.measure import serving
from flux_core.storage import MemoryStorage
from flux_core.trace import NDJSONTrace
from flux_otel import OpenTelemetryTrace
from flux_otel._places import traceparent_of

if TYPE_CHECKING:
    from pathlib import Path

    from opentelemetry.sdk.trace import ReadableSpan

Ctx = Context[Any, Any]

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SENT = f"00-{TRACE}-{SPAN}-01"


def see(ctx: Ctx) -> str:
    """Return the id of the span that is current."""
    return f"{trace.get_current_span().get_span_context().span_id:016x}"


async def see_later(ctx: Ctx) -> str:
    """Return the id of the span that is current, after others had their turn."""
    await asyncio.sleep(0)
    return see(ctx)


ORDER: Workflow[Any, Any] = Workflow("order").wait("approved").step("ship", see)


def links(span: ReadableSpan) -> list[int]:
    """Return the ids of the spans that it is linked to."""
    return [link.context.span_id for link in span.links]


def app(telemetry: Telemetry, store: MemoryStorage, *workflows: Workflow[Any, Any]) -> App:
    """Return the app as another process would have it: with a sink of its own."""
    return App([*workflows] or [ORDER], store, trace=[telemetry.sink()])


@pytest.fixture
def store() -> MemoryStorage:
    """Give a store that both processes use."""
    return MemoryStorage()


@pytest.mark.parametrize("timeout", [None, 30])
@pytest.mark.parametrize("handler", [see, see_later])
def test_a_handler_is_called_within_its_attempt(
    telemetry: Telemetry, handler: Any, timeout: float | None
) -> None:
    """An instrumented client that it calls goes on with the trace: inline, in a thread, on the engine's loop."""
    with Engine(trace=[telemetry.sink()]) as engine:
        result = engine.execute(Workflow("order").step("ship", handler, timeout=timeout), {})
    assert int(result.results["ship"], 16) == id_of(telemetry.span("ship"))
    assert not trace.get_current_span().get_span_context().is_valid


@pytest.mark.parametrize("timeout", [None, 30])
@pytest.mark.parametrize("handler", [see, see_later])
def test_so_is_one_of_an_async_engine(telemetry: Telemetry, handler: Any, timeout: float | None) -> None:
    """Runs of one event loop, all at the same time, have a trace each."""

    async def main() -> list[Any]:
        engine = AsyncEngine(trace=[telemetry.sink()])
        workflow = Workflow("order").step("ship", handler, timeout=timeout)
        results = await asyncio.gather(
            *(engine.execute(workflow, {}, id=f"r{number}") for number in range(5))
        )
        return [(result.id, int(result.results["ship"], 16)) for result in results]

    seen = asyncio.run(main())
    ships = [span for span in telemetry.spans if span.name == "ship"]
    assert sorted(seen) == sorted((attributes(span)["flux.run.id"], id_of(span)) for span in ships)
    assert sorted(traces(telemetry.spans).values()) == [2] * 5


def test_a_condition_is_asked_within_the_run(telemetry: Telemetry) -> None:
    """There is no attempt yet."""
    seen: list[str] = []

    def holds(ctx: Ctx) -> bool:
        seen.append(see(ctx))
        return True

    workflow = Workflow("order").step("ship", see, when=holds)
    Engine(trace=[telemetry.sink()]).execute(workflow, {})
    assert int(seen[0], 16) == id_of(telemetry.span("order"))


def test_a_run_is_below_the_span_that_is_open_where_it_is_started(telemetry: Telemetry) -> None:
    """An app that is instrumented itself sees what its requests have started."""
    with telemetry.tracer.start_as_current_span("request"):
        Engine(trace=[telemetry.sink()]).execute(Workflow("order").step("ship", see), {})
    order = telemetry.span("order")
    assert parent_of(order) == id_of(telemetry.span("request"))
    assert (order.kind, links(order)) == (SpanKind.INTERNAL, [])


def test_a_run_goes_on_with_the_senders_trace(telemetry: Telemetry, store: MemoryStorage) -> None:
    """The function was called with a `traceparent`; its request's id is said too."""
    orders = app(telemetry, store, Workflow("order").step("ship", see))
    with serving(orders, Invocation({}, request_id="q-7", traceparent=SENT)):
        orders.execute("order", {}, id="r1")
    order = telemetry.span("order")
    assert (f"{context_of(order).trace_id:032x}", parent_of(order)) == (TRACE, int(SPAN, 16))
    assert (order.kind, attributes(order)["faas.invocation_id"]) == (SpanKind.CONSUMER, "q-7")


def test_a_trace_that_the_sender_does_not_keep_is_not_kept(
    telemetry: Telemetry, store: MemoryStorage
) -> None:
    """Nor are the spans of whoever resumes the run: what is stored with it says so."""
    orders = app(telemetry, store)
    with serving(orders, Invocation({}, traceparent=f"{SENT[:-2]}00")):
        orders.execute("order", {}, id="r1")
    app(telemetry, store).signal("order", "r1", "approved")
    assert telemetry.spans == []


@pytest.mark.parametrize("kept", [0, 1])
def test_a_sampler_decides_on_a_run_whose_sender_is_not_kept(store: MemoryStorage, kept: int) -> None:
    """A platform that marks most of its requests as not kept does not decide for the app; nor does whoever resumes."""
    sampler = TraceIdRatioBased(kept)
    telemetry = Telemetry(ParentBased(sampler, remote_parent_not_sampled=sampler))
    orders = app(telemetry, store)
    with serving(orders, Invocation({}, traceparent=f"{SENT[:-2]}00")):
        orders.execute("order", {}, id="r1")
    app(telemetry, store).signal("order", "r1", "approved")
    assert [span.name for span in telemetry.spans] == ["order", "ship", "order"] * kept
    telemetry.close()


def test_a_span_in_the_senders_trace_is_nearer(telemetry: Telemetry, store: MemoryStorage) -> None:
    """The app's own instrumentation has taken the trace up already."""
    orders = app(telemetry, store, Workflow("order").step("ship", see))
    with serving(orders, Invocation({}, traceparent=SENT)):
        sampled = trace.TraceFlags(trace.TraceFlags.SAMPLED)
        sender = trace.SpanContext(int(TRACE, 16), int(SPAN, 16), is_remote=True, trace_flags=sampled)
        above = trace.set_span_in_context(trace.NonRecordingSpan(sender))
        with telemetry.tracer.start_as_current_span("request", context=above):
            orders.execute("order", {}, id="r1")
    order = telemetry.span("order")
    assert (parent_of(order), links(order)) == (id_of(telemetry.span("request")), [])


def test_a_span_of_another_trace_is_linked(telemetry: Telemetry, store: MemoryStorage) -> None:
    """Both are kept: the sender's trace is gone on with, and what serves the message is linked."""
    orders = app(telemetry, store, Workflow("order").step("ship", see))
    with (
        serving(orders, Invocation({}, traceparent=SENT)),
        telemetry.tracer.start_as_current_span("invocation"),
    ):
        orders.execute("order", {}, id="r1")
    order = telemetry.span("order")
    assert (parent_of(order), links(order)) == (int(SPAN, 16), [id_of(telemetry.span("invocation"))])


def test_a_run_that_a_handler_starts_is_below_its_attempt(telemetry: Telemetry, store: MemoryStorage) -> None:
    """Whoever sent what the function serves is further away."""
    inner = Workflow("invoice").step("print", see)
    outer = Workflow("order").step("bill", lambda ctx: orders.execute("invoice", {}).id)
    orders = app(telemetry, store, outer, inner)
    orders.start("order", {}, id="r1")
    with serving(orders, Invocation({}, traceparent=SENT)):
        orders.resume("order", "r1")
    assert parent_of(telemetry.span("invoice")) == id_of(telemetry.span("bill"))


def test_a_run_is_one_trace_across_processes(telemetry: Telemetry, store: MemoryStorage) -> None:
    """What resumes it is another trace, and is linked; the place is stored with the run."""
    first = app(telemetry, store)
    with telemetry.tracer.start_as_current_span("order form"):
        first.execute("order", {}, id="r1")
    begun = telemetry.span("order")
    with telemetry.tracer.start_as_current_span("approval"):
        app(telemetry, store).signal("order", "r1", "approved")
    resumed = telemetry.spans[-2]
    approval = telemetry.span("approval")
    run = first.get("r1")
    assert run is not None
    assert run.traceparent == traceparent_of(context_of(begun))
    assert (resumed.name, parent_of(resumed), resumed.kind) == ("order", id_of(begun), SpanKind.CONSUMER)
    assert links(resumed) == [id_of(approval)]
    assert parent_of(telemetry.span("ship")) == id_of(resumed)
    assert sorted(traces(telemetry.spans).values()) == [1, 4]


def test_a_span_ends_with_the_wait(telemetry: Telemetry, store: MemoryStorage) -> None:
    """Nobody works on the run while it waits; the wait and its end are events."""
    app(telemetry, store).execute("order", {}, id="r1")
    begun = telemetry.span("order")
    assert attributes(begun)["flux.run.status"] == "suspended"
    assert notes(begun) == [
        (
            "flux.step.suspend",
            {"flux.step.name": "approved", "flux.step.index": 0, "flux.signal.name": "approved"},
        )
    ]
    with telemetry.tracer.start_as_current_span("approval"):
        app(telemetry, store).signal("order", "r1", "approved", {"by": "ann"})
    resumed = telemetry.spans[-2]
    assert notes(telemetry.span("approval")) == [("flux.signal.received", {"flux.signal.name": "approved"})]
    assert notes(resumed) == [("flux.step.complete", {"flux.step.name": "approved", "flux.step.index": 0})]


def test_a_handler_that_waits_ends_its_attempt(telemetry: Telemetry, store: MemoryStorage) -> None:
    """Both the attempt's span and the run's end there."""
    workflow = Workflow("order").step("ask", lambda ctx: wait("answer"))
    app(telemetry, store, workflow).execute("order", {}, id="r1")
    assert [span.name for span in telemetry.spans] == ["ask", "order"]
    assert [name for name, _ in notes(telemetry.span("order"))] == ["flux.step.suspend"]


def test_a_run_that_is_left_to_others_ends_its_span_at_once(
    telemetry: Telemetry, store: MemoryStorage
) -> None:
    """It was saved, and nothing more; what runs it is in the same trace, and linked to nothing if nothing is open."""
    orders = app(telemetry, store, Workflow("order").step("ship", see))
    orders.start("order", {}, id="r1")
    (begun,) = telemetry.spans
    assert attributes(begun)["flux.run.status"] == "pending"
    app(telemetry, store, Workflow("order").step("ship", see)).tick()
    ship, resumed = telemetry.spans[1:]
    assert (parent_of(resumed), links(resumed), parent_of(ship)) == (id_of(begun), [], id_of(resumed))


def test_a_retry_says_where_it_goes_back_to(telemetry: Telemetry, store: MemoryStorage) -> None:
    """The run's second span is of what a person has asked for."""
    broken = [True]

    def ship(ctx: Ctx) -> None:
        if broken:
            raise ConnectionError(broken.pop())

    workflow = Workflow("order").step("pack", see).step("ship", ship)
    orders = app(telemetry, store, workflow)
    orders.execute("order", {}, id="r1")
    orders.retry_step("order", "r1", "ship")
    first, second = (span for span in telemetry.spans if span.name == "order")
    assert (parent_of(second), attributes(second)["flux.run.from_step"]) == (id_of(first), 1)


def test_an_event_that_is_delivered_again_makes_no_span(telemetry: Telemetry, store: MemoryStorage) -> None:
    """The run was there, and had ended: nothing was done."""
    orders = app(telemetry, store, Workflow("order").step("ship", see))
    for _ in range(3):
        orders.execute("order", {}, id="r1")
    assert len(telemetry.spans) == 2


def test_a_run_whose_place_is_anothers_is_below_that(
    telemetry: Telemetry, store: MemoryStorage, tmp_path: Path
) -> None:
    """The first sink that gives a place wins; the runs of before this sink have none."""

    class Elsewhere(NDJSONTrace):
        def traceparent(self, run_id: str, workflow: str) -> str:
            return SENT

    workflow = Workflow("order").step("ship", see)
    orders = App([workflow], store, trace=[Elsewhere(tmp_path / "trace.ndjson"), telemetry.sink()])
    orders.execute("order", {}, id="r1")
    assert parent_of(telemetry.span("order")) == int(SPAN, 16)
    orders.close()


def test_a_run_from_before_the_sink_gets_a_trace_of_its_own(
    telemetry: Telemetry, store: MemoryStorage
) -> None:
    """It has no place stored: it is below what resumes it."""
    App([ORDER], store).execute("order", {}, id="r1")
    with telemetry.tracer.start_as_current_span("approval"):
        app(telemetry, store).signal("order", "r1", "approved")
    order = telemetry.span("order")
    assert (parent_of(order), links(order)) == (id_of(telemetry.span("approval")), [])


def test_without_an_sdk_the_senders_place_is_handed_on(store: MemoryStorage) -> None:
    """OpenTelemetry's API alone makes no spans, and loses no trace."""
    sink = OpenTelemetryTrace(NoOpTracerProvider(), NoOpMeterProvider())
    orders = App([Workflow("order").step("ship", see)], store, trace=[sink])
    with serving(orders, Invocation({}, deadline=1e9, traceparent=SENT)):
        sent = orders.execute("order", {}, id="r1")
    alone = orders.execute("order", {}, id="r2")
    assert sent.results == {"ship": SPAN}
    assert orders.get("r1").traceparent == SENT  # type: ignore[union-attr]
    assert orders.get("r2").traceparent is None  # type: ignore[union-attr]
    assert alone.results == {"ship": "0" * 16}
    orders.close()
