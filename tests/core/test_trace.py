"""Trace events: their sequence, their form, and the sinks that they go to."""

from __future__ import annotations

import io
import json
import os
import threading
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from math import inf, nan
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from core.conftest import START, Death, die

from flux_core import App, Context, Engine, InvalidInput, Retry, StoreError, Workflow
from flux_core.storage import MemoryStorage
from flux_core.trace import ConsoleTrace, NDJSONTrace, TraceEvent

if TYPE_CHECKING:
    from pathlib import Path

    from core.conftest import Clock, MakeEngine, Recorder

Ctx = Context[Any, Any]

NOW = round(START * 1000)


class Colour(Enum):
    """A colour."""

    RED = "r"


def one(ctx: Ctx) -> int:
    """Return 1."""
    return 1


def fail(ctx: Ctx) -> None:
    """Fail."""
    raise ValueError("broken")


def event(**fields: Any) -> TraceEvent:
    """Return an event with some fields."""
    return TraceEvent(
        **{"type": "step:start", "timestamp": NOW, "workflow_id": "x", "workflow_name": "w", **fields}
    )


def test_a_run_is_told_from_start_to_end(make_engine: MakeEngine, recorder: Recorder, clock: Clock) -> None:
    """Each event has the wire names of the format, and no field that is None."""

    def work(ctx: Ctx) -> str:
        clock.advance(1.5)
        ctx.data["n"] = 1
        return "out"

    workflow = Workflow("w").step("a", work, retries=2).commit("b", one)
    make_engine(trace=[recorder]).execute(workflow, {"k": (1,)}, id="x")
    run = {"workflowId": "x", "workflowName": "w"}
    first = {**run, "stepName": "a", "stepIndex": 0, "commit": False, "retries": 0}
    second = {**run, "stepName": "b", "stepIndex": 1, "commit": True, "retries": 0}
    later = NOW + 1500
    assert [told.to_dict() for told in recorder.events] == [
        {"type": "workflow:start", "timestamp": NOW, **run, "status": "running", "input": {"k": [1]}},
        {"type": "step:start", "timestamp": NOW, **first, "maxRetries": 2, "status": "running"},
        {
            "type": "step:complete",
            "timestamp": later,
            **first,
            "duration": 1500,
            "status": "completed",
            "meta": {"output": "out", "changes": {"n": 1}},
        },
        {"type": "step:start", "timestamp": later, **second, "maxRetries": 0, "status": "running"},
        {
            "type": "step:complete",
            "timestamp": later,
            **second,
            "duration": 0,
            "status": "completed",
            "meta": {"output": 1, "changes": {}},
        },
        {
            "type": "workflow:complete",
            "timestamp": later,
            **run,
            "duration": 1500,
            "status": "completed",
            "data": {"n": 1},
        },
    ]


def test_what_sinks_take_is_none_of_the_first_steps_time(make_engine: MakeEngine, clock: Clock) -> None:
    """A sink that is loaded by the first event would make the first step of every cold start look slow."""
    durations: list[int] = []

    class Slow:
        """A sink that takes its time for the start of a run."""

        def emit(self, event: TraceEvent) -> None:
            """Take it."""
            clock.advance(0.3 * (event.type == "workflow:start"))
            durations.append(event.duration or 0)

        def close(self) -> None:
            """Do nothing."""

    make_engine(trace=[Slow()]).execute(Workflow("w").step("a", lambda ctx: clock.advance(0.1)), {}, id="x")
    assert durations == [0, 0, 100, 400]


def test_retries_and_the_failure_are_told(make_engine: MakeEngine, recorder: Recorder) -> None:
    """Each attempt starts and fails; the retries in between are told; the run fails with the error."""
    workflow = Workflow("w").step("a", fail, retries=Retry(1, initial=0))
    make_engine(trace=[recorder]).execute(workflow, {})
    assert [(told.type, told.retries, told.error, told.status) for told in recorder.events] == [
        ("workflow:start", None, None, "running"),
        ("step:start", 0, None, "running"),
        ("step:error", 0, "broken", "running"),
        ("step:retry", 0, "broken", "running"),
        ("step:start", 1, None, "running"),
        ("step:error", 1, "broken", "failed"),
        ("workflow:error", None, "broken", "failed"),
    ]
    assert [told.step_index for told in recorder.events if told.step_name] == [0] * 5


def test_attempts_of_a_compensation_are_counted(make_engine: MakeEngine, recorder: Recorder) -> None:
    """What begins one says how many there were before it, as a step's does."""

    def undo(ctx: Ctx) -> None:
        if ctx.attempt < 3:
            raise ValueError

    workflow = Workflow("w").step("a", one, compensate=undo, retries=Retry(2, initial=0)).step("b", fail)
    make_engine(trace=[recorder]).execute(workflow, {})
    told = [(told.status, told.retries) for told in recorder.events if told.type == "step:compensate"]
    assert told == [("compensating", 0), ("compensating", 1), ("compensating", 2), ("compensated", 2)]


@pytest.mark.parametrize(("redo_commits", "kept"), [(False, ["b"]), (True, [])])
def test_a_retry_tells_where_it_goes_back_to_and_what_it_keeps(
    make_engine: MakeEngine, recorder: Recorder, *, redo_commits: bool, kept: list[str]
) -> None:
    """Completed commits behind that place are passed, unless they are to be made again."""
    workflow = Workflow("w").step("a", one).commit("b", one).step("c", fail)
    engine = make_engine(trace=[recorder])
    engine.execute(workflow, {}, id="x")
    engine.retry_step(workflow, "x", "a", redo_commits=redo_commits)
    (resumed,) = [told for told in recorder.events if told.type == "workflow:resume"]
    assert resumed.meta == {"retry": True, "fromStep": 0, "kept": kept}


def test_a_step_that_succeeds_in_the_end_tells_no_error(make_engine: MakeEngine, recorder: Recorder) -> None:
    """The error of an earlier attempt is not the completed step's."""
    workflow = Workflow("w").step("a", lambda ctx: 1 // (ctx.attempt - 1), retries=Retry(1, initial=0))
    make_engine(trace=[recorder]).execute(workflow, {})
    (complete,) = [told for told in recorder.events if told.type == "step:complete"]
    assert (complete.error, complete.retries) == (None, 1)


def test_a_skip_is_told(make_engine: MakeEngine, recorder: Recorder) -> None:
    """A skipped node neither starts nor completes."""
    workflow = Workflow("w").step("a", one, when=lambda ctx: False).step("b", one)
    make_engine(trace=[recorder]).execute(workflow, {})
    assert recorder.types == [
        "workflow:start",
        "step:skipped",
        "step:start",
        "step:complete",
        "workflow:complete",
    ]
    skipped = recorder.events[1]
    assert (skipped.step_name, skipped.step_index, skipped.status) == ("a", 0, "skipped")


def test_a_skip_of_the_last_node_is_told_before_the_end(make_engine: MakeEngine, recorder: Recorder) -> None:
    """Nothing is told of a run after it has completed."""
    workflow = Workflow("w").step("a", one).step("b", one, when=lambda ctx: False)
    make_engine(trace=[recorder]).execute(workflow, {})
    assert recorder.types[-2:] == ["step:skipped", "workflow:complete"]


def test_a_suspension_is_told(make_engine: MakeEngine, recorder: Recorder, clock: Clock) -> None:
    """A run that is suspended says so, and says when it goes on."""
    workflow = Workflow("w").step("a", lambda ctx: clock.advance(9.75)).step("b", one)
    engine = make_engine(trace=[recorder])
    engine.execute(workflow, {}, id="x", deadline=clock.monotonic() + 10)
    engine.resume(workflow, "x")
    assert recorder.types == [
        "workflow:start",
        "step:start",
        "step:complete",
        "workflow:suspend",
        "workflow:resume",
        "step:start",
        "step:complete",
        "workflow:complete",
    ]


def test_a_started_run_is_told(make_engine: MakeEngine, recorder: Recorder) -> None:
    """Its start is told when it is stored; it resumes when it is run."""
    engine = make_engine(trace=[recorder])
    workflow = Workflow("w").step("a", one)
    engine.start(workflow, {}, id="x")
    engine.start(workflow, {}, id="x")
    assert recorder.types == ["workflow:start"]
    assert recorder.events[0].status == "pending"
    engine.tick([workflow])
    assert recorder.types[1] == "workflow:resume"


def test_a_crash_loop_is_told(make_engine: MakeEngine, recorder: Recorder, clock: Clock) -> None:
    """The run's failure is told, though no step ended."""
    engine = make_engine(trace=[recorder], max_interruptions=1)
    workflow = Workflow("w").step("a", die)
    with pytest.raises(Death):
        engine.execute(workflow, {}, id="x")
    clock.advance(60)
    engine.resume(workflow, "x")
    assert recorder.types == ["workflow:start", "step:start", "workflow:error"]
    assert "lost its worker" in (recorder.events[-1].error or "")


def test_a_removed_key_is_told_as_none(make_engine: MakeEngine, recorder: Recorder) -> None:
    """Changes name what a step removed from data."""
    workflow = (
        Workflow("w").step("a", lambda ctx: ctx.data.update(n=1)).step("b", lambda ctx: ctx.data.clear())
    )
    make_engine(trace=[recorder]).execute(workflow, {})
    metas = [told.meta for told in recorder.events if told.type == "step:complete"]
    assert [meta and meta["changes"] for meta in metas] == [{"n": 1}, {"n": None}]


def test_progress_is_told(make_engine: MakeEngine, recorder: Recorder) -> None:
    """A handler's report is an event of its step."""
    workflow = Workflow("w").step("a", lambda ctx: ctx.progress(0.5, "half"), timeout=5)
    make_engine(trace=[recorder]).execute(workflow, {}, id="x")
    assert recorder.types[2] == "step:progress"
    assert recorder.events[2].to_dict() == {
        "type": "step:progress",
        "timestamp": NOW,
        "workflowId": "x",
        "workflowName": "w",
        "stepName": "a",
        "meta": {"fraction": 0.5, "message": "half"},
    }


def test_progress_without_a_sink_is_no_error(make_engine: MakeEngine) -> None:
    """A handler need not know whether anybody listens."""
    workflow = Workflow("w").step("a", lambda ctx: ctx.progress(1))
    assert make_engine().execute(workflow, {}).status == "completed"


def test_every_sink_is_told(make_engine: MakeEngine, recorder: Recorder) -> None:
    """Events go to each of several sinks."""
    make_engine(trace=[recorder, recorder]).execute(Workflow("w").step("a", one), {})
    assert recorder.types[:2] == ["workflow:start", "workflow:start"]


def test_paths_are_masked(make_engine: MakeEngine, recorder: Recorder) -> None:
    """A redacted path is masked in input, data, changes and outputs, in lists too; values stay as they are."""
    seen = []

    def work(ctx: Ctx) -> dict[str, Any]:
        seen.append(ctx.input["cards"][0]["number"])
        ctx.data["card"] = {"number": "4111", "name": "A"}
        return {"card": {"number": "4111"}, "secret": "s"}

    engine = make_engine(trace=[recorder], redact=["card.number", "cards.number", "secret", "none.at.all"])
    given = {"cards": [{"number": "4111", "name": "A"}, "odd"], "card": "no dict"}
    result = engine.execute(Workflow("w").step("a", work), given)
    start, _, complete, end = recorder.events
    assert start.input == {"cards": [{"number": "***", "name": "A"}, "odd"], "card": "no dict"}
    assert complete.meta == {
        "output": {"card": {"number": "***"}, "secret": "***"},
        "changes": {"card": {"number": "***", "name": "A"}},
    }
    assert end.data == {"card": {"number": "***", "name": "A"}}
    assert (seen, result.data["card"]["number"]) == (["4111"], "4111")


class Broken:
    """A sink that raises."""

    def emit(self, event: TraceEvent) -> None:
        """Raise."""
        raise RuntimeError("sink")

    def close(self) -> None:
        """Raise."""
        raise RuntimeError("sink")


def test_a_sink_that_raises_breaks_no_run(
    make_engine: MakeEngine, recorder: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    """Its errors are logged, and the other sinks are told and closed all the same."""
    engine = make_engine(trace=[Broken(), recorder])
    assert engine.execute(Workflow("w").step("a", one), {}).status == "completed"
    engine.engine.close()
    assert (len(recorder.events), recorder.closed) == (4, 1)
    assert [record.message.partition(" failed")[0] for record in caplog.records] == [
        *["trace sink Broken.emit"] * 4,
        "trace sink Broken.close",
    ]


def test_one_sink_instead_of_several_is_refused(recorder: Recorder) -> None:
    """An app says so when it is made, and so does `on`."""
    for trace in (recorder, "trace.ndjson", [object()]):
        given: Any = trace
        with pytest.raises(InvalidInput, match=r"^trace(\[0\])?: expected "):
            App([Workflow("w").step("a", one)], trace=given)
        with pytest.raises(InvalidInput, match=r"^trace(\[0\])?: expected "):
            App([Workflow("w").step("a", one)]).on(MemoryStorage(), trace=given)


def test_an_event_leaves_out_what_is_none() -> None:
    """The wire form has the fields that there are."""
    assert event().to_dict() == {
        "type": "step:start",
        "timestamp": NOW,
        "workflowId": "x",
        "workflowName": "w",
    }


def test_an_event_names_its_fields_as_the_format_does() -> None:
    """Every field has its wire name."""
    whole = event(
        step_name="a",
        step_index=0,
        commit=False,
        retries=0,
        max_retries=3,
        duration=1,
        error="e",
        status="failed",
        input={},
        data={},
        meta={},
    )
    assert list(whole.to_dict()) == [
        "type",
        "timestamp",
        "workflowId",
        "workflowName",
        "stepName",
        "stepIndex",
        "commit",
        "retries",
        "maxRetries",
        "duration",
        "error",
        "status",
        "input",
        "data",
        "meta",
    ]


@pytest.mark.parametrize(
    ("told", "line"),
    [
        (event(), "13:46:40.000  ·  x  w  start"),
        (event(type="step:complete", step_name="a", duration=12), "13:46:40.000  ✓  x  a  complete  12 ms"),
        (event(retries=2, step_name="a"), "13:46:40.000  ·  x  a  start  attempt 3"),
        (
            event(type="workflow:error", timestamp=NOW + 7, error="first\nsecond"),
            "13:46:40.007  ✘  x  w  error  first",
        ),
        (event(type="step:error", error="\x1b[2Jgone"), "13:46:40.000  ✗  x  w  error  \ufffd[2Jgone"),
        (event(type="signal:received"), "13:46:40.000  !  x  w  received"),
    ],
)
def test_the_console_writes_a_line_an_event(told: TraceEvent, line: str) -> None:
    """Time, mark, run, step or workflow, and what there is to say."""
    stream = io.StringIO()
    ConsoleTrace(stream).emit(told)
    assert stream.getvalue() == line + "\n"


def test_the_console_is_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a stream, lines go where they do not mix with output."""
    ConsoleTrace().emit(event())
    assert capsys.readouterr() == ("", "13:46:40.000  ·  x  w  start\n")


def test_a_console_that_cannot_show_the_marks_gets_plain_text() -> None:
    """A terminal with ASCII alone shows a question mark instead."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    ConsoleTrace(stream).emit(event())
    assert raw.getvalue() == b"13:46:40.000  ?  x  w  start\n"


def test_the_console_leaves_its_stream_open() -> None:
    """The stream is not the sink's own."""
    stream = io.StringIO()
    ConsoleTrace(stream).close()
    assert not stream.closed


def lines(path: Path) -> list[dict[str, Any]]:
    """Return the events of a file, each of them strict JSON."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    return [json.loads(line, parse_constant=refuse) for line in path.read_text().splitlines()]


def test_a_file_gets_a_line_an_event(make_engine: MakeEngine, tmp_path: Path) -> None:
    """Its folder is made, and each line stands in the file at once."""
    path = tmp_path / "deep" / "down" / "trace.ndjson"
    make_engine(trace=[NDJSONTrace(path)]).execute(Workflow("w").step("a", one), {}, id="x")
    assert [line["type"] for line in lines(path)] == [
        "workflow:start",
        "step:start",
        "step:complete",
        "workflow:complete",
    ]


def test_a_file_may_be_in_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bare name needs no folder."""
    monkeypatch.chdir(tmp_path)
    NDJSONTrace("trace.ndjson").emit(event())
    assert len(lines(tmp_path / "trace.ndjson")) == 1


def test_every_value_is_json(make_engine: MakeEngine, tmp_path: Path) -> None:
    """What JSON cannot say is said as text."""
    values = {
        "nan": nan,
        "inf": -inf,
        "datetime": datetime(2026, 1, 2, tzinfo=UTC),
        "date": date(2026, 1, 2),
        "time": time(3, 4),
        "timedelta": timedelta(seconds=1.5),
        "decimal": Decimal("1.10"),
        "uuid": UUID(int=1),
        "bytes": b"\xff",
        "tuple": (1, (2,)),
        "set": {1},
        "frozenset": frozenset({1}),
        "dict": {1: nan, (1, 2): None},
        "surrogate": "\ud800",
        "nested": [{"a": [nan]}],
    }

    def fill(ctx: Ctx) -> dict[str, Any]:
        ctx.data.update(values)
        return values

    path = tmp_path / "trace.ndjson"
    workflow = Workflow("w").step("a", fill)
    result = make_engine(trace=[NDJSONTrace(path)]).execute(workflow, {"n": nan})
    assert result.error is None
    told = lines(path)
    assert [line["type"] for line in told][2:] == ["step:complete", "workflow:complete"]
    assert told[0]["input"] == {"n": "nan"}
    assert told[-1]["data"]["inf"] == "-inf"


def test_a_file_is_appended_to(tmp_path: Path) -> None:
    """A second run of the program goes on where the first ended."""
    path = tmp_path / "trace.ndjson"
    for _ in range(2):
        sink = NDJSONTrace(path)
        sink.emit(event())
        sink.close()
    assert len(lines(path)) == 2


def test_a_file_may_be_begun_anew(tmp_path: Path) -> None:
    """With `reset` what was there is gone."""
    path = tmp_path / "trace.ndjson"
    path.write_text("old\n")
    NDJSONTrace(path, reset=True).emit(event())
    assert len(lines(path)) == 1


def test_two_writers_share_a_file(tmp_path: Path) -> None:
    """Every line stands whole, whoever wrote it."""
    path = tmp_path / "trace.ndjson"

    def write(sink: NDJSONTrace, name: str) -> None:
        for _ in range(200):
            sink.emit(event(workflow_id=name, meta={"pad": "x" * 500}))

    threads = [
        threading.Thread(target=write, args=(NDJSONTrace(path), f"writer {index}")) for index in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    written = [line["workflowId"] for line in lines(path)]
    assert [written.count("writer 0"), written.count("writer 1")] == [200, 200]


def test_a_file_that_cannot_be_opened_is_an_error(tmp_path: Path) -> None:
    """The error names the file, and nothing is left behind."""
    with pytest.raises(StoreError, match=r"the trace file .* cannot be opened: Is a directory"):
        NDJSONTrace(tmp_path)


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    """A file where the folder should be is in the way."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be opened"):
        NDJSONTrace(tmp_path / "file" / "trace.ndjson")


def test_a_file_may_be_closed_twice(tmp_path: Path) -> None:
    """The second time is no error, and closes nobody else's file."""
    sink = NDJSONTrace(tmp_path / "trace.ndjson")
    sink.close()
    with (tmp_path / "other").open("w") as other:
        sink.close()
        os.fstat(other.fileno())


def test_an_event_after_the_end_is_dropped(tmp_path: Path) -> None:
    """A closed sink writes nothing, and raises nothing."""
    sink = NDJSONTrace(tmp_path / "trace.ndjson")
    sink.close()
    sink.emit(event())
    assert lines(tmp_path / "trace.ndjson") == []


def test_a_forgotten_sink_closes_its_file(tmp_path: Path) -> None:
    """A sink that nobody holds leaves no file open."""
    sink = NDJSONTrace(tmp_path / "trace.ndjson")
    descriptor = sink._file
    assert descriptor is not None
    del sink
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_an_engine_closes_its_file(tmp_path: Path) -> None:
    """Closing the engine is enough."""
    sink = NDJSONTrace(tmp_path / "trace.ndjson")
    Engine(trace=[sink]).close()
    assert sink._file is None
