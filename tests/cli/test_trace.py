"""`flux trace`: trees out of a function's log, which moto keeps here, and out of trace files."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from flux_aws import CloudWatchTrace
from flux_aws._clients import session
from flux_cli._trace_view import flat_line
from flux_core import App, Context, Fatal, Retry, TraceEvent, Workflow
from flux_core._trace_line import event_of
from flux_core.trace import NDJSONTrace

from services.moto_server import ENVIRONMENT, moto_server

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator

    from click.testing import Result

EVENT = {
    "type": "workflow:start",
    "timestamp": 1_700_000_000_123,
    "workflowId": "r1",
    "workflowName": "order",
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings but those of the tests."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """The URL of moto's server."""
    with moto_server() as url:
        yield url


class Log:
    """A log group of its own, as a function writes to it."""

    def __init__(self, url: str) -> None:
        self.name = f"/aws/lambda/orders-{time.time_ns()}"
        self._stream = "2026/01/01/[$LATEST]1"
        self._client = session().client("logs", endpoint_url=url)
        self._client.create_log_group(logGroupName=self.name)
        self._client.create_log_stream(logGroupName=self.name, logStreamName=self._stream)

    def write(self, *lines: str, at: float | None = None) -> None:
        """Write lines, now or at that time."""
        moment = round((time.time() if at is None else at) * 1000)
        self._client.put_log_events(
            logGroupName=self.name,
            logStreamName=self._stream,
            logEvents=[{"timestamp": moment, "message": line} for line in lines],
        )


@pytest.fixture
def log(moto: str, monkeypatch: pytest.MonkeyPatch) -> Log:
    """A function's log; the environment says where AWS is."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto)
    return Log(moto)


def line(**fields: Any) -> str:
    """Return an event as a line of a log."""
    return json.dumps({"level": "INFO", "message": "workflow:start r1", "flux": EVENT | fields})


def order(*, fails: bool) -> Workflow[Any, Any]:
    """Return a workflow that retries, and may be rolled back."""
    tries = iter([ValueError("the oven is cold"), None])

    def bake(ctx: Context[Any, Any]) -> None:
        ctx.progress(0.5, "half way")
        if error := next(tries):
            raise error

    def send(ctx: Context[Any, Any]) -> None:
        if fails:
            raise Fatal("no courier")

    return (
        Workflow("order")
        .step("bake", bake, retries=Retry(1, initial=0), compensate=lambda ctx: None)
        .commit("send", send)
    )


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(EVENT),
        json.dumps({"message": "workflow:start r1", "flux": EVENT}),
        f"[INFO]\t2026-01-01T00:00:00.000Z\treq-1\t{json.dumps({'flux': EVENT})}\n",
        json.dumps({"timestamp": "2026-01-01T00:00:00Z", "level": "INFO", "message": {"flux": EVENT}}),
        json.dumps({"timestamp": "2026-01-01T00:00:00Z", "message": json.dumps({"flux": EVENT})}),
    ],
    ids=["file", "powertools", "prefix", "in an object", "in a text"],
)
def test_an_event_is_found_in_its_line(text: str) -> None:
    """An event is read from a trace file, from Powertools' JSON, behind Lambda's prefix and in Lambda's own JSON."""
    assert event_of(text) == TraceEvent("workflow:start", 1_700_000_000_123, "r1", "order")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "START RequestId: 1",
        "{",
        "[1, 2]",
        '{"flux": 1}',
        json.dumps({"flux": {"action": "tick"}}),
        json.dumps({"workflowId": "r1", "message": "an order of the app's own log"}),
        json.dumps({"flux": EVENT | {"timestamp": "now"}}),
        json.dumps({"flux": EVENT | {"timestamp": True}}),
        json.dumps({"flux": EVENT | {"timestamp": -1}}),
        json.dumps({"flux": EVENT | {"timestamp": 10**23}}),
        json.dumps({"_aws": {}, "workflow": "order", "RunStarted": [1.0]}),
        '{"a":' * 100_000,
    ],
)
def test_a_line_of_anything_else_is_none(text: str) -> None:
    """What is no trace event is passed over, whatever it is."""
    assert event_of(text) is None


def test_what_was_too_long_for_its_line_is_left_out() -> None:
    """Data that was shortened is text, and is not taken for data."""
    event = event_of(json.dumps({"flux": EVENT | {"data": '{"a":…', "shortened": {"data": 300_000}}}))
    assert event is not None
    assert event.data is None


@pytest.mark.parametrize("value", [True, 1.5, -1, 10**400], ids=["flag", "fraction", "negative", "huge"])
def test_a_number_that_is_none_is_left_out(value: object) -> None:
    """A duration that no run can have taken is not shown."""
    event = event_of(json.dumps({"flux": EVENT | {"duration": value}}))
    assert event is not None
    assert event.duration is None


def test_an_odd_line_hides_no_other(flux: Callable[..., Result], folder: Path) -> None:
    """A moment that no calendar has is somebody else's word; the events beside it are shown."""
    ended = EVENT | {"type": "workflow:complete", "status": "completed", "duration": 10**400}
    lines = [EVENT | {"timestamp": 10**23}, EVENT, ended]
    Path("trace.ndjson").write_text("\n".join(json.dumps(one) for one in lines))
    result = flux("trace", "trace.ndjson")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "r1  ✔ completed" in result.stdout


def test_an_endpoint_that_is_none_exits_with_2(flux: Callable[..., Result]) -> None:
    """What was typed wrong is named in one line."""
    result = flux("trace", "--log-group", "x", "--endpoint", "nonsense")
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
    assert "log group x cannot be called: Invalid endpoint: nonsense" in result.stderr


def test_every_event_of_a_run_comes_back(
    flux: Callable[..., Result], log: Log, capsys: pytest.CaptureFixture[str]
) -> None:
    """What CloudWatchTrace wrote is what `flux trace --json` gives, event for event."""
    sent: list[dict[str, Any]] = []

    class Kept(CloudWatchTrace):
        def emit(self, event: TraceEvent) -> None:
            super().emit(event)
            sent.append(event.to_dict())

    with App([order(fails=True)], trace=[Kept()]) as app:
        app.execute("order", {}, id="r1")
    log.write("START RequestId: 1", *capsys.readouterr().out.splitlines(), "REPORT RequestId: 1")
    result = flux("trace", "--log-group", log.name, "--json")
    assert [json.loads(text) for text in result.stdout.splitlines()] == sent


def test_a_tree_of_each_run(
    flux: Callable[..., Result], log: Log, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each run has a header with its status, below it its nodes, and below each its attempts and what went wrong."""
    with App([order(fails=True)], trace=[CloudWatchTrace(metrics=False)]) as app:
        app.execute("order", {}, id="r1")
    with App([order(fails=False)], trace=[CloudWatchTrace(metrics=False)]) as app:
        app.execute("order", {}, id="r2")
    log.write(*capsys.readouterr().out.splitlines())
    shown = flux("trace", "--log-group", log.name).stdout
    first, _, second = shown.partition("\n\n")
    lines = [re.sub(r"[0-9.]+ m?s", "TIME", text) for text in first.splitlines()]
    assert lines[0] == "r1  ↺ rolled_back"
    assert lines[2:] == [
        "├── ✓ bake  TIME",
        "│   ├── ✗ attempt 1  TIME  the oven is cold",
        "│   │   └── % 50% half way",
        "│   ├── ↻ back-off  TIME",
        "│   └── ✓ attempt 2  TIME",
        "│       └── % 50% half way",
        "├── ✗ send  TIME  no courier",
        "└── ◀ rollback  TIME",
        "    └── ⟲ bake  TIME  compensated",
    ]
    assert second.startswith("r2  ✔ completed\norder · started ")


def test_one_run_of_many(flux: Callable[..., Result], log: Log) -> None:
    """`--run` shows that run alone, not one whose id begins alike."""
    log.write(line(), line(workflowId="r11"), line(workflowId="r2"))
    result = flux("trace", "--log-group", log.name, "--run", "r1", "--json")
    assert [json.loads(text)["workflowId"] for text in result.stdout.splitlines()] == ["r1"]


def test_a_run_without_events_exits_with_3(flux: Callable[..., Result], log: Log) -> None:
    """A run of which the log says nothing is exit code 3, and the error says how to look farther back."""
    result = flux("trace", "--log-group", log.name, "--run", "r9")
    assert (result.exit_code, "--since 7d" in result.stderr) == (3, True)


def test_the_last_hour_is_the_default(flux: Callable[..., Result], log: Log) -> None:
    """Older events are shown if they are asked for."""
    log.write(line(), at=time.time() - 7200)
    assert (flux("trace", "--log-group", log.name).stdout) == ""
    assert "r1" in flux("trace", "--log-group", log.name, "--since", "3h").stdout


def test_an_empty_log_is_no_error(flux: Callable[..., Result], log: Log) -> None:
    """Where there are no events the command says so beside its answer."""
    result = flux("trace", "--log-group", log.name)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "no events\n")


def test_a_run_that_began_before_is_shown_from_where_it_is_seen(
    flux: Callable[..., Result], log: Log
) -> None:
    """Without its start a run has no start time, and a run without events of its own is running."""
    log.write(line(type="step:start", stepName="bake"))
    shown = flux("trace", "--log-group", log.name).stdout
    assert "r1  ▶ running" in shown
    assert "first seen 2023-11-14 22:13:20Z" in shown


def test_a_log_cannot_drive_the_terminal(flux: Callable[..., Result], log: Log) -> None:
    """Control characters out of a log are not written."""
    log.write(line(workflowName="or\x1b[31mder", type="step:error", stepName="b\x1bake", error="\x1b[2J"))
    assert "\x1b" not in flux("trace", "--log-group", log.name).stdout


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "step:\x1b]0;mine\x07", "workflowId": "r\x1b1\nr2", "stepName": "bake"},
        {"type": "step:compensate", "stepName": "bake", "status": "\x1b[2J\nr2"},
        {"type": "step:suspend", "stepName": "bake", "meta": {"until": 10**18, "signal": "\x1b[2J\n"}},
        {"type": "step:retry", "stepName": "bake", "meta": {"until": 10**400}},
        {"type": "step:progress", "stepName": "bake", "meta": {"fraction": 10**400, "message": "\x1b\n"}},
    ],
)
def test_what_no_engine_writes_is_shown_harmlessly(
    flux: Callable[..., Result], folder: Path, fields: dict[str, Any]
) -> None:
    """Neither controls nor numbers without end drive the terminal, break a line or end the command."""
    text = json.dumps(EVENT | fields)
    (folder / "trace.ndjson").write_text(text)
    shown = flux("trace", "trace.ndjson")
    assert (shown.exit_code, "\x1b" in shown.stdout) == (0, False)
    event = event_of(text)
    assert event is not None
    flat = flat_line(event).plain
    assert ("\x1b" in flat, "\n" in flat) == (False, False)


def test_follow_shows_each_event_once_and_ends_with_ctrl_c(
    spawn: Callable[..., subprocess.Popen[str]], log: Log
) -> None:
    """Events are shown as they come, late ones too, none twice; the interrupt is no error."""
    log.write(line(stepName="first"))
    process = spawn("trace", "--log-group", log.name, "--follow", "--every", "0.05")
    assert process.stdout is not None
    assert "first" in process.stdout.readline()
    log.write(line(stepName="second"))
    assert "second" in process.stdout.readline()
    log.write(line(stepName="late"), at=time.time() - 30)
    assert "late" in process.stdout.readline()
    time.sleep(0.2)  # a few more looks, which show nothing again
    process.send_signal(signal.SIGINT)
    rest, errors = process.communicate(timeout=10)
    assert (process.returncode, rest, errors) == (0, "", "")


def test_follow_as_json(spawn: Callable[..., subprocess.Popen[str]], log: Log) -> None:
    """With --json each event is a document on a line of its own, at once."""
    log.write(line())
    process = spawn("trace", "--log-group", log.name, "--follow", "--json")
    assert process.stdout is not None
    assert json.loads(process.stdout.readline()) == EVENT


def test_a_log_group_that_is_not_there_exits_with_3(flux: Callable[..., Result], log: Log) -> None:
    """The error names it, in one line."""
    result = flux("trace", "--log-group", "/aws/lambda/nope")
    assert (result.exit_code, len(result.stderr.splitlines())) == (3, 1)
    assert "there is no log group /aws/lambda/nope" in result.stderr


def test_without_a_region_the_error_says_how_to_name_one(
    flux: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where neither the environment nor an option names the region, it is exit code 2, in one line."""
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(name)
    result = flux("trace", "--log-group", "g")
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
    assert "no AWS region is known; set AWS_REGION" in result.stderr


def test_a_trace_file(flux: Callable[..., Result], folder: Path) -> None:
    """A file of NDJSONTrace is shown as a log is, whole by default."""
    with App([order(fails=False)], trace=[NDJSONTrace("trace.ndjson")]) as app:
        app.execute("order", {}, id="r1")
    with Path("trace.ndjson").open("a") as file:
        file.write(json.dumps(EVENT | {"workflowId": "r0"}))
    assert "r1  ✔ completed" in flux("trace", "trace.ndjson").stdout
    assert "r0" in flux("trace", "trace.ndjson").stdout
    assert "r0" not in flux("trace", "trace.ndjson", "--since", "1h").stdout


def test_a_file_is_looked_through_to_its_beginning(flux: Callable[..., Result], folder: Path) -> None:
    """Only where a time limits what is shown, the error says how to look farther back."""
    (folder / "trace.ndjson").write_text(json.dumps(EVENT))
    result = flux("trace", "trace.ndjson", "--run", "r9")
    assert (result.exit_code, result.stderr) == (3, "flux: no event of run 'r9' in trace.ndjson\n")
    result = flux("trace", "trace.ndjson", "--run", "r9", "--since", "1h")
    assert (result.exit_code, "--since 7d" in result.stderr) == (3, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["trace.ndjson", "--log-group", "g"], "one of them"),
        (["trace.ndjson", "--store", "sqlite:///orders.db"], "one of them"),
        (["."], "is a directory"),
        (["nope.ndjson"], "cannot be read"),
    ],
)
def test_wrong_usage_exits_with_2(flux: Callable[..., Result], arguments: list[str], said: str) -> None:
    """A source is named once, and is one."""
    result = flux("trace", *arguments)
    assert (result.exit_code, said in result.stderr) == (2, True)


def test_a_file_is_followed(spawn: Callable[..., subprocess.Popen[str]], folder: Path) -> None:
    """A file that is not there yet, grows in the middle of a line, is rotated and is deleted: each event comes once."""
    process = spawn("trace", "trace.ndjson", "--follow", "--every", "0.02")
    assert process.stdout is not None
    assert process.stderr is not None
    assert "trace.ndjson is not there; waiting for it" in process.stderr.readline()
    text = json.dumps(EVENT | {"stepName": "first"}) + "\n"
    with Path("trace.ndjson").open("a", buffering=1) as file:
        file.write(text[:40])
        file.flush()
        file.write(text[40:])
    assert "first" in process.stdout.readline()
    os.rename("trace.ndjson", "trace.1")  # noqa: PTH104 (as logrotate does)
    Path("trace.ndjson").write_text(json.dumps(EVENT | {"stepName": "second"}))
    assert "second" in process.stdout.readline()
    Path("trace.ndjson").unlink()
    assert "trace.ndjson is not there" in process.stderr.readline()
    Path("trace.ndjson").write_text("not of a trace\n" + json.dumps(EVENT | {"stepName": "third"}))
    assert "third" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    rest, errors = process.communicate(timeout=10)
    assert (process.returncode, rest, errors) == (0, "", "")


def test_a_file_of_anything_is_read(flux: Callable[..., Result], folder: Path) -> None:
    """Foreign lines, bytes that are no text and a line that is cut off keep no event from being shown."""
    noise = b"\xff\xfe\x00 no event\n\n[1]\n" + json.dumps(EVENT).encode() + b'\n{"type":"workflow:comp'
    Path("trace.ndjson").write_bytes(noise)
    result = flux("trace", "trace.ndjson")
    assert (result.exit_code, result.stdout.splitlines()[0]) == (0, "r1  ▶ running")


def test_only_the_last_runs_of_a_file_are_drawn(flux: Callable[..., Result], folder: Path) -> None:
    """A file of any length takes no more than so many trees; each run is to be had by its id."""
    Path("trace.ndjson").write_text(
        "\n".join(json.dumps(EVENT | {"workflowId": f"r{n}"}) for n in range(103))
    )
    result = flux("trace", "trace.ndjson")
    assert (result.stdout.count("▶ running"), "r2  " in result.stdout) == (100, False)
    assert "the last 100 runs of more; see others with --run ID" in result.stderr
    assert "r2  ▶ running" in flux("trace", "trace.ndjson", "--run", "r2").stdout


def test_a_terminal_is_as_wide_as_it_is(spawn: Callable[..., subprocess.Popen[str]], folder: Path) -> None:
    """On a terminal no line is wrapped: what there is no room for is left out."""
    text = json.dumps(EVENT | {"type": "step:error", "stepName": "bake", "error": "x" * 150})
    Path("trace.ndjson").write_text(text)
    shown = spawn("trace", "trace.ndjson", env=os.environ | {"FORCE_COLOR": "1", "COLUMNS": "40"})
    lines = re.sub(r"\x1b\[[0-9;]*m", "", shown.communicate()[0]).splitlines()
    assert [text[:10] for text in lines] == ["r1  ▶ runn", "order · fi", "└── · bake", "    └── ✗ "]
    assert lines[-1].endswith("x…")
    assert max(map(len, lines)) <= 40
