"""What a step did, below its line in the timeline: what it changed, its output, its error."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any, Final

from rich.text import Text

from flux_cli._words import printable, shortened, value
from flux_core import StepStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flux_core import ErrorInfo, StepRecord

MARGIN: Final = " " * 6
LONGEST_FIELD: Final = 32  # characters
NARROWEST: Final = 20  # characters that a line of an error has, however narrow the terminal
_ABSENT: Final = object()


class Details:
    """Draws the details of a run's steps, one after the other; in between it keeps what data has become.

    Args:
        initial: what data is before the first step.
        width: the cells that a line has.
        traceback: show the tracebacks of errors.
    """

    def __init__(self, initial: dict[str, Any], width: int, *, traceback: bool) -> None:
        self._known = dict(initial)
        self._width = width - len(MARGIN)
        self._traceback = traceback

    def of(self, step: StepRecord) -> Iterator[Text]:
        """Give the lines of the next step."""
        for field, new in step.changes.items():
            yield self._change(field, new)
        if step.output is not None:
            yield self._line(f"output: {value(step.output, self._width - len('output: '))}", "dim")
        if step.error is not None:
            yield from self._error(step.error, "red" if step.status is StepStatus.FAILED else "yellow")

    def _change(self, field: str, new: Any) -> Text:
        name = shortened(field, LONGEST_FIELD)
        room = self._width - len(f"{name}: ")
        old = self._known.get(field, _ABSENT)
        self._known[field] = new
        before = "" if old is _ABSENT else f"{value(old, room // 3)} → "
        return self._line(f"{name}: {before}{value(new, room - len(before))}", "cyan")

    def _error(self, error: ErrorInfo, style: str) -> Iterator[Text]:
        for paragraph in printable(f"{error.type}: {error.message}").splitlines():
            for line in textwrap.wrap(paragraph, max(NARROWEST, self._width)):
                yield self._line(line, style)
        if self._traceback and error.traceback:
            for line in printable(error.traceback).splitlines():
                yield self._line(line, "dim")

    @staticmethod
    def _line(text: str, style: str) -> Text:
        return Text(MARGIN + text, style=style)
