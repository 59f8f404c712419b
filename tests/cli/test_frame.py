"""What holds for every command: help, errors, exit codes."""

from __future__ import annotations

import json
import logging
import re
from typing import TYPE_CHECKING

import click
import pytest

import flux_cli
from flux_cli._exit import GRAVEST_FIRST, MEANINGS, ExitCode, exit_code_of, failure_of, refusal_code
from flux_cli._main import COMMANDS, OneLineLog
from flux_core import (
    Interrupted,
    LeaseLost,
    NotSerializable,
    RunBusy,
    RunEnded,
    RunNotFound,
    RunStatus,
    SignalNotExpected,
    StepNotFound,
    StoreError,
    __version__,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result


def test_help_lists_every_exit_code(flux: Callable[..., Result]) -> None:
    """The exit codes in `flux --help` are those that there are."""
    listed = re.findall(r"^ +(\d+)  ", flux("--help").stdout, re.MULTILINE)
    assert [int(code) for code in listed] == list(ExitCode) == list(MEANINGS)


def test_help_lists_every_command(flux: Callable[..., Result]) -> None:
    """Each command is in `flux --help`."""
    listed = flux("--help").stdout.partition("Commands:")[2].partition("Exit codes:")[0]
    shown = re.findall(r"^  (\w+) ", listed, re.MULTILINE)
    assert sorted(shown) == sorted(command.name for command in COMMANDS if command.name)


def test_no_line_of_help_is_cut(flux: Callable[..., Result]) -> None:
    """Each command's line in `flux --help` is a whole sentence."""
    assert "..." not in flux("--help").stdout.partition("Commands:")[2]


def test_every_command_has_help(flux: Callable[..., Result]) -> None:
    """`flux COMMAND --help` explains the command, and is no error."""
    result = flux("show", "--help")
    assert (result.exit_code, "Show a run" in result.stdout) == (0, True)


def test_version(flux: Callable[..., Result]) -> None:
    """`flux --version` says which Flux it is."""
    assert flux("--version").stdout == f"flux {__version__}\n"


def test_wrong_usage_exits_with_2(flux: Callable[..., Result]) -> None:
    """A command that there is not is wrong usage."""
    result = flux("fly")
    assert (result.exit_code, "No such command 'fly'" in result.stderr) == (2, True)


def test_an_error_is_json_where_the_answer_is(flux: Callable[..., Result]) -> None:
    """With `--json` an error is one JSON object on standard error, wrong usage too."""
    result = flux("list", "--bogus", "--json")
    assert (result.exit_code, result.stdout) == (2, "")
    assert json.loads(result.stderr)["error"]["code"] == "USAGE"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (RunBusy("held", until=1.0), (ExitCode.NOT_NOW, "RUN_BUSY", "held")),
        (LeaseLost("lost"), (ExitCode.NOT_NOW, "LEASE_LOST", "lost")),
        (RunEnded("over"), (ExitCode.NOT_NOW, "RUN_ENDED", "over")),
        (SignalNotExpected("over"), (ExitCode.NOT_NOW, "SIGNAL_NOT_EXPECTED", "over")),
        (Interrupted("who knows"), (ExitCode.RUN_FAILED, "INTERRUPTED", "who knows")),
        (StoreError("gone"), (ExitCode.STORE_FAILED, "STORE_ERROR", "gone")),
        (NotSerializable("odd", path="a"), (ExitCode.USAGE, "NOT_SERIALIZABLE", "a: odd")),
        (click.UsageError("what?"), (ExitCode.USAGE, "USAGE", "what?")),
        (KeyboardInterrupt(), (ExitCode.INTERRUPTED, "INTERRUPTED", "interrupted, or not confirmed")),
    ],
)
def test_an_error_has_the_exit_code_of_its_class(
    error: BaseException, told: tuple[ExitCode, str, str]
) -> None:
    """An error leads to the exit code of its class or the nearest one above it, and keeps its own code."""
    assert failure_of(error) == told


@pytest.mark.parametrize(("status", "code"), [*zip(RunStatus, [6, 6, 6, 6, 0, 1, 1, 6, 1, 1], strict=True)])
def test_a_run_has_the_exit_code_of_its_status(status: RunStatus, code: int) -> None:
    """Completed is 0, any other end 1; what has not ended is 6."""
    assert exit_code_of(status) == code


def test_a_run_that_stands_where_it_was_to_be_brought_is_done() -> None:
    """A status that the command was asked for is 0, whatever it would be otherwise."""
    assert exit_code_of(RunStatus.CANCELLED, asked=(RunStatus.CANCELLED,)) == 0


def test_of_many_runs_the_gravest_counts() -> None:
    """A defect goes before a failing store, this before a failed run, a run that was busy, one that is suspended."""
    assert [*GRAVEST_FIRST] == [70, 5, 1, 4, 6, 0]


@pytest.mark.parametrize(
    ("error", "code"),
    [(ZeroDivisionError(), 70), (StoreError(), 5), (RunEnded(), 4), (RunNotFound(), 4), (StepNotFound(), 4)],
)
def test_one_of_many_runs_that_cannot_be_worked_on(error: Exception, code: int) -> None:
    """A defect and a failing store keep their exit code; any other error is that run's, and not possible."""
    assert refusal_code(failure_of(error)) == code


def test_a_defect_is_one_line(flux: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that nobody expected is told in one line, which says how to see more."""
    monkeypatch.setattr("flux_cli._answer.print_document", lambda page: 1 / 0)
    result = flux("list", "--store", "memory://", "--json")
    assert (result.exit_code, len(result.stderr.splitlines())) == (70, 1)
    assert "FLUX_DEBUG=1" in json.loads(result.stderr)["error"]["message"]


def test_a_defect_is_traced_when_debugging(
    flux: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With FLUX_DEBUG=1 the traceback comes before that line."""
    monkeypatch.setattr("flux_cli._answer.print_document", lambda page: 1 / 0)
    result = flux("list", "--store", "memory://", "--json", env={"FLUX_DEBUG": "1"})
    assert (result.exit_code, result.stderr.splitlines()[0]) == (70, "Traceback (most recent call last):")


def test_an_error_of_the_user_is_not_traced_when_debugging(flux: Callable[..., Result]) -> None:
    """FLUX_DEBUG=1 is for defects: wrong input shows no traceback even then."""
    assert "Traceback" not in flux("run", "bread", "--input", "{}", env={"FLUX_DEBUG": "1"}).output


def test_without_its_packages_the_command_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where rich is not installed, `flux` says how to get it, and exits with 2."""
    monkeypatch.setattr(flux_cli, "find_spec", lambda package: None if package == "rich" else package)
    with pytest.raises(SystemExit) as ended:
        flux_cli.main()
    assert (ended.value.code, capsys.readouterr().err) == (
        2,
        "flux: the command line needs rich: pip install 'flux-serverless[cli]'\n",
    )


def logged(message: str, error: Exception | None = None) -> logging.LogRecord:
    """Return a record of the engine's log."""
    exc_info = (type(error), error, None) if error else None
    return logging.makeLogRecord({"name": "flux", "msg": message, "exc_info": exc_info})


def test_a_log_record_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the engine logs is told in one line, with the error and without its traceback."""
    monkeypatch.delenv("FLUX_DEBUG", raising=False)
    OneLineLog().handle(logged("hook failed", ValueError("no")))
    OneLineLog().handle(logged("hot"))
    assert capsys.readouterr().err == "flux: hook failed: ValueError: no\nflux: hot\n"


def test_a_log_record_is_traced_when_debugging(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With FLUX_DEBUG=1 the error that was logged is shown as Python shows it."""
    monkeypatch.setenv("FLUX_DEBUG", "1")
    OneLineLog().handle(logged("hook failed", ValueError("no")))
    assert capsys.readouterr().err == "flux: hook failed\nValueError: no\n"
