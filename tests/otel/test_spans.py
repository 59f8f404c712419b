"""A run as spans: one for the run, one for each attempt below it, and what they say."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.trace import SpanKind, StatusCode
from otel.conftest import attributes, id_of, notes, parent_of, traces

from flux_core import Context, Engine, Fatal, Retry, Workflow
from flux_core.storage import MemoryStorage
from flux_core.testing import FakeClock

if TYPE_CHECKING:
    from otel.conftest import Telemetry

    from flux_core.storage import Record

Ctx = Context[Any, Any]

AT_ONCE = Retry(1, initial=0.0)


def work(ctx: Ctx) -> str:
    """Change something."""
    ctx.data["done"] = True
    return "out"


def fail_once(ctx: Ctx) -> None:
    """Fail, the first time."""
    if ctx.attempt == 1:
        raise ConnectionError("carrier is away")


def fail(ctx: Ctx) -> None:
    """Fail for good."""
    raise Fatal("no such street")


def run(telemetry: Telemetry, workflow: Workflow[Any, Any], given: Any = None, **options: Any) -> str:
    """Take a run through, and return its status."""
    with Engine(trace=[telemetry.sink(**options)]) as engine:
        return engine.execute(workflow, given or {}, id="r1").status


def test_a_run_is_a_span_with_its_attempts_below(telemetry: Telemetry) -> None:
    """They are one trace, and named for the workflow and for the steps."""
    run(telemetry, Workflow("order").step("validate", work).commit("charge", work))
    validate, charge, order = telemetry.spans
    assert [span.name for span in telemetry.spans] == ["validate", "charge", "order"]
    assert (parent_of(validate), parent_of(charge), parent_of(order)) == (id_of(order), id_of(order), None)
    assert len(traces(telemetry.spans)) == 1
    assert {span.kind for span in telemetry.spans} == {SpanKind.INTERNAL}


def test_a_span_says_what_it_is_about(telemetry: Telemetry) -> None:
    """By attributes under `flux.`; no value of the run is among them."""
    run(telemetry, Workflow("order").commit("charge", work, retries=2), {"card": "4711"})
    charge, order = telemetry.spans
    about = {"flux.run.id": "r1", "flux.workflow.name": "order"}
    assert attributes(charge) == about | {
        "flux.step.name": "charge",
        "flux.step.index": 0,
        "flux.step.kind": "commit",
        "flux.step.attempt": 1,
        "flux.step.max_retries": 2,
    }
    assert attributes(order) == about | {"flux.run.status": "completed"}
    assert {span.status.status_code for span in (charge, order)} == {StatusCode.UNSET}
    assert notes(charge) == notes(order) == []


def test_values_are_there_if_asked_for(telemetry: Telemetry) -> None:
    """As JSON; `redact` counts, and what is too long is cut."""
    engine = Engine(trace=[telemetry.sink(data=True)], redact=["card"])
    given = {"card": "4711", "note": "n" * 5000}
    engine.execute(Workflow("order").step("charge", work), given, id="r1")
    said = attributes(telemetry.span("order"))
    assert said["flux.run.input"].startswith('{"card":"***","note":"nnn')
    assert (len(said["flux.run.input"]), said["flux.run.input"][-1]) == (4096, "…")
    assert said["flux.run.data"] == '{"done":true}'
    told = attributes(telemetry.span("charge"))
    assert (told["flux.step.output"], told["flux.step.changes"]) == ('"out"', '{"done":true}')


def test_a_failed_attempt_is_an_error(telemetry: Telemetry) -> None:
    """It has a span of its own with the exception; the run, which went on, is none."""
    status = run(telemetry, Workflow("order").step("ship", fail_once, retries=AT_ONCE))
    first, second, order = telemetry.spans
    assert status == "completed"
    assert (first.status.status_code, first.status.description) == (StatusCode.ERROR, "carrier is away")
    assert attributes(first)["error.type"] == "ConnectionError"
    assert notes(first) == [
        ("exception", {"exception.type": "ConnectionError", "exception.message": "carrier is away"})
    ]
    assert [attributes(span)["flux.step.attempt"] for span in (first, second)] == [1, 2]
    assert {span.status.status_code for span in (second, order)} == {StatusCode.UNSET}


def test_a_back_off_is_an_event(telemetry: Telemetry) -> None:
    """It says of which step, and how many seconds there are until the next attempt."""
    retry = Retry(1, initial=3.0, jitter="none")
    with Engine(trace=[telemetry.sink()], clock=FakeClock()) as engine:
        engine.execute(Workflow("order").step("ship", fail_once, retries=retry), {})
    assert notes(telemetry.span("order")) == [
        ("flux.step.retry", {"flux.step.name": "ship", "flux.step.index": 0, "flux.step.delay": 3.0})
    ]


def test_a_failed_run_is_an_error(telemetry: Telemetry) -> None:
    """It has the error's type and message; the exception is told once, where it was raised."""
    assert run(telemetry, Workflow("order").step("ship", fail)) == "failed"
    order = telemetry.span("order")
    assert (order.status.status_code, order.status.description) == (StatusCode.ERROR, "no such street")
    assert attributes(order)["error.type"] == "Fatal"
    assert attributes(order)["flux.run.status"] == "failed"
    assert notes(order) == []


def test_compensations_are_spans(telemetry: Telemetry) -> None:
    """They are below the same run's, which ends when it is rolled back."""

    def undo(ctx: Ctx) -> None:
        if ctx.attempt == 1:
            raise ConnectionError

    workflow = Workflow("order").commit("charge", work, compensate=undo, retries=AT_ONCE).step("ship", fail)
    assert run(telemetry, workflow) == "rolled_back"
    *_, first, second, order = telemetry.spans
    assert [span.name for span in (first, second)] == ["compensate charge"] * 2
    assert [attributes(span)["flux.step.attempt"] for span in (first, second)] == [1, 2]
    assert {attributes(span)["flux.step.kind"] for span in (first, second)} == {"compensation"}
    assert [span.status.status_code for span in (first, second)] == [StatusCode.ERROR, StatusCode.UNSET]
    assert {parent_of(first), parent_of(second)} == {id_of(order)}
    assert (attributes(order)["flux.run.status"], order.status.status_code) == (
        "rolled_back",
        StatusCode.ERROR,
    )
    assert "flux.workflow.rollback_start" in [name for name, _ in notes(order)]


def test_a_skipped_node_is_an_event(telemetry: Telemetry) -> None:
    """Nothing was done that took time."""
    run(telemetry, Workflow("order").step("gift", work, when=lambda ctx: False).step("ship", work))
    assert [span.name for span in telemetry.spans] == ["ship", "order"]
    assert notes(telemetry.span("order")) == [
        ("flux.step.skipped", {"flux.step.name": "gift", "flux.step.index": 0})
    ]


def test_a_condition_that_raises_is_an_event_with_the_error(telemetry: Telemetry) -> None:
    """No attempt was made, so that there is no span."""
    run(telemetry, Workflow("order").step("gift", work, when=fail))
    (order,) = telemetry.spans
    ((name, said),) = notes(order)
    assert (name, said["error.type"], said["exception.message"]) == (
        "flux.step.error",
        "Fatal",
        "no such street",
    )


def test_progress_is_an_event_of_the_attempt(telemetry: Telemetry) -> None:
    """What a handler reports after its attempt has ended is dropped."""
    late: list[Ctx] = []

    def report(ctx: Ctx) -> None:
        ctx.progress(0.5, "half way")
        late.append(ctx)

    workflow = (
        Workflow("order").step("pack", report).step("ship", lambda ctx: late[0].progress(1, "too late"))
    )
    run(telemetry, workflow)
    said = {
        "flux.step.name": "pack",
        "flux.progress.fraction": 0.5,
        "flux.progress.message": "half way",
    }
    assert notes(telemetry.span("pack")) == [("flux.step.progress", said)]
    assert notes(telemetry.span("ship")) == notes(telemetry.span("order")) == []


def test_a_cancelled_run_says_so(telemetry: Telemetry) -> None:
    """It is no error."""

    def give_up(ctx: Ctx) -> None:
        engine.cancel(workflow, ctx.id)

    workflow = Workflow("order").step("ask", give_up).step("ship", work)
    engine = Engine(trace=[telemetry.sink()])
    assert engine.execute(workflow, {}, id="r1").status == "cancelled"
    order = telemetry.span("order")
    said = attributes(order)["flux.run.status"]
    assert (said, order.status.status_code) == ("cancelled", StatusCode.UNSET)


@pytest.mark.parametrize("message", ["\ud800 torn", "x" * 10_000])
def test_what_an_exporter_could_not_send_is_replaced(telemetry: Telemetry, message: str) -> None:
    """One bad message would otherwise lose the spans of others, too."""

    def torn(ctx: Ctx) -> None:
        raise ValueError(message)

    run(telemetry, Workflow("order").step("a", torn))
    described = telemetry.span("a").status.description or ""
    assert described.encode().startswith(b"? torn" if "torn" in message else b"xxx")
    assert len(described) <= 4096


def test_a_span_begins_when_the_handler_is_called(telemetry: Telemetry) -> None:
    """What the engine does before that, the save of a commit's intent, is no time of the step's."""
    saved: list[int] = []

    class Noting(MemoryStorage):
        def save(self, record: Record, *, replaces: int) -> None:
            super().save(record, replaces=replaces)
            saved.append(time.time_ns())

    engine = Engine(Noting(), trace=[telemetry.sink()])
    engine.execute(Workflow("order").commit("charge", work, once=True), {})
    charge = telemetry.span("charge")
    assert charge.start_time is not None
    assert saved[0] <= charge.start_time


def test_an_attempt_that_is_not_made_has_no_span(telemetry: Telemetry) -> None:
    """A hook has taken the time; who takes the run on makes the attempt."""
    clock = FakeClock()
    called: list[str] = []
    store = MemoryStorage()
    workflow = Workflow("order").step("a", lambda ctx: called.append(ctx.id), timeout=5)
    slow = Engine(
        store, trace=[telemetry.sink()], clock=clock, on={"step_start": lambda step, ctx: clock.advance(20)}
    )
    slow.execute(workflow, {}, id="r1", deadline=clock.monotonic() + 20)
    assert called == []
    assert [span.name for span in telemetry.spans] == ["order"]
    assert "flux.step.duration" not in telemetry.metrics
    Engine(store, trace=[telemetry.sink()], clock=clock).resume(workflow, "r1")
    assert attributes(telemetry.span("a"))["flux.step.attempt"] == 1


def test_a_span_lasts_until_the_handler_returns(telemetry: Telemetry) -> None:
    """What the engine does after that, its save, is the run's time and not the step's."""
    ends: list[int] = []

    def work(ctx: Ctx) -> None:
        ends.append(time.time_ns())

    run(telemetry, Workflow("order").step("a", work))
    step, order = telemetry.spans
    assert step.end_time is not None
    assert order.end_time is not None
    assert ends[0] <= step.end_time <= order.end_time
