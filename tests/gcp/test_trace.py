"""CloudLoggingTrace: the lines that a run leaves behind, and the request that they are tied to."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

import flux_gcp
from flux_core import App, Fatal, Retry, TraceEvent, Workflow
from flux_core._invocation import CURRENT, Invocation
from flux_core.storage import MemoryStorage
from flux_gcp._logging.context import project
from flux_gcp._logging.trace import LONGEST

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gcp.fronts import Front

TRACE_ID = "06796866738c859f2f19b7cfb3214824"
STARTED = TraceEvent(
    "workflow:start", 1_700_000_000_123, "r1", "order", status="running", input={"order_id": "o1"}
)
TRACE, SPAN = "logging.googleapis.com/trace", "logging.googleapis.com/spanId"
SAMPLED, LABELS = "logging.googleapis.com/trace_sampled", "logging.googleapis.com/labels"


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """Return what was written, a JSON object a line."""
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def line_under(headers: dict[str, str], capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """Return the line of an event that happens while a request with these headers is served."""
    before = CURRENT.set(Invocation({}, context=headers))
    flux_gcp.CloudLoggingTrace().emit(STARTED)
    CURRENT.reset(before)
    return lines(capsys)[0]


@pytest.fixture
def metadata(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A metadata server, as every instance of Cloud Run has it."""

    class Metadata(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.path == "/computeMetadata/v1/project/project-id" and self.headers["Metadata-Flavor"]
            self.send_response(200 if known else 404)
            self.end_headers()
            self.wfile.write(b"shop-1234")

        def log_message(self, *arguments: Any) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Metadata) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        monkeypatch.setenv("GCE_METADATA_HOST", f"127.0.0.1:{server.server_port}")
        monkeypatch.setenv("K_SERVICE", "orders")
        yield
        server.shutdown()
        thread.join()


def test_an_event_is_a_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    """Cloud Logging reads severity, message, time and labels; the event stands whole under `flux`."""
    flux_gcp.CloudLoggingTrace(service="shop").emit(STARTED)

    assert lines(capsys) == [
        {
            "severity": "INFO",
            "message": "workflow:start r1",
            "time": "2023-11-14T22:13:20.123Z",
            LABELS: {"service": "shop", "workflow": "order", "run": "r1"},
            "flux": STARTED.to_dict(),
        }
    ]


def test_failures_are_errors_and_retries_warnings(capsys: pytest.CaptureFixture[str]) -> None:
    """An alert on severity sees what failed, and nothing of what was retried."""
    attempts: list[int] = []

    def charge(ctx: Any) -> None:
        attempts.append(ctx.attempt)
        raise ConnectionError("no answer") if len(attempts) == 1 else Fatal("the card has expired")

    order = Workflow("order").commit("charge", charge, retries=Retry(1, initial=0.001))
    App([order], MemoryStorage(), trace=[flux_gcp.CloudLoggingTrace()]).execute("order", {})

    severities = {(line["flux"]["type"], line["severity"]) for line in lines(capsys)}
    assert {("step:retry", "WARNING"), ("step:error", "ERROR"), ("workflow:error", "ERROR")} <= severities
    assert ("workflow:start", "INFO") in severities


def test_the_service_is_the_one_on_cloud_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Lines are labelled with the name under which the function runs."""
    monkeypatch.setenv("K_SERVICE", "orders")
    flux_gcp.CloudLoggingTrace().emit(STARTED)

    assert lines(capsys)[0][LABELS]["service"] == "orders"


def test_a_line_is_tied_to_its_request(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The W3C header names trace and span, and whether the trace is kept."""
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "shop-1234")
    line = line_under({"traceparent": f"00-{TRACE_ID}-000000000000004a-01"}, capsys)

    assert (line[TRACE], line[SPAN], line[SAMPLED]) == (
        f"projects/shop-1234/traces/{TRACE_ID}",
        "000000000000004a",
        True,
    )


@pytest.mark.parametrize(
    ("header", "span", "sampled"),
    [
        (f"{TRACE_ID}/74;o=1", "000000000000004a", True),
        (f"{TRACE_ID}/74", "000000000000004a", False),
        (f"{TRACE_ID};o=0", None, False),
    ],
)
def test_googles_own_header_is_read(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    header: str,
    span: str | None,
    sampled: bool,  # noqa: FBT001
) -> None:
    """The older header has the span as a decimal number; a line has it in hex."""
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "shop-1234")
    line = line_under({"x-cloud-trace-context": header}, capsys)

    assert (line[TRACE], line.get(SPAN), line[SAMPLED]) == (
        f"projects/shop-1234/traces/{TRACE_ID}",
        span,
        sampled,
    )


@pytest.mark.parametrize("headers", [{}, {"traceparent": "00-xyz-1-01"}, {"x-cloud-trace-context": "?"}])
def test_a_request_without_a_trace_ties_nothing(
    capsys: pytest.CaptureFixture[str], headers: dict[str, str]
) -> None:
    """A header that cannot be read is as good as none."""
    assert TRACE not in line_under(headers, capsys)


@pytest.mark.usefixtures("metadata")
def test_the_project_is_the_platforms(capsys: pytest.CaptureFixture[str]) -> None:
    """On Cloud Run no variable names the project, but the metadata server does."""
    line = line_under({"traceparent": f"00-{TRACE_ID}-000000000000004a-00"}, capsys)

    assert line[TRACE] == f"projects/shop-1234/traces/{TRACE_ID}"


def test_without_its_project_a_trace_is_named_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A metadata server that cannot be reached costs the project's name, and no line."""
    monkeypatch.setenv("K_SERVICE", "orders")
    monkeypatch.setenv("GCE_METADATA_HOST", "127.0.0.1:9")

    assert line_under({"traceparent": f"00-{TRACE_ID}-000000000000004a-00"}, capsys)[TRACE] == TRACE_ID
    assert project() is None


def test_a_line_that_is_too_long_is_shortened(capsys: pytest.CaptureFixture[str]) -> None:
    """Cloud Logging would refuse it; `flux.shortened` says what was cut, and how long it was."""
    flux_gcp.CloudLoggingTrace().emit(STARTED._replace(input="x" * LONGEST, data={"kept": "whole"}))
    (line,) = lines(capsys)

    assert line["flux"]["shortened"] == {"input": LONGEST + 2}
    assert len(line["flux"]["input"]) < 2000
    assert line["flux"]["data"] == {"kept": "whole"}


def test_all_that_is_too_long_is_shortened(capsys: pytest.CaptureFixture[str]) -> None:
    """If one field is not enough, the next longest goes too."""
    long = STARTED._replace(input="x" * LONGEST, data={"text": "y" * LONGEST}, error="z" * LONGEST)
    flux_gcp.CloudLoggingTrace().emit(long)
    (line,) = lines(capsys)

    assert line["flux"]["shortened"].keys() == {"input", "data", "error"}


def test_a_measurement_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """A log-based metric finds the number under `flux`."""
    sink = flux_gcp.CloudLoggingTrace(service="shop")
    sink.measure("LeaseLost", 1, unit="Count", workflow="order")
    line = lines(capsys)[0]

    assert line["flux"] == {"metric": "LeaseLost", "value": 1, "unit": "Count", "workflowName": "order"}
    assert (line["message"], line[LABELS]) == ("LeaseLost 1 Count", {"service": "shop", "workflow": "order"})


def test_a_tick_measures_how_late_it_is(front: Front, capsys: pytest.CaptureFixture[str]) -> None:
    """The age of the oldest due run is written at each tick, for an alert to look at."""
    app = App(
        [Workflow("order").step("nothing", lambda ctx: None)],
        MemoryStorage(),
        trace=[flux_gcp.CloudLoggingTrace()],
    )
    front.post(front.control(app), {"flux": {"action": "tick"}})

    assert [line["flux"] for line in lines(capsys)] == [{"metric": "DueAge", "value": 0, "unit": "Seconds"}]


def test_a_sink_can_be_closed() -> None:
    """Standard output stays open: it is not the sink's own."""
    flux_gcp.CloudLoggingTrace().close()
    print("still there")
