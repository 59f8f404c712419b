"""`flux --remote` and `flux trace` with a function in the real Lambda runtime."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from services.lambda_rie import LambdaRuntime
from services.moto_server import ENVIRONMENT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from click.testing import Result

APP = """
import flux_aws
from flux_core import App, Workflow

ask = Workflow("ask").step("greet", lambda ctx: "hello").wait("answer")
app = App([ask], trace=[flux_aws.CloudWatchTrace(service="asking")])
handler = flux_aws.handler(app)
"""


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LambdaRuntime]:
    """A function that runs `ask`, with its runs in a file."""
    folder = tmp_path_factory.mktemp("function")
    (folder / "app.py").write_text(APP)
    with LambdaRuntime(folder, env={"FLUX_STORE": f"sqlite:///{folder}/runs.db"}, timeout=30) as function:
        yield function


@pytest.fixture
def remote(
    flux: Callable[..., Result], runtime: LambdaRuntime, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Result]:
    """Run the command on the function."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    url = f"lambda://function?endpoint=http://127.0.0.1:{runtime._port}"
    return lambda *arguments: flux("--remote", url, *arguments)


def test_a_run_goes_all_its_way(remote: Callable[..., Result]) -> None:
    """A run is started, listed, sent its signal and shown, each by a call of the function."""
    assert remote("run", "ask", "--input", "{}", "--id", "r1").exit_code == 6
    assert [run["id"] for run in json.loads(remote("list", "--json").stdout)["runs"]] == ["r1"]
    assert remote("signal", "r1", "answer", "--payload", "42").exit_code == 0
    document = json.loads(remote("show", "r1", "--json").stdout)
    assert (document["status"], document["results"]) == ("completed", {"greet": "hello", "answer": 42})


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["show", "nope"], 3, "no run 'nope'"),
        (["run", "nope", "--input", "{}"], 2, "no workflow 'nope'"),
        (["run", "ask", "--input", "[]"], 2, "expected dict, got list"),
    ],
)
def test_an_error_is_told_as_the_local_command_tells_it(
    remote: Callable[..., Result], arguments: list[str], code: int, said: str
) -> None:
    """What the function raises keeps its words and its exit code."""
    result = remote(*arguments)
    assert (result.exit_code, said in result.stderr) == (code, True)


def test_the_functions_log_is_a_trace(
    remote: Callable[..., Result], flux: Callable[..., Result], runtime: LambdaRuntime
) -> None:
    """What the function has logged, between the platform's own lines, shows as the run's timeline."""
    remote("run", "ask", "--input", "{}", "--id", "r2")
    Path("function.log").write_text(runtime.log)
    shown = flux("trace", "function.log", "--run", "r2").stdout
    assert "r2  … suspended" in shown
    assert "├── ✓ greet  " in shown


def test_a_line_knows_its_invocation(remote: Callable[..., Result], runtime: LambdaRuntime) -> None:
    """In the real runtime a line carries the function's name, memory, ARN and request id."""
    remote("run", "ask", "--input", "{}", "--id", "r3")
    (line,) = [
        json.loads(text) for text in runtime.log.splitlines() if '"message":"workflow:start r3"' in text
    ]
    assert (line["service"], line["function_name"], line["level"]) == ("asking", "function", "INFO")
    assert line["function_arn"].startswith("arn:aws:lambda:")
    assert len(line["function_request_id"]) == 36
    assert {"cold_start", "function_memory_size", "timestamp", "location"} <= line.keys()
