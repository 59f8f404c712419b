"""Where people read: standard output and standard error, as a terminal or as plain text in a pipe."""

from __future__ import annotations

import sys
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING, Final

import click
from rich.console import Console
from rich.live import Live

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

_UNBROKEN: Final = 100_000  # characters that a line has in a pipe: none is cut or wrapped


def stdout() -> Console:
    """Return the console on standard output."""
    return _unbroken(Console(highlight=False))


def stderr() -> Console:
    """Return the console on standard error."""
    return _unbroken(Console(highlight=False, stderr=True))


def say(console: Console, text: RenderableType) -> None:
    """Write the text: in colour on a terminal, elsewhere plain, with no line cut or padded.

    Rich would end the process if the pipe's other end has gone; click lets the error through.
    """
    if console.is_terminal:
        console.print(text)
        return
    with console.capture() as captured:
        console.print(text)
    for line in captured.get().splitlines():
        click.echo(line.rstrip(), err=console.stderr)


@contextmanager
def live(line: RenderableType) -> Iterator[None]:
    """Show the line on standard error while the block lasts, drawn again and again, if that is a terminal.

    What the app prints meanwhile goes to standard error too: standard output is the command's answer.
    """
    console = stderr()
    shown = Live(
        get_renderable=lambda: line, console=console, transient=True, auto_refresh=console.is_terminal
    )
    with redirect_stdout(sys.stderr):
        if not console.is_terminal:
            yield
            return
        with shown:
            yield


def confirm(question: str, *, otherwise: str) -> None:
    """Ask; anything but yes, or nobody there to answer, is an abort.

    Args:
        question: what to ask.
        otherwise: what to say has not been done.
    """
    try:
        click.confirm(question, abort=True, err=True)
    except click.Abort:
        raise click.Abort(f"{otherwise}; say --yes") from None


def _unbroken(console: Console) -> Console:
    if not console.is_terminal:
        console.width = _UNBROKEN
    return console
