"""The trace format of the TypeScript engine, both ways.

Its types are those of `FluxTraceEvent` in `packages/flux/src/types.ts` of gravito-framework/gravito; what it writes,
those of `src/engine/TraceEmitter.ts`, `FluxEngine.ts`, `RollbackManager.ts` and `src/trace/JsonFileTraceSink.ts`
(NDJSON, one object a line, `undefined` left out); what its viewer takes from each line, that of `dev/viewer/app.js`.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING, Any, Final

import pytest

from flux_core import Context, Engine, Fatal, Retry, RunStatus, StepStatus, Workflow
from flux_core.storage import MemoryStorage
from flux_core.trace import NDJSONTrace
from flux_web._traces import open_trace

if TYPE_CHECKING:
    from pathlib import Path

OURS: Final = {"workflow:suspend", "workflow:resume", "workflow:cancel", "step:progress"}
"""Types that the TypeScript engine does not write; its viewer shows the text of any."""
TYPES: Final = OURS | {
    "workflow:start",
    "workflow:complete",
    "workflow:error",
    "workflow:rollback_start",
    "workflow:rollback_complete",
    "step:start",
    "step:complete",
    "step:error",
    "step:skipped",
    "step:retry",
    "step:suspend",
    "step:compensate",
    "signal:received",
}
STATUSES: Final = {*RunStatus, *StepStatus}
REQUIRED: Final[dict[str, type]] = {"type": str, "timestamp": int, "workflowId": str, "workflowName": str}
OPTIONAL: Final[dict[str, type]] = {
    "stepName": str,
    "stepIndex": int,
    "commit": bool,
    "retries": int,
    "maxRetries": int,
    "duration": int,
    "error": str,
    "status": str,
    "data": dict,
    "meta": dict,
    "input": object,
}
VIEWER: Final = """
const rows = require('fs').readFileSync(0, 'utf8').split('\\n').map(text => text.trim()).filter(text => text);
const seen = rows.map(text => JSON.parse(text));
const path = [];
for (const one of seen)
  if (one.stepName && one.type.startsWith('step:') && !path.includes(one.stepName)) path.push(one.stepName);
const last = seen.filter(one => one.type.startsWith('workflow:')).pop();
console.log(JSON.stringify({
  path, status: last.status, id: last.workflowId, name: last.workflowName, took: typeof last.duration,
  bad: seen.filter(one => isNaN(new Date(one.timestamp)) || !['undefined', 'string'].includes(typeof one.error)
    || !['undefined', 'number'].includes(typeof one.retries)).length,
}));
"""
"""What the viewer takes from a trace, said anew: the path of steps, the last word on the run, and a row an event."""


def our_trace(path: Path) -> None:
    """Write a trace with every event that this engine writes."""
    tries = iter([RuntimeError("cold"), None])

    def bake(ctx: Context[Any, Any]) -> str:
        ctx.progress(0.5, "half way")
        ctx.data["baked"] = True
        if error := next(tries):
            raise error
        return "bread"

    def fail(ctx: Context[Any, Any]) -> None:
        raise Fatal("no courier")

    workflow = (
        Workflow("order")
        .step("bake", bake, retries=Retry(1, initial=0), compensate=lambda ctx: None)
        .step("gift", fail, when=lambda ctx: False)
        .wait("approved")
        .commit("send", fail)
    )
    done = Workflow("done").step("bake", lambda ctx: "bread")
    with Engine(MemoryStorage(), trace=[NDJSONTrace(path)]) as engine:
        engine.start(workflow, {"order_id": 0}, id="r0")
        engine.cancel(workflow, "r0")
        engine.execute(workflow, {"order_id": 1}, id="r1")
        engine.signal(workflow, "r1", "approved", {"by": "x"})
        engine.execute(done, {}, id="r2")


def test_our_trace_is_of_the_format(tmp_path: Path) -> None:
    """Field by field: each is one of the format's, and of its type; every type of event is among them."""
    our_trace(tmp_path / "trace.ndjson")
    events = [json.loads(text) for text in (tmp_path / "trace.ndjson").read_text().splitlines()]
    for event in events:
        assert event.keys() >= REQUIRED.keys(), event
        assert event.keys() <= REQUIRED.keys() | OPTIONAL.keys(), event
        for name, value in event.items():
            expected = {**REQUIRED, **OPTIONAL}[name]
            assert isinstance(value, expected), (name, event)
            assert expected is not int or (type(value) is int and value >= 0), (name, event)
        assert event["type"] in TYPES
        assert event.get("status", "running") in STATUSES
    assert {event["type"] for event in events} == TYPES


def test_its_viewer_can_read_our_trace(tmp_path: Path) -> None:
    """What that takes from each line is there, and of the type that it shows."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs node")
    our_trace(tmp_path / "trace.ndjson")
    text = (tmp_path / "trace.ndjson").read_text()
    answer = subprocess.run([node, "-e", VIEWER], input=text, capture_output=True, text=True, check=True)
    assert json.loads(answer.stdout) == {
        "path": ["bake", "gift", "approved", "send"],
        "status": "completed",
        "id": "r2",
        "name": "done",
        "took": "number",
        "bad": 0,
    }


def theirs(run: str, *events: dict[str, Any]) -> str:
    """Return events of a run as the TypeScript engine writes them, 10 ms apart."""
    head = {"workflowId": run, "workflowName": "trip"}
    return "".join(
        json.dumps({"type": event["type"], "timestamp": 1_766_919_210_000 + place * 10} | head | event) + "\n"
        for place, event in enumerate(events)
    )


def step(kind: str, name: str, index: int, **fields: Any) -> dict[str, Any]:
    """Return an event of a step."""
    return {"type": f"step:{kind}", "stepName": name, "stepIndex": index, **fields}


START: Final = {"type": "workflow:start", "status": "running", "input": {"to": "Rome"}}
THEIRS: Final = {
    "completed": [
        START,
        step("start", "book", 0, commit=False, retries=0, status="pending"),
        step("retry", "book", 0, commit=False, retries=1, maxRetries=3, error="busy", status="running"),
        step("complete", "book", 0, commit=False, retries=1, duration=1012, status="completed"),
        step("start", "gift", 1, commit=False, status="running"),
        step("skipped", "gift", 1, commit=False, retries=0, duration=0, status="skipped"),
        step("start", "pay", 2, commit=True, status="running"),
        step("complete", "pay", 2, duration=3, status="completed"),
        {"type": "workflow:complete", "status": "completed", "duration": 1020, "data": {"seat": 4}},
    ],
    "suspended": [
        START,
        step("start", "ask", 0, commit=False),
        step("suspend", "ask", 0, meta={"signal": "ok"}),
    ],
    "signalled": [
        START,
        step("start", "ask", 0, commit=False, status="running"),
        step("suspend", "ask", 0, meta={"signal": "ok"}),
        {"type": "signal:received", "status": "suspended", "input": {"by": "x"}},
        step("start", "pay", 1, commit=True, status="running"),
        step("complete", "pay", 1, duration=3, status="completed"),
        {"type": "workflow:complete", "status": "completed", "duration": 3, "data": {}},
    ],
    "rolled_back": [
        START,
        step("start", "book", 0, commit=False, status="running"),
        step("complete", "book", 0, duration=3, status="completed"),
        step("start", "pay", 1, commit=True, status="running"),
        step("error", "pay", 1, duration=3, error="declined", status="failed"),
        {"type": "workflow:rollback_start", "status": "rolling_back", "error": "declined"},
        step("compensate", "book", 0, status="compensated"),
        {"type": "workflow:rollback_complete", "status": "rolled_back"},
    ],
    "failed": [
        START,
        step("start", "pay", 0, commit=True, status="running"),
        step("error", "pay", 0, duration=3, error="declined", status="failed"),
        {"type": "workflow:rollback_start", "status": "rolling_back", "error": "declined"},
    ],
    "compensation_failed": [
        START,
        step("start", "book", 0, commit=False, status="running"),
        step("complete", "book", 0, duration=3, status="completed"),
        step("start", "pay", 1, commit=True, status="running"),
        step("error", "pay", 1, duration=3, error="declined", status="failed"),
        {"type": "workflow:rollback_start", "status": "rolling_back", "error": "declined"},
        {"type": "workflow:error", "status": "compensation_failed", "error": "Compensation failed at step"},
    ],
    "retried": [
        START,
        step("start", "book", 0, commit=False, status="pending"),
        step("complete", "book", 0, duration=3, status="completed"),
        step("start", "pay", 1, commit=True, status="pending"),
        step("error", "pay", 1, retries=3, duration=3, error="declined", status="failed"),
        {**START, "meta": {"retry": True, "fromStep": 1}},
        step(
            "start", "pay", 1, commit=True, retries=0, status="pending", meta={"retry": True, "fromStep": 1}
        ),
        step("complete", "pay", 1, retries=0, duration=2, status="completed"),
        {"type": "workflow:complete", "status": "completed", "duration": 2, "data": {"paid": True}},
    ],
    "parallel": [
        START,
        step("start", "a", 0, commit=False, status="running"),
        step("start", "b", 1, commit=False, status="running"),
        step("complete", "a", 0, duration=3, status="completed"),
        step("complete", "b", 1, duration=9, status="completed"),
        {"type": "workflow:error", "status": "failed", "duration": 9, "error": "out of memory"},
    ],
}
NODES: Final = {
    "completed": ("completed", [("book", "completed", 2), ("gift", "skipped", 0), ("pay", "completed", 1)]),
    "suspended": ("suspended", [("ask", "suspended", 1)]),
    "signalled": ("completed", [("ask", "completed", 1), ("pay", "completed", 1)]),
    "rolled_back": ("rolled_back", [("book", "compensated", 1), ("pay", "failed", 1)]),
    "failed": ("failed", [("pay", "failed", 1)]),
    "compensation_failed": ("compensation_failed", [("book", "completed", 1), ("pay", "failed", 1)]),
    "retried": ("completed", [("book", "completed", 1), ("pay", "completed", 1)]),
    "parallel": ("failed", [("a", "completed", 1), ("b", "completed", 1)]),
}


def test_its_trace_opens_in_ours(tmp_path: Path) -> None:
    """Every event that it can write, in runs that end in every way: their statuses, nodes and attempts are right."""
    path = tmp_path / "trace.ndjson"
    path.write_text("".join(theirs(run, *events) for run, events in THEIRS.items()))
    assert {event["type"] for events in THEIRS.values() for event in events} == TYPES - OURS
    with open_trace(path) as runs:
        told = {run.id: run for run in runs.list()}
        assert runs.skipped == 0
    assert {
        run.id: (run.status, [(node.name, node.status, node.attempts) for node in run.history])
        for run in told.values()
    } == NODES
    assert {run.id for run in told.values() if run.input != {"to": "Rome"}} == set()
    assert (told["completed"].data, told["completed"].history[0].tries[0].error.message) == (
        {"seat": 4},
        "busy",
    )
    assert told["suspended"].waits_for == "ok"
    assert told["signalled"].history[0].output == {"by": "x"}
    assert [node.name for node in told["rolled_back"].compensations] == ["book"]
    assert told["failed"].error is not None
    assert told["failed"].error.message == "declined"
