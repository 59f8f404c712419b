"""CloudWatchTrace: the lines, the metrics and the subsegments that a run leaves behind."""

from __future__ import annotations

import json
import subprocess
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from flux_aws import CloudWatchTrace, handler
from flux_aws._cloudwatch.lines import LONGEST
from flux_aws._sources.source import invocation_of
from flux_core import App, Context, Fatal, InvalidInput, Retry, TraceEvent, Workflow
from flux_core._invocation import CURRENT, Invocation
from flux_core.storage import MemoryStorage

if TYPE_CHECKING:
    from collections.abc import Iterator

Ctx = Context[dict[str, Any], dict[str, Any]]
Lines = list[dict[str, Any]]
ARN = "arn:aws:lambda:eu-west-1:123456789012:function:orders"
TRACE_ID = "1-5759e988-bd862e3fe1be46a994272793"
STARTED = TraceEvent(
    "workflow:start", 1_700_000_000_123, "r1", "order", status="running", input={"order_id": "o1"}
)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sandbox about which the environment says nothing."""
    for name in (
        "POWERTOOLS_SERVICE_NAME",
        "POWERTOOLS_METRICS_DISABLED",
        "_X_AMZN_TRACE_ID",
        "LAMBDA_TASK_ROOT",
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def invocation() -> Iterator[None]:
    """An invocation that is being served."""
    before = CURRENT.set(invoked("req-1"))
    yield
    CURRENT.reset(before)


def invoked(request: str) -> Invocation:
    """Return an invocation of that request id."""
    context: Any = SimpleNamespace(
        aws_request_id=request,
        function_name="orders",
        memory_limit_in_mb="256",
        invoked_function_arn=ARN,
        get_remaining_time_in_millis=lambda: 30_000,
    )
    return invocation_of({}, context)


def written(capsys: pytest.CaptureFixture[str]) -> Lines:
    """Return the lines on standard output."""
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def events(lines: Lines) -> list[str]:
    """Return the types of the events among the lines."""
    return [line["flux"]["type"] for line in lines if "flux" in line]


def metrics(lines: Lines) -> dict[str, tuple[float, str, dict[str, str]]]:
    """Return the metrics among the lines, by name: value, unit and dimensions."""
    found = {}
    for line in lines:
        for described in line.get("_aws", {}).get("CloudWatchMetrics", ()):
            assert described["Namespace"] == "Flux"
            dimensions = {name: line[name] for name in described["Dimensions"][0]}
            for metric in described["Metrics"]:
                (value,) = line[metric["Name"]]
                found[metric["Name"]] = (value, metric["Unit"], dimensions)
    return found


def run(workflow: Workflow[Any, Any], **options: Any) -> None:
    """Run the workflow once, traced."""
    with App([workflow], trace=[CloudWatchTrace(**options)]) as app:
        app.execute(workflow.name, {"order_id": "o1"}, id="r1")


@pytest.mark.usefixtures("invocation")
def test_a_line_has_the_keys_of_powertools_logger(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line has Powertools Logger's keys and the event under `flux`, in the trace format."""
    monkeypatch.setenv("_X_AMZN_TRACE_ID", f"Root={TRACE_ID};Parent=53995c3f42cd8ad8;Sampled=1")
    CloudWatchTrace(service="shop").emit(STARTED)
    line, _metric = written(capsys)
    assert line == {
        "level": "INFO",
        "location": "order",
        "message": "workflow:start r1",
        "timestamp": "2023-11-14T22:13:20.123+00:00",
        "service": "shop",
        "cold_start": True,
        "function_name": "orders",
        "function_memory_size": "256",
        "function_arn": ARN,
        "function_request_id": "req-1",
        "flux": STARTED.to_dict(),
        "xray_trace_id": TRACE_ID,
    }


@pytest.mark.usefixtures("invocation")
def test_the_keys_are_those_of_the_logger_itself(capsys: pytest.CaptureFixture[str]) -> None:
    """Powertools' own Logger, with the same context, writes no key that is not in ours."""
    from aws_lambda_powertools import Logger

    logger = Logger(service="other")
    current = CURRENT.get()
    assert current is not None
    logger.inject_lambda_context(lambda event, context: logger.info("here"))({}, current.context)
    CloudWatchTrace(metrics=False).emit(STARTED)
    theirs, ours = written(capsys)
    assert theirs.keys() == ours.keys() - {"flux"}


def test_outside_of_a_function_what_is_not_known_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    """Where there is no invocation, the keys that tell of it are not there."""
    CloudWatchTrace(metrics=False).emit(STARTED)
    (line,) = written(capsys)
    assert line.keys() == {"level", "location", "message", "timestamp", "service", "flux"}


def test_only_the_first_invocation_is_a_cold_start(capsys: pytest.CaptureFixture[str]) -> None:
    """Every line of the sandbox's first invocation says so, and no line of a later one."""
    trace = CloudWatchTrace(metrics=False)
    for request in ("req-1", "req-1", "req-2"):
        before = CURRENT.set(invoked(request))
        trace.emit(STARTED)
        CURRENT.reset(before)
    assert [line["cold_start"] for line in written(capsys)] == [True, True, False]


def test_an_invocation_that_says_nothing_is_the_cold_start(capsys: pytest.CaptureFixture[str]) -> None:
    """The sandbox's first invocation is the cold start, even if it had no event to write."""
    app = App(
        [Workflow("w").step("a", lambda ctx: 1)], MemoryStorage(), trace=[CloudWatchTrace(metrics=False)]
    )
    serve = handler(app)
    serve({"flux": {"action": "list"}}, invoked("req-1").context)
    serve({}, invoked("req-2").context)
    assert {line["cold_start"] for line in written(capsys)} == {False}


def test_outside_of_an_invocation_nothing_is_the_first(capsys: pytest.CaptureFixture[str]) -> None:
    """A sink that is told of an invocation while there is none takes no note of it."""
    trace = CloudWatchTrace(metrics=False, tracer=True)
    trace.begin_invocation()
    before = CURRENT.set(invoked("req-1"))
    trace.emit(STARTED)
    trace.end_invocation()
    CURRENT.reset(before)
    assert [line["cold_start"] for line in written(capsys)] == [True]


def test_the_environment_names_the_service(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """POWERTOOLS_SERVICE_NAME is the service of lines and of metrics."""
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "bakery")
    CloudWatchTrace().emit(STARTED)
    assert [line["service"] for line in written(capsys)] == ["bakery", "bakery"]


def test_levels(capsys: pytest.CaptureFixture[str]) -> None:
    """Errors are errors, retries are warnings, everything else is information."""
    attempts = iter([ValueError("once"), None])

    def flaky(ctx: Ctx) -> None:
        if error := next(attempts):
            raise error

    def fail(ctx: Ctx) -> None:
        raise Fatal("no")

    run(Workflow("order").step("a", flaky, retries=Retry(1, initial=0)).step("b", fail), metrics=False)
    levels = {line["flux"]["type"]: line["level"] for line in written(capsys)}
    assert levels.pop("step:error") == levels.pop("workflow:error") == "ERROR"
    assert levels.pop("step:retry") == "WARNING"
    assert set(levels.values()) == {"INFO"}


@pytest.mark.parametrize("field", ["data", "input", "meta", "error"])
def test_a_line_that_is_too_long_is_shortened(capsys: pytest.CaptureFixture[str], field: str) -> None:
    """What makes a line too long is cut, the line says how long it was, and the rest is whole."""
    huge: Any = "ä" * LONGEST if field == "error" else {"text": "ä" * LONGEST}
    CloudWatchTrace(metrics=False).emit(STARTED._replace(**{field: huge}))
    text = capsys.readouterr().out
    event = json.loads(text)["flux"]
    assert len(text.encode()) < 5000
    assert event[field].endswith("…")
    assert event["shortened"] == {
        field: len(json.dumps(huge, ensure_ascii=False, separators=(",", ":")).encode())
    }
    assert event["workflowId"] == "r1"


def test_a_line_just_short_enough_is_whole(capsys: pytest.CaptureFixture[str]) -> None:
    """A line of exactly the limit is left as it is, and one byte more is shortened."""
    trace = CloudWatchTrace(metrics=False)
    trace.emit(STARTED._replace(error=""))
    spare = LONGEST - len(capsys.readouterr().out.encode()) + 1
    trace.emit(STARTED._replace(error="x" * spare))
    trace.emit(STARTED._replace(error="x" * (spare + 1)))
    whole, cut = capsys.readouterr().out.splitlines()
    assert len(whole.encode()) == LONGEST
    assert ("shortened" in json.loads(whole)["flux"], "shortened" in json.loads(cut)["flux"]) == (False, True)


def test_half_a_character_breaks_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Text that UTF-8 cannot say is written as JSON's escape, and reads as it was."""
    CloudWatchTrace(metrics=False).emit(STARTED._replace(input="\ud800ä"))
    (line,) = written(capsys)
    assert line["flux"]["input"] == "\ud800ä"


@pytest.mark.filterwarnings("ignore:POWERTOOLS_DEV")
def test_a_line_is_one_line_where_powertools_prints_for_people(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """POWERTOOLS_DEV, which `sam local` may set, does not spread an event over many lines."""
    monkeypatch.setenv("POWERTOOLS_DEV", "true")
    CloudWatchTrace(metrics=False).emit(STARTED)
    assert events(written(capsys)) == ["workflow:start"]


def test_the_metrics_of_a_run_that_completes(capsys: pytest.CaptureFixture[str]) -> None:
    """A run and its steps are counted and timed, by service, workflow and step."""
    attempts = iter([ValueError("once"), None])

    def flaky(ctx: Ctx) -> None:
        if error := next(attempts):
            raise error

    run(Workflow("order").step("bake", flaky, retries=Retry(1, initial=0)), service="shop")
    found = metrics(written(capsys))
    of_run = {"service": "shop", "workflow": "order"}
    of_step = of_run | {"step": "bake"}
    assert set(found) == {"RunStarted", "StepRetried", "StepDuration", "RunCompleted", "RunDuration"}
    assert [found["RunStarted"], found["RunCompleted"]] == [(1, "Count", of_run)] * 2
    assert found["StepRetried"] == (1.0, "Count", of_step)
    timed = [found["RunDuration"][1:], found["StepDuration"][1:]]
    assert timed == [("Milliseconds", of_run), ("Milliseconds", of_step)]


def test_the_metrics_of_a_run_that_fails(capsys: pytest.CaptureFixture[str]) -> None:
    """A run that fails, with nothing to compensate, is counted and timed once."""
    run(Workflow("order").step("bake", _fail))
    assert metrics(written(capsys)).keys() == {"RunStarted", "RunFailed", "RunDuration"}


def test_the_metrics_of_a_run_that_is_rolled_back(capsys: pytest.CaptureFixture[str]) -> None:
    """A run that is rolled back is counted as that, not as failed besides, and timed once."""
    workflow = (
        Workflow("order").step("charge", lambda ctx: None, compensate=lambda ctx: None).step("bake", _fail)
    )
    run(workflow)
    lines = written(capsys)
    assert metrics(lines).keys() == {"RunStarted", "StepDuration", "RunRolledBack", "RunDuration"}
    assert sum("RunDuration" in line for line in lines) == 1


def _fail(ctx: Ctx) -> None:
    raise Fatal("no such bread")


def test_a_measurement_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    """`measure` writes a metric under the same namespace and service, of a workflow or of all."""
    trace = CloudWatchTrace(service="shop")
    trace.measure("LeaseLost", 1, unit="Count", workflow="order")
    trace.measure("DueAge", 2.5, unit="Seconds")
    assert metrics(written(capsys)) == {
        "LeaseLost": (1, "Count", {"service": "shop", "workflow": "order"}),
        "DueAge": (2.5, "Seconds", {"service": "shop"}),
    }


def test_without_metrics_there_are_lines_only(capsys: pytest.CaptureFixture[str]) -> None:
    """`metrics=False` leaves the metrics out, measurements too."""
    trace = CloudWatchTrace(metrics=False)
    trace.emit(STARTED)
    trace.measure("DueAge", 0, unit="Seconds")
    assert events(written(capsys)) == ["workflow:start"]


def test_powertools_own_switch_turns_metrics_off(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """POWERTOOLS_METRICS_DISABLED holds for these metrics too."""
    monkeypatch.setenv("POWERTOOLS_METRICS_DISABLED", "true")
    CloudWatchTrace().emit(STARTED)
    assert metrics(written(capsys)) == {}


def test_the_apps_own_metrics_are_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """Metrics that the app has gathered and not written yet are neither written nor changed."""
    from aws_lambda_powertools import Metrics

    own = Metrics(namespace="Shop", service="shop")
    own.add_metric("Loaves", "Count", 3)
    CloudWatchTrace(service="flux").emit(STARTED)
    lines = written(capsys)
    own.flush_metrics()
    (flushed,) = written(capsys)
    assert "Loaves" not in json.dumps(lines)
    assert (flushed["Loaves"], flushed["service"], "workflow" in flushed) == ([3.0], "shop", False)


def test_a_workflow_with_any_name_is_a_dimension(capsys: pytest.CaptureFixture[str]) -> None:
    """CloudWatch takes ASCII only: other characters of a name are escaped."""
    CloudWatchTrace().emit(STARTED._replace(workflow_name="brötchen"))
    assert metrics(written(capsys))["RunStarted"][2]["workflow"] == "br\\xf6tchen"


def test_the_sink_writes_nothing_when_it_is_closed(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is held back, and standard output stays open."""
    trace = CloudWatchTrace(metrics=False)
    trace.emit(STARTED)
    trace.close()
    print("open")
    assert capsys.readouterr().out.splitlines()[1:] == ["open"]


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the X-Ray SDK a tracer is refused when the app is made, with what to install."""
    monkeypatch.setattr("flux_aws._cloudwatch.trace.find_spec", lambda name: None)
    with pytest.raises(InvalidInput, match="pip install aws-lambda-powertools aws-xray-sdk"):
        CloudWatchTrace(tracer=True)


def test_nothing_is_loaded_before_the_first_event() -> None:
    """Making the sink loads neither Powertools nor the X-Ray SDK, and an event without a tracer loads no X-Ray SDK."""
    script = (
        "import sys\n"
        "from flux_aws import CloudWatchTrace\n"
        "from flux_core import TraceEvent\n"
        "trace = CloudWatchTrace()\n"
        "assert not {'aws_lambda_powertools', 'aws_xray_sdk', 'boto3', 'botocore'} & sys.modules.keys()\n"
        "trace.emit(TraceEvent('workflow:start', 0, 'r1', 'order'))\n"
        "assert 'aws_lambda_powertools' in sys.modules\n"
        "assert 'aws_xray_sdk' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, stdout=subprocess.DEVNULL)
