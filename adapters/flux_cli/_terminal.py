"""Where people read: standard output and standard error, as a terminal or as plain text in a pipe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click
from rich.console import Console

if TYPE_CHECKING:
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


def _unbroken(console: Console) -> Console:
    if not console.is_terminal:
        console.width = _UNBROKEN
    return console
