"""`flux dev`: the viewer on this computer, as a process."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from typing import TYPE_CHECKING
from urllib.error import HTTPError

import pytest
from cli.bakery import app as bakery
from cli.test_process import PATIENCE
from cli.test_serve import address, ask

from flux_aws._clients import session
from flux_cli import _dev
from flux_core import App
from flux_core.storage import SQLiteStorage
from flux_core.trace import NDJSONTrace

from services.moto_server import ENVIRONMENT, moto_server

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

    Spawn = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def traced(folder: Path) -> Path:
    """A trace file, and the store of the same run beside it."""
    file = folder / "trace.ndjson"
    with App(bakery.workflows, SQLiteStorage("flux.db"), trace=[NDJSONTrace(file)]) as app:
        app.execute("order", {"order_id": "o1", "items": [{"product_id": "rye", "qty": 1}]}, id="r1")
    return file


def stop(process: subprocess.Popen[str]) -> int:
    """Return the exit code after Ctrl-C."""
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE)
    return process.returncode


def test_a_trace_file_is_shown_and_cannot_be_acted_on(spawn: Spawn, traced: Path) -> None:
    """Without an app, and without a token although one is set."""
    process = spawn("dev", "--trace", traced.name, "--port", "0", "--redact", "order_id")
    url, what = address(process)
    assert what == f"trace {traced.name}, to look at; Ctrl-C ends it"
    about = ask(f"{url}viewer/about")
    assert (about["acts"], about["role"], about["tokens"]) == (False, "operate", False)
    assert [run["id"] for run in ask(f"{url}runs")["runs"]] == ["r1"]
    run = ask(f"{url}runs/r1")
    assert (run["status"], run["input"]["order_id"]) == ("completed", "***")
    assert stop(process) == 0


def test_a_trace_that_is_not_there_yet_is_said(
    flux: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may come, or its name be misspelt."""
    said: list[str] = []
    monkeypatch.setattr(_dev, "until_stopped", lambda *_, what, **__: said.append(what))
    flux("dev", "--trace", "trase.ndjson")
    assert said == ["trace trase.ndjson, to look at; there is no trace file trase.ndjson yet"]


def test_a_store_is_shown_and_the_app_acts_on_it(spawn: Spawn, traced: Path, folder: Path) -> None:
    """With the app that is found as by every command; it does not go on with what is due, and masks what is named."""
    browser = folder / "browser.py"
    browser.write_text(
        f"#!{sys.executable}\nimport sys; open({str(folder / 'seen')!r}, 'w').write(sys.argv[1])\n"
    )
    browser.chmod(0o755)
    process = spawn(
        *("dev", "--port", "0", "--redact", "order_id", "--open", "--store", "sqlite:///flux.db"),
        env=os.environ | {"BROWSER": str(browser), "FLUX_OPERATE_TOKEN": "is-not-looked-at-here"},
    )
    url, what = address(process)
    assert what == "sqlite:///flux.db; Ctrl-C ends it"
    assert ask(f"{url}viewer/about")["acts"] is True
    ask(f"{url}workflows/cake/runs", body={"order_id": "o2"}, **{"Idempotency-Key": "r2"})
    paused = ask(f"{url}runs/r2/pause", body={})
    assert (paused["status"], ask(f"{url}runs/r2")["input"]["order_id"]) == ("paused", "***")
    assert (folder / "seen").read_text() == url
    assert stop(process) == 0


def test_a_store_without_an_app_is_only_shown(
    spawn: Spawn, traced: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says so."""
    monkeypatch.delenv("FLUX_APP")
    process = spawn("dev", "--port", "0")
    url, what = address(process)
    assert what.startswith("sqlite:////")
    assert what.endswith("flux.db, to look at: no app is named; Ctrl-C ends it")
    with pytest.raises(HTTPError, match="403"):
        ask(f"{url}runs/r1/pause", body={})
    assert stop(process) == 0


def test_the_log_of_a_function_is_shown(
    spawn: Spawn, flux: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What its CloudWatchTrace has written; one that is not there is exit code 3."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    event = {
        "type": "workflow:start",
        "timestamp": round(time.time() * 1000),
        "workflowId": "r1",
        "workflowName": "order",
    }
    group, stream = "/aws/lambda/bakery", "2026/01/01/[$LATEST]1"
    with moto_server() as aws:
        client = session().client("logs", endpoint_url=aws)
        client.create_log_group(logGroupName=group)
        client.create_log_stream(logGroupName=group, logStreamName=stream)
        client.put_log_events(
            logGroupName=group,
            logStreamName=stream,
            logEvents=[{"timestamp": round(time.time() * 1000), "message": json.dumps({"flux": event})}],
        )
        process = spawn("dev", "--cloudwatch", group, "--endpoint", aws, "--port", "0")
        url, what = address(process)
        assert what == f"log group {group}, to look at; Ctrl-C ends it"
        assert [run["id"] for run in ask(f"{url}runs")["runs"]] == ["r1"]
        assert stop(process) == 0
        absent = flux(
            "dev", "--cloudwatch", "/aws/lambda/cellar", "--endpoint", aws, "--since", "2d", "--port", "0"
        )
    assert absent.exit_code == 3
    assert "/aws/lambda/cellar" in absent.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--trace", "a", "--cloudwatch", "b"), "--trace and --cloudwatch each say what is shown"),
        (("--trace", "a", "--store", "memory://"), "--trace and --store each say what is shown"),
        (("--remote", "lambda://orders"), "what is shown is a store, a trace or a log"),
        (("--port", "65536"), "65536 is not in the range"),
        (("--trace", "a", "--since", "2h", "--region", "x"), "--since and --region say more of a log"),
        (("--endpoint", "http://localhost"), "give --cloudwatch too"),
    ],
)
def test_what_cannot_be_shown_is_wrong_usage(
    flux: Callable[..., Result], arguments: tuple[str, ...], said: str
) -> None:
    """Two sources, a function, no such port."""
    result = flux("dev", *arguments)
    assert result.exit_code == 2
    assert said in result.stderr


def test_a_store_that_is_not_there_is_not_made(
    flux: Callable[..., Result], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without an app nobody could put a run into it."""
    monkeypatch.delenv("FLUX_APP")
    result = flux("dev", "--port", "0")
    assert result.exit_code == 3
    assert "there is no store" in result.stderr
    assert [*folder.iterdir()] == []


def test_a_trace_that_cannot_be_read_is_said(flux: Callable[..., Result], folder: Path) -> None:
    """Such as a folder."""
    result = flux("dev", "--trace", str(folder), "--port", "0")
    assert result.exit_code == 2
    assert str(folder) in result.stderr
