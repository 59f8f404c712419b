"""The command's frame: how commands are called, how errors are told, which exit code comes out."""

from __future__ import annotations

import json
import logging
import os
import sys
from io import TextIOWrapper
from typing import Final

import click

from flux_cli._building import build
from flux_cli._dev import dev
from flux_cli._exit import GRAVEST_FIRST, MEANINGS, ExitCode, debugging, failure_of, show_defect
from flux_cli._graph import graph
from flux_cli._options import app_option, remote_option, store_option
from flux_cli._reading import delete, list_runs, show
from flux_cli._running import resume, retry, run
from flux_cli._serving import serve
from flux_cli._steering import cancel, pause, resolve, send_signal
from flux_cli._ticking import tick
from flux_cli._tracing import trace
from flux_core import __version__

EXIT_CODES: Final = "\n".join(
    [
        "\b\nExit codes:",
        *(f"  {code:>3}  {meaning}" for code, meaning in MEANINGS.items()),
        f"Of many runs the gravest code counts, in this order: {', '.join(f'{code}' for code in GRAVEST_FIRST)}.",
    ]
)


class CommandLine(click.Group):
    """A group whose commands return their exit code, and whose errors are one line or one JSON object."""

    def invoke(self, ctx: click.Context) -> None:
        """Run the command that the arguments name, and exit with its code."""
        as_json = "--json" in ctx.args
        try:
            code = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:  # whoever read the output has seen enough
            _discard_stdout()
            code = ExitCode.DONE
        except click.exceptions.Exit:
            raise
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 (the last stop: told, and made an exit code)
            code = _tell(error, as_json=as_json)
        ctx.exit(code)


class OneLineLog(logging.Handler):
    """Writes a record to standard error as one line, without a traceback unless FLUX_DEBUG=1 asks for it."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record."""
        error = record.exc_info[1] if record.exc_info else None
        if error and not debugging():
            click.echo(f"{record.name}: {record.getMessage()}: {type(error).__name__}: {error}", err=True)
        else:
            click.echo(f"{record.name}: {self.format(record)}", err=True)


@click.group(cls=CommandLine, epilog=EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"]})
@app_option(envvar="FLUX_APP", show_envvar=True)
@store_option(envvar="FLUX_STORE", show_envvar=True)
@remote_option(envvar="FLUX_REMOTE", show_envvar=True)
@click.version_option(__version__, message="flux %(version)s")
def flux() -> None:
    """Run workflows, see how their runs stand, go on with those that stopped.

    The app is --app, else FLUX_APP, else what the nearest pyproject.toml calls app under [tool.flux]. The store
    is --store, else FLUX_STORE, else the app's own, else sqlite:///flux.db in the current folder. With
    --remote, else FLUX_REMOTE, the commands are sent to a deployed function, which has its own app and store. All
    three options may also stand behind the command.
    """


COMMANDS: Final = (
    run,
    list_runs,
    show,
    send_signal,
    retry,
    resume,
    pause,
    cancel,
    resolve,
    tick,
    delete,
    trace,
    graph,
    dev,
    serve,
    build,
)

for _command in COMMANDS:
    flux.add_command(_command)


def main() -> None:
    """Run the command line that the process was called with, and exit with its code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a mark that the terminal cannot show is no reason to fail
    logging.lastResort = OneLineLog(logging.WARNING)  # what is logged by an app that has set up no logging
    flux(prog_name="flux")


def _tell(error: BaseException, *, as_json: bool) -> ExitCode:
    """Write the error to standard error; return the exit code that it leads to."""
    failure = failure_of(error)
    show_defect(error)
    if as_json:
        document = {"error": {"code": failure.code, "message": failure.message}}
        click.echo(json.dumps(document), err=True)
    elif isinstance(error, click.UsageError):
        error.show()
    else:
        click.echo(f"flux: {failure.message}", err=True)
    return failure.exit


def _discard_stdout() -> None:
    """Let what is still buffered go nowhere, so that the interpreter's last flush does not fail too."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
