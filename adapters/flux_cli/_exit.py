"""What the command's exit code means, and which error leads to which."""

from __future__ import annotations

from enum import IntEnum
from typing import Final, NamedTuple

import click

from flux_core import (
    Conflict,
    DefinitionChanged,
    FluxError,
    InputMismatch,
    LeaseLost,
    NotRetryable,
    RunBusy,
    RunExists,
    RunNotFound,
    RunStatus,
    StepNotFound,
    StoreError,
)


class ExitCode(IntEnum):
    """What the command tells the shell; `MEANINGS` says it in words."""

    DONE = 0
    RUN_FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    NOT_NOW = 4
    STORE_FAILED = 5
    SUSPENDED = 6
    INTERNAL = 70
    INTERRUPTED = 130


MEANINGS: Final = {
    ExitCode.DONE: "done: the run completed, or the command did what it was asked",
    ExitCode.RUN_FAILED: "the run failed",
    ExitCode.USAGE: "wrong usage, or input that cannot be taken",
    ExitCode.NOT_FOUND: "no such run, step or store",
    ExitCode.NOT_NOW: "busy, or not possible as the run stands",
    ExitCode.STORE_FAILED: "the store failed",
    ExitCode.SUSPENDED: "the run is saved and will go on",
    ExitCode.INTERNAL: "a defect in flux; FLUX_DEBUG=1 shows where",
    ExitCode.INTERRUPTED: "interrupted, or not confirmed",
}

_OF_STATUS: Final = {RunStatus.COMPLETED: ExitCode.DONE, RunStatus.FAILED: ExitCode.RUN_FAILED}

_OF_ERROR: Final[dict[type[BaseException], ExitCode]] = {
    FluxError: ExitCode.USAGE,  # what no other line says is for the caller to correct
    RunNotFound: ExitCode.NOT_FOUND,
    StepNotFound: ExitCode.NOT_FOUND,
    RunBusy: ExitCode.NOT_NOW,
    LeaseLost: ExitCode.NOT_NOW,
    NotRetryable: ExitCode.NOT_NOW,
    InputMismatch: ExitCode.NOT_NOW,
    DefinitionChanged: ExitCode.NOT_NOW,
    RunExists: ExitCode.NOT_NOW,
    Conflict: ExitCode.NOT_NOW,
    StoreError: ExitCode.STORE_FAILED,
    click.ClickException: ExitCode.USAGE,
    click.Abort: ExitCode.INTERRUPTED,
    KeyboardInterrupt: ExitCode.INTERRUPTED,
    Exception: ExitCode.INTERNAL,
}


class StoreNotFound(FluxError, LookupError):
    """There is no store where one was to be read."""

    code = "STORE_NOT_FOUND"


_OF_ERROR[StoreNotFound] = ExitCode.NOT_FOUND


class Failure(NamedTuple):
    """An error as the command line tells it."""

    exit: ExitCode
    code: str
    """Stable, upper snake case: the error's own if Flux raised it, else the exit code's name."""
    message: str


def exit_code_of(status: RunStatus) -> ExitCode:
    """Return the exit code for how a run stood when the command that worked on it returned."""
    return _OF_STATUS.get(status, ExitCode.SUSPENDED)


def failure_of(error: BaseException) -> Failure:
    """Return the error with its exit code: that of its class, or of the nearest class above it."""
    exit_code = next(_OF_ERROR[kind] for kind in type(error).__mro__ if kind in _OF_ERROR)
    if isinstance(error, click.ClickException):
        return Failure(exit_code, exit_code.name, error.format_message())
    if exit_code is ExitCode.INTERNAL:
        message = f"this is a defect in flux: {type(error).__name__}: {error} (FLUX_DEBUG=1 shows where)"
        return Failure(exit_code, exit_code.name, message)
    code = error.code if isinstance(error, FluxError) else exit_code.name
    return Failure(exit_code, code, str(error) or MEANINGS[exit_code])
