"""What the command's exit code means, and which error leads to which."""

from __future__ import annotations

import os
from enum import IntEnum
from traceback import format_exception
from typing import TYPE_CHECKING, Final, NamedTuple

import click

from flux_core import (
    Conflict,
    DefinitionChanged,
    FluxError,
    InputMismatch,
    Interrupted,
    LeaseLost,
    NotRetryable,
    RunBusy,
    RunEnded,
    RunExists,
    RunNotFound,
    RunStatus,
    SignalNotExpected,
    StepNotFound,
    StoreError,
    StoreNotFound,
)

if TYPE_CHECKING:
    from collections.abc import Container


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
    ExitCode.RUN_FAILED: "the run failed, or ended cancelled or rolled back",
    ExitCode.USAGE: "wrong usage, or input that cannot be taken",
    ExitCode.NOT_FOUND: "no such run, step, store, function or log group",
    ExitCode.NOT_NOW: "busy, or not possible as the run stands",
    ExitCode.STORE_FAILED: "the store failed, or a service that the command needs",
    ExitCode.SUSPENDED: "the run is saved and has not ended: it will go on, waits, or is paused",
    ExitCode.INTERNAL: "a defect in flux; FLUX_DEBUG=1 shows where",
    ExitCode.INTERRUPTED: "interrupted, or not confirmed",
}

GRAVEST_FIRST: Final = (
    ExitCode.INTERNAL,
    ExitCode.STORE_FAILED,
    ExitCode.RUN_FAILED,
    ExitCode.NOT_NOW,
    ExitCode.SUSPENDED,
    ExitCode.DONE,
)
"""A command that works on many runs exits with the first of these that one of them led to."""

_OF_STATUS: Final = {
    RunStatus.COMPLETED: ExitCode.DONE,
    RunStatus.FAILED: ExitCode.RUN_FAILED,
    RunStatus.CANCELLED: ExitCode.RUN_FAILED,
    RunStatus.ROLLED_BACK: ExitCode.RUN_FAILED,
    RunStatus.COMPENSATION_FAILED: ExitCode.RUN_FAILED,
}

_OF_ERROR: dict[type[BaseException], ExitCode] = {
    FluxError: ExitCode.USAGE,  # what no other line says is for the caller to correct
    RunNotFound: ExitCode.NOT_FOUND,
    StepNotFound: ExitCode.NOT_FOUND,
    RunBusy: ExitCode.NOT_NOW,
    LeaseLost: ExitCode.NOT_NOW,
    NotRetryable: ExitCode.NOT_NOW,
    RunEnded: ExitCode.NOT_NOW,
    SignalNotExpected: ExitCode.NOT_NOW,
    InputMismatch: ExitCode.NOT_NOW,
    DefinitionChanged: ExitCode.NOT_NOW,
    RunExists: ExitCode.NOT_NOW,
    Conflict: ExitCode.NOT_NOW,
    Interrupted: ExitCode.RUN_FAILED,
    StoreError: ExitCode.STORE_FAILED,
    StoreNotFound: ExitCode.NOT_FOUND,
    click.ClickException: ExitCode.USAGE,
    click.Abort: ExitCode.INTERRUPTED,
    KeyboardInterrupt: ExitCode.INTERRUPTED,
    Exception: ExitCode.INTERNAL,
}


class NotThere(FluxError, LookupError):
    """What a command was to work with is not there: a function, a log group, events."""

    code = "NOT_THERE"

    @classmethod
    def instead_of(cls, error: FluxError) -> FluxError:
        """Return the error of an adapter as one of these, if it says that something is not there."""
        return cls(str(error)) if isinstance(error, LookupError) else error


class FunctionFailed(FluxError, RuntimeError):
    """A deployed function failed, or did not answer as a handler of Flux does."""

    code = "FUNCTION_FAILED"


class Refused(FluxError):
    """What a deployed function has raised, an error of Flux's own.

    Attributes:
        kind: the class of the error.
    """

    def __init__(self, kind: type[FluxError], message: str) -> None:
        super().__init__(message)
        self.kind = kind


_OF_ERROR |= {
    NotThere: ExitCode.NOT_FOUND,
    FunctionFailed: ExitCode.STORE_FAILED,
}


class Failure(NamedTuple):
    """An error as the command line tells it."""

    exit: ExitCode
    code: str
    """Stable, upper snake case: the error's own if Flux raised it, else the exit code's name."""
    message: str


def exit_code_of(status: RunStatus, *, asked: Container[RunStatus] = ()) -> ExitCode:
    """Return the exit code for how a run stood when the command that worked on it returned.

    Args:
        status: where the run stood.
        asked: where the command was to bring it, if that is not to its completion.
    """
    return ExitCode.DONE if status in asked else _OF_STATUS.get(status, ExitCode.SUSPENDED)


def failure_of(error: BaseException) -> Failure:
    """Return the error with its exit code: that of its class, or of the nearest class above it."""
    raised = error.kind if isinstance(error, Refused) else type(error)
    exit_code = next(_OF_ERROR[kind] for kind in raised.__mro__ if kind in _OF_ERROR)
    if isinstance(error, click.ClickException):
        return Failure(exit_code, exit_code.name, error.format_message())
    if exit_code is ExitCode.INTERNAL:
        message = f"this is a defect in flux: {type(error).__name__}: {error} (FLUX_DEBUG=1 shows where)"
        return Failure(exit_code, exit_code.name, message)
    code = raised.code if issubclass(raised, FluxError) else exit_code.name
    return Failure(exit_code, code, str(error) or MEANINGS[exit_code])


def refusal_code(failure: Failure) -> ExitCode:
    """Return the exit code for one of many runs that could not be worked on."""
    return failure.exit if failure.exit in GRAVEST_FIRST else ExitCode.NOT_NOW


def show_defect(error: BaseException) -> None:
    """Write where the error comes from to standard error, if it is a defect and FLUX_DEBUG=1 asks for it."""
    if debugging() and failure_of(error).exit is ExitCode.INTERNAL:
        click.echo("".join(format_exception(error)), err=True, nl=False)


def debugging() -> bool:
    """Whether FLUX_DEBUG=1 asks for tracebacks."""
    return os.environ.get("FLUX_DEBUG") == "1"
