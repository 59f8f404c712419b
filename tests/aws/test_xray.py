"""X-Ray subsegments of attempts, made by the X-Ray SDK as on Lambda and caught before they leave."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = """
import json, os, sys
from aws_xray_sdk.core import xray_recorder
os.environ.update(json.loads(os.environ.get("SET_LATE", "{}")))
from flux_aws import CloudWatchTrace
from flux_core import App, Fatal, Retry, Workflow, wait

sent = []

class Emitter:
    def send_entity(self, entity):
        sent.append(json.loads(entity.serialize()))

xray_recorder.configure(emitter=Emitter())
tries = iter([ValueError("once"), None])

def flaky(ctx):
    if error := next(tries):
        raise error
    with xray_recorder.in_subsegment("bank"):
        pass

def fail(ctx):
    raise Fatal("no")

order = (
    Workflow("order")
    .step("charge", flaky, retries=Retry(1, initial=0), compensate=lambda ctx: None)
    .step("ask", lambda ctx: wait("go"))
    .step("bake", fail)
)
with App([order], trace=[CloudWatchTrace(tracer=True, metrics=False)]) as app:
    app.execute("order", {}, id="r1")
    result = app.signal("order", "r1", "go")
print(json.dumps({"status": str(result.status), "sent": sent}), file=sys.stderr)
"""
UNFINISHED = """
import json, os, sys
from aws_xray_sdk.core import xray_recorder
from flux_aws import CloudWatchTrace, handler
from flux_core import App, LeaseLost, TraceEvent, Workflow
from flux_core.storage import MemoryStorage

sent = []

class Emitter:
    def send_entity(self, entity):
        sent.append(json.loads(entity.serialize()))

xray_recorder.configure(emitter=Emitter())
trace = CloudWatchTrace(tracer=True, metrics=False)
app = App([Workflow("w").step("one", lambda ctx: 1)], MemoryStorage(), trace=[trace])
serve = handler(app)

def tell(type, status, run="r1", step="charge"):
    trace.emit(TraceEvent(type, 1_700_000_000_000, run, "order", step_name=step, status=status))

def invocation(work, number):
    # One of Lambda's, in which the user has a subsegment about the handler, as Powertools Tracer makes it.
    root = f"1-5759e988-bd862e3fe1be46a99427279{number}"
    os.environ["_X_AMZN_TRACE_ID"] = f"Root={root};Parent=53995c3f42cd8ad8;Sampled=1"
    own = xray_recorder.begin_subsegment(f"## handler {number}")
    app.execute = lambda *arguments, **options: work()
    try:
        serve({}, None)
    except LeaseLost:
        pass
    current = xray_recorder.current_subsegment()
    xray_recorder.end_subsegment()
    return current is own

def lose():
    tell("step:start", "running")
    xray_recorder.begin_subsegment("bank")  # left open, as by a thread that was given up
    raise LeaseLost("another worker has it")

def again():
    tell("step:start", "running")
    tell("step:complete", "completed")
    raise LeaseLost("another worker has it")

def give_up():
    tell("step:start", "running")
    tell("workflow:suspend", "suspended", step=None)
    tell("step:start", "running", run="r2", step="bake")
    tell("step:complete", "completed", run="r2", step="bake")
    raise LeaseLost("another worker has it")

kept = [invocation(work, number) for number, work in enumerate([lose, again, give_up])]
print(json.dumps({"status": kept, "sent": sent}), file=sys.stderr)
"""
ELSEWHERE = """
import json, sys
from aws_xray_sdk.core import xray_recorder
from flux_aws import CloudWatchTrace
from flux_core import TraceEvent

sent = []

class Emitter:
    def send_entity(self, entity):
        sent.append(json.loads(entity.serialize()))

xray_recorder.configure(emitter=Emitter())
trace = CloudWatchTrace(tracer=True, metrics=False)
attempt = TraceEvent("step:start", 1_700_000_000_000, "r1", "order", step_name="charge", status="running")
trace.emit(attempt)
xray_recorder.clear_trace_entities()  # as the SDK does when the next invocation has another trace
own = xray_recorder.begin_subsegment("## handler")
trace.emit(attempt._replace(type="step:complete", status="completed"))
print(json.dumps({"status": own.in_progress, "sent": sent}), file=sys.stderr)
"""
ON_LAMBDA = {
    "LAMBDA_TASK_ROOT": "/var/task",
    "_X_AMZN_TRACE_ID": "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1",
}


def traced(program: str = PROGRAM, **environment: str) -> tuple[Any, list[dict[str, Any]]]:
    """Run a program; return its word on how it ended, and the subsegments that were sent."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "adapters")])
    process = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONPATH": path} | environment,
        check=True,
        capture_output=True,
        text=True,
    )
    document = json.loads(process.stderr.splitlines()[-1])
    return document["status"], document["sent"]


@pytest.fixture(scope="module")
def on_lambda_traced() -> tuple[Any, list[dict[str, Any]]]:
    """The program, run once in an environment like that of Lambda."""
    return traced(**ON_LAMBDA)


def test_each_attempt_is_a_subsegment(on_lambda_traced: tuple[Any, list[dict[str, Any]]]) -> None:
    """Attempts and compensations are subsegments of their own, in their order, and failed ones are faults."""
    status, sent = on_lambda_traced
    of_flux = [(part["name"], part.get("fault", False)) for part in sent if part["name"] != "bank"]
    assert status == "rolled_back"
    assert of_flux == [("charge", True), ("charge", False), ("ask", False), ("bake", True), ("charge", False)]


def test_a_subsegment_says_which_attempt_it_is(on_lambda_traced: tuple[Any, list[dict[str, Any]]]) -> None:
    """Run, workflow and attempt are annotations, by which X-Ray can search."""
    annotations = [part.get("annotations") for part in on_lambda_traced[1] if part["name"] == "charge"]
    assert annotations[:2] == [
        {"workflow": "order", "run": "r1", "attempt": "1"},
        {"workflow": "order", "run": "r1", "attempt": "2"},
    ]


def test_calls_of_a_handler_are_below_its_subsegment(
    on_lambda_traced: tuple[Any, list[dict[str, Any]]],
) -> None:
    """A subsegment that the handler opens, as patched libraries do, has the attempt's as its parent."""
    sent = on_lambda_traced[1]
    (bank,) = [part for part in sent if part["name"] == "bank"]
    assert bank["parent_id"] == [part["id"] for part in sent if part["name"] == "charge"][1]


def test_without_a_segment_the_run_goes_its_way() -> None:
    """Where the X-Ray SDK has no segment to put subsegments under, nothing is sent and nothing breaks."""
    late = json.dumps({"LAMBDA_TASK_ROOT": "/var/task"})
    assert traced(LAMBDA_TASK_ROOT="", SET_LATE=late) == ("rolled_back", [])


def test_outside_of_lambda_the_tracer_does_nothing() -> None:
    """Where Powertools Tracer is off, the run goes its way and nothing is sent."""
    assert traced(LAMBDA_TASK_ROOT="") == ("rolled_back", [])


@pytest.fixture(scope="module")
def unfinished() -> tuple[Any, list[dict[str, Any]]]:
    """Three invocations: one loses its lease in an attempt, the next repeats it, in the last it is given up."""
    return traced(UNFINISHED, **ON_LAMBDA)


def test_an_attempt_without_an_end_ends_with_its_invocation(
    unfinished: tuple[Any, list[dict[str, Any]]],
) -> None:
    """It is sent, with what was left open below it, and the user's own subsegment is the current one again."""
    kept, sent = unfinished
    assert kept == [True, True, True]
    assert [part["name"] for part in sent][:3] == ["bank", "charge", "## handler 0"]


def test_each_attempt_is_below_the_users_own_subsegment(
    unfinished: tuple[Any, list[dict[str, Any]]],
) -> None:
    """One that was given up has no other run's attempt below it, nor one of a later invocation."""
    sent = unfinished[1]
    names = {part["id"]: part["name"] for part in sent}
    attempts = [
        (part["name"], names[part["parent_id"]]) for part in sent if part["name"] in {"charge", "bake"}
    ]
    assert attempts == [
        ("charge", "## handler 0"),
        ("charge", "## handler 1"),
        ("charge", "## handler 2"),
        ("bake", "## handler 2"),
    ]


def test_what_is_somebody_elses_is_not_ended() -> None:
    """An attempt that X-Ray has forgotten meanwhile takes nothing with it when it ends."""
    assert traced(ELSEWHERE, **ON_LAMBDA) == (True, [])
