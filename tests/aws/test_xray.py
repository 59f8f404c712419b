"""X-Ray subsegments of attempts, made by the X-Ray SDK as on Lambda and caught before they leave."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

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
ON_LAMBDA = {
    "LAMBDA_TASK_ROOT": "/var/task",
    "_X_AMZN_TRACE_ID": "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1",
}


def traced(**environment: str) -> tuple[str, list[dict[str, object]]]:
    """Run the program; return how its run ended, and the subsegments that were sent."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "adapters")])
    process = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=os.environ | {"PYTHONPATH": path} | environment,
        check=True,
        capture_output=True,
        text=True,
    )
    document = json.loads(process.stderr.splitlines()[-1])
    return document["status"], document["sent"]


@pytest.fixture(scope="module")
def on_lambda_traced() -> tuple[str, list[dict[str, object]]]:
    """The program, run once in an environment like that of Lambda."""
    return traced(**ON_LAMBDA)


def test_each_attempt_is_a_subsegment(on_lambda_traced: tuple[str, list[dict[str, object]]]) -> None:
    """Attempts and compensations are subsegments of their own, in their order, and failed ones are faults."""
    status, sent = on_lambda_traced
    of_flux = [(part["name"], part.get("fault", False)) for part in sent if part["name"] != "bank"]
    assert status == "rolled_back"
    assert of_flux == [("charge", True), ("charge", False), ("ask", False), ("bake", True), ("charge", False)]


def test_a_subsegment_says_which_attempt_it_is(on_lambda_traced: tuple[str, list[dict[str, object]]]) -> None:
    """Run, workflow and attempt are annotations, by which X-Ray can search."""
    annotations = [part.get("annotations") for part in on_lambda_traced[1] if part["name"] == "charge"]
    assert annotations[:2] == [
        {"workflow": "order", "run": "r1", "attempt": "1"},
        {"workflow": "order", "run": "r1", "attempt": "2"},
    ]


def test_calls_of_a_handler_are_below_its_subsegment(
    on_lambda_traced: tuple[str, list[dict[str, object]]],
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
