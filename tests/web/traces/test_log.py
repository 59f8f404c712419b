"""The runs that a function's log tells of: CloudWatch Logs as moto serves it, and what may go wrong in between."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from web.traces.writing import AT, line

from flux_aws._clients import session
from flux_aws._cloudwatch.logs import LogGroup
from flux_core import FluxError, StoreError, _trace_line
from flux_core._trace_line import LogLine, NewLines
from flux_web._traces import _log, open_cloudwatch

from services.moto_server import ENVIRONMENT, moto_server

if TYPE_CHECKING:
    from collections.abc import Iterator


class Line(NamedTuple):
    """A line of a log."""

    id: str
    time: int
    text: str


class Group:
    """A log whose lines come as the test says; one that is an error is raised."""

    name = "orders"

    def __init__(self, *lines: Line | Exception) -> None:
        self.lines = [*lines]

    def trace_lines(self, *, since: int, run: str | None = None) -> Iterator[Line]:
        """Give the lines from that time on."""
        for one in self.lines:
            if isinstance(one, Exception):
                raise one
            if one.time >= since:
                yield one


def said(number: int, **fields: Any) -> Line:
    """Return an event as a line of a log, of that number of milliseconds after the first."""
    text = line(timestamp=AT + number, **fields).decode()
    return Line(f"line {number}", AT + number, f"[INFO] {text}")


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The log is looked at whenever somebody asks."""
    monkeypatch.setattr(_log, "EVERY", 0.0)


def test_a_log_in_cloudwatch(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a function wrote is shown, and what it writes later; a group that is not there is refused at once."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    with moto_server() as url:
        client = session().client("logs", endpoint_url=url)
        client.create_log_group(logGroupName="orders")
        client.create_log_stream(logGroupName="orders", logStreamName="1")

        def write(**fields: Any) -> None:
            now = round(time.time() * 1000)
            text = line(timestamp=now, **fields).decode()
            client.put_log_events(
                logGroupName="orders", logStreamName="1", logEvents=[{"timestamp": now, "message": text}]
            )

        write()
        with open_cloudwatch(LogGroup("orders", endpoint=url), since=time.time() - 60) as runs:
            assert [run.status for run in runs.list()] == ["running"]
            write(type="workflow:complete", status="completed", data={"done": True})
            run = runs.get("r1")
            assert run is not None
            assert (run.status, run.data, runs.source) == ("completed", {"done": True}, "log group orders")
        with pytest.raises(FluxError, match="there is no log group nope"):
            open_cloudwatch(LogGroup("nope", endpoint=url), since=0)


def test_late_lines_take_their_place() -> None:
    """A log's lines come in any order: the run stands where its newest event says."""
    group = Group(said(9, type="workflow:complete", status="completed"))
    with open_cloudwatch(group, since=0) as runs:
        runs.list()
        group.lines += [said(1), said(3, type="step:start", stepName="bake", stepIndex=0)]
        page = runs.list()
        assert [(run.status, len(run.history)) for run in page] == [("completed", 1)]
        assert len(runs.list(status="completed")) == 1
        assert runs.list().runs == page.runs


def test_a_line_is_told_once() -> None:
    """However often it is read."""
    group = Group(said(1), said(2, type="signal:received", meta={"signal": "go"}))
    with open_cloudwatch(group, since=0) as runs:
        for _ in range(3):
            run = runs.get("r1")
            assert run is not None
            assert (run.inbox, run.revision) == (("signal go",), 2)


def test_of_a_long_log_only_the_last_minute_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where it failed in between; each line is given once, and those before are not remembered."""
    monkeypatch.setattr(_trace_line, "MANY", 5)
    every = [said(number * 10_000) for number in range(20)]
    group = Group(*every[:15], StoreError("no way through"))
    lines = NewLines(group, since=0)
    taken: list[LogLine] = []
    with pytest.raises(StoreError):
        taken.extend(lines.take())
    group.lines = [*every]
    taken.extend(lines.take())
    taken.extend(lines.take())
    assert [*map(id, taken)] == [*map(id, every)]
    assert [*lines._given] == [line.id for line in every[-7:]]


def test_a_log_that_cannot_be_read_for_a_while_is_told() -> None:
    """What was read is shown; people are told until it can be read again."""
    group = Group(said(1))
    with open_cloudwatch(group, since=0) as runs:
        group.lines.insert(0, StoreError("no way through"))
        assert len(runs.list()) == 1
        assert runs.note == "log group orders cannot be read: no way through"
        del group.lines[0]
        assert len(runs.list()) == 1
        notes = [runs.note]
        assert notes == [None]


def test_a_long_log_is_read_in_the_background(monkeypatch: pytest.MonkeyPatch) -> None:
    """Progress is the share of the time that has been read."""
    monkeypatch.setattr(_log, "PATIENCE", 0.0)
    group = Group(*(said(number, type="step:progress", stepName="bake") for number in range(300)))
    with open_cloudwatch(group, since=AT / 1000) as runs:
        assert 0 <= runs.progress <= 1
        ends = time.monotonic() + 20
        while runs.progress < 1 and time.monotonic() < ends:
            time.sleep(0.01)
        run = runs.get("r1")
        assert run is not None
        assert run.revision == 300
