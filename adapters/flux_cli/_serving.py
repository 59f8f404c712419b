"""`flux serve`: the HTTP API and the viewer of an app, by a server of its own."""

from __future__ import annotations

import os
import sys
import threading
import webbrowser
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

import click

from flux_cli._exit import ExitCode
from flux_cli._find_app import required_app
from flux_cli._open import opened
from flux_cli._options import placed
from flux_core import InvalidInput
from flux_core.storage import SQLiteStorage

if TYPE_CHECKING:
    from flux_cli._options import Place
    from flux_core import App

STDERR: Final = 2  # the message comes from a signal handler, maybe in the middle of a write to `sys.stderr`
EVERY: Final = 1.0
"""Seconds between two looks for due runs."""
LAST_WAIT: Final = 1.0
"""Seconds that threads which have nothing to do are given to end."""

port_option: Final = click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=4280,
    show_default=True,
    help="Where to listen; 0 takes any.",
)


@click.command
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    metavar="ADDRESS",
    help="Where to listen; 0.0.0.0 for all of this computer's addresses, which needs tokens.",
)
@port_option
@click.option("--no-tick", is_flag=True, help="Leave it to other processes to go on with due runs.")
@placed
def serve(place: Place, *, host: str, port: int, no_tick: bool) -> ExitCode:
    """Serve the HTTP API and the viewer, and go on with due runs.

    Without tokens it serves this computer alone, and who uses it may do everything. FLUX_READ_TOKEN and
    FLUX_OPERATE_TOKEN each set a token: then every request needs one of them. The first Ctrl-C lets what is in hand
    end; a second one does not wait for it.
    """
    if place.remote is not None:
        raise click.UsageError("an app is served from here, and not from a function: give --app")
    web = loaded("flux serve")
    _check_reach(host)
    with opened(required_app(place.app), place.store) as app:
        source = source_of(place, app)
        served = web.asgi(app, tick_every=None if no_tick else EVERY, source=source)
        return until_stopped(web, served, host=host, port=port, what=source)


def loaded(command: str) -> Any:
    """Return `flux_web`, which is loaded by the commands alone that need it.

    Raises:
        InvalidInput: what it is built on is not installed.
    """
    missing = [package for package in ("anyio", "starlette", "uvicorn") if find_spec(package) is None]
    if missing:
        raise InvalidInput(f"{command} needs {' and '.join(missing)}: pip install 'flux-serverless[web]'")
    return import_module("flux_web")


def source_of(place: Place, app: App) -> str:
    """Return what people are told of the store, without a password that its URL may hold."""
    if place.store is not None:
        url = place.store
    elif isinstance(app.storage, SQLiteStorage):
        url = f"sqlite:///{app.storage.path}"
    else:
        return type(app.storage).__name__
    scheme, _, location = url.partition("://")
    authority, slash, path = location.partition("?")[0].partition("/")
    return f"{scheme}://{authority.rpartition('@')[2]}{slash}{path}"


def until_stopped(
    web: Any, served: Any, *, host: str, port: int, what: str, browse: bool = False
) -> ExitCode:
    """Serve the application until Ctrl-C or SIGTERM, and say where it is reached.

    Args:
        web: `flux_web`.
        served: the ASGI application.
        host: where to listen.
        port: 0 takes any.
        what: what is served, in words.
        browse: open the address in a browser.
    """

    def listening(url: str) -> None:
        click.echo(f"{url}  {what}; Ctrl-C ends it")
        sys.stdout.flush()
        if browse:
            webbrowser.open(url)

    try:
        web.serve(served, host, port, listening=listening, stopping=_tell)
    except KeyboardInterrupt:
        _end(ExitCode.INTERRUPTED)
        raise
    _end(ExitCode.DONE)
    return ExitCode.DONE


def _tell() -> None:
    os.write(STDERR, b"flux: stopping when what is in hand has ended; once more to stop at once\n")


def _end(code: ExitCode) -> None:
    """End the process at once if handlers are at work in threads, for which the interpreter would wait.

    Their runs are left as a crash would leave them: they go on elsewhere once their leases have ended.
    """
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join(LAST_WAIT)
            if thread.is_alive():
                sys.stdout.flush()
                os._exit(code)


def _check_reach(host: str) -> None:
    """Do nothing if only who should reaches the address.

    Raises:
        InvalidInput: other computers reach it, and nothing says who may.
    """
    from flux_core._http.access import PLATFORM, access_of  # no other command serves anything
    from flux_core._serving.loopback import is_loopback

    access = access_of(PLATFORM, None)
    if not is_loopback(host) and not (access and access.has_tokens):
        raise InvalidInput(
            f"{host} is reached from other computers, where who asks needs a token: set FLUX_OPERATE_TOKEN, or"
            " FLUX_READ_TOKEN to have runs looked at only; or listen at 127.0.0.1",
            path="--host",
        )
