"""What is counted and timed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.trace import NoOpTracerProvider
from otel.conftest import run_into_crash_loop

from flux_core import App, Context, Engine, Fatal, Retry, Workflow
from flux_core._serving.measure import count_lost_lease, measure
from flux_core.storage import MemoryStorage
from flux_core.testing import FakeClock
from flux_otel import OpenTelemetryTrace

if TYPE_CHECKING:
    from otel.conftest import Telemetry

Ctx = Context[Any, Any]

OF_ORDER = {"flux.workflow.name": "order"}


def fail_twice(ctx: Ctx) -> None:
    """Fail, twice."""
    if ctx.attempt <= 2:
        raise ConnectionError


def fail(ctx: Ctx) -> None:
    """Fail for good."""
    raise Fatal


def test_runs_are_counted_by_status(telemetry: Telemetry) -> None:
    """A run that rests is counted as that, and then as what becomes of it; a run that turns back ends once."""
    workflow = (
        Workflow("order")
        .commit("charge", lambda ctx: None, compensate=lambda ctx: None)
        .wait("approved")
        .step("ship", lambda ctx: fail(ctx) if ctx.input["bad"] else None)
    )
    engine = Engine(trace=[telemetry.sink()])
    for run_id, bad in (("r1", False), ("r2", True), ("r3", False), ("r4", False)):
        engine.execute(workflow, {"bad": bad}, id=run_id)
    for run_id in ("r1", "r2"):
        engine.signal(workflow, run_id, "approved")
    engine.cancel(workflow, "r3")
    engine.pause("r4")
    by_status = {said["flux.run.status"]: count for said, count in telemetry.metrics["flux.runs"]}
    assert telemetry.metrics["flux.run.started"] == [(OF_ORDER, 4)]
    assert by_status == {"suspended": 4, "completed": 1, "rolled_back": 1, "cancelled": 1, "paused": 1}


def test_a_run_is_timed_from_its_creation_to_its_end(telemetry: Telemetry) -> None:
    """Its waits included; one that rests has not ended."""
    clock = FakeClock()
    engine = Engine(trace=[telemetry.sink()], clock=clock)
    workflow = Workflow("order").sleep("night", 28_800)
    engine.execute(workflow, {})
    clock.advance(28_800)
    engine.tick([workflow])
    assert telemetry.metrics["flux.run.duration"] == [
        (OF_ORDER | {"flux.run.status": "completed"}, (1, 28_800.0))
    ]


def test_attempts_are_timed_and_retries_counted(telemetry: Telemetry) -> None:
    """By step and by the error's type; back-offs are no attempt's time, and no run's id is among the attributes."""
    retry = Retry(2, initial=1.0, jitter="none")
    workflow = Workflow("order").commit("ship", fail_twice, retries=retry)
    Engine(trace=[telemetry.sink()], clock=FakeClock()).execute(workflow, {})
    about = OF_ORDER | {"flux.step.name": "ship"}
    timed = {said.get("error.type"): (said, count) for said, count in telemetry.metrics["flux.step.duration"]}
    assert telemetry.metrics["flux.step.retries"] == [(about, 2)]
    assert {error: count for error, (_, (count, _)) in timed.items()} == {None: 1, "ConnectionError": 2}
    assert timed[None][0] == about | {"flux.step.kind": "commit"}
    assert sum(seconds for _, (_, seconds) in timed.values()) < 1


def test_durations_are_sorted_into_buckets_of_seconds(telemetry: Telemetry) -> None:
    """OpenTelemetry's own are for milliseconds: most attempts, and most runs, would fall into one."""
    clock = FakeClock()
    workflow = Workflow("order").step("a", lambda ctx: None).sleep("night", 28_800)
    engine = Engine(trace=[telemetry.sink()], clock=clock)
    engine.execute(workflow, {})
    clock.advance(28_800)
    engine.tick([workflow])
    steps, runs = (telemetry.bounds(f"flux.{what}.duration") for what in ("step", "run"))
    assert (steps[0], steps[-1]) == (0.005, 3600)
    assert (runs[: len(steps)], runs[-1]) == (steps, 30 * 86_400)


def test_nodes_that_only_wait_are_not_timed(telemetry: Telemetry) -> None:
    """A person's three weeks say nothing of how long steps take."""
    Engine(trace=[telemetry.sink()]).execute(Workflow("order").wait("approved"), {})
    assert "flux.step.duration" not in telemetry.metrics


@pytest.mark.parametrize("workflow", [None, "order"])
def test_the_due_lag_is_what_was_measured_last(telemetry: Telemetry, workflow: str | None) -> None:
    """Each tick says how late the run is that is due for longest."""
    app = App([Workflow("order").step("a", fail)], MemoryStorage(), trace=[telemetry.sink()])
    for lag in (12.5, 0.5):
        measure(app, "DueAge", lag, unit="Seconds", workflow=workflow)
    assert telemetry.metrics["flux.due.lag"] == [(OF_ORDER if workflow else {}, 0.5)]


def test_measurements_have_names_of_their_own(telemetry: Telemetry) -> None:
    """What is counted is added up; what nobody has named here keeps its name."""
    app = App([Workflow("order").step("a", fail)], MemoryStorage(), trace=[telemetry.sink()])
    for _ in range(2):
        count_lost_lease(app, "order")
    measure(app, "BatchSize", 7, unit="Bytes")
    assert telemetry.metrics == {"flux.lease.lost": [(OF_ORDER, 2)], "flux.batch_size": [({}, 7)]}


def test_a_crash_loop_is_counted(telemetry: Telemetry) -> None:
    """The run fails without an attempt, and without a worker that had it."""
    run_into_crash_loop(telemetry)
    assert telemetry.metrics["flux.runs"] == [(OF_ORDER | {"flux.run.status": "failed"}, 1)]


def test_attempts_are_timed_without_a_tracer(telemetry: Telemetry) -> None:
    """An app may have metrics alone."""
    sink = OpenTelemetryTrace(NoOpTracerProvider(), telemetry.meters)
    Engine(trace=[sink]).execute(Workflow("order").step("a", lambda ctx: None), {})
    ((_, (count, _)),) = telemetry.metrics["flux.step.duration"]
    assert count == 1


def test_metrics_have_units(telemetry: Telemetry) -> None:
    """Seconds for what takes time, and for what is counted a word in braces: what OpenTelemetry's conventions want."""
    app = App(
        [Workflow("order").step("a", fail_twice, retries=2)], trace=[telemetry.sink()], clock=FakeClock()
    )
    app.execute("order", {})
    count_lost_lease(app, "order")
    measure(app, "DueAge", 0.0, unit="Seconds")  # nothing is due: a gauge without that would look broken
    assert telemetry.units == {
        "flux.run.started": "{run}",
        "flux.runs": "{run}",
        "flux.run.duration": "s",
        "flux.step.duration": "s",
        "flux.step.retries": "{retry}",
        "flux.due.lag": "s",
        "flux.lease.lost": "{lease}",
    }
