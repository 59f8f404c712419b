"""The line that says how a run is getting on while it does, drawn from its trace events."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import click
from rich.text import Text

from flux_cli import _terminal
from flux_cli._words import duration, shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flux_core import TraceEvent

FRAMES: Final = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
FRAMES_A_SECOND: Final = 10
LONGEST_MESSAGE: Final = 40


class Progress:
    """A trace sink that keeps the last event, and renders it as one line."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.run_id: str | None = None
        self._clock = clock
        self._began = clock()
        self._doing = ""

    def emit(self, event: TraceEvent) -> None:
        """Take the event; a step's own progress does not begin its time anew."""
        self.run_id = event.workflow_id
        self._doing = _DOING.get(event.type, _nothing)(event)
        if event.type != "step:progress":
            self._began = self._clock()

    def close(self) -> None:
        """Do nothing: the line is taken away when its block ends."""

    def __rich__(self) -> Text:
        elapsed = self._clock() - self._began
        frame = FRAMES[int(elapsed * FRAMES_A_SECOND) % len(FRAMES)]
        parts = [part for part in (self.run_id, self._doing, duration(elapsed)) if part]
        return Text.assemble((f"{frame} ", "cyan"), " · ".join(parts), no_wrap=True, overflow="ellipsis")

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show the line while the block lasts; see `_terminal.live`.

        Raises:
            click.Abort: the block was interrupted; the message says how the run goes on.
        """
        try:
            with _terminal.live(self):
                yield
        except KeyboardInterrupt:
            saved = f"; {saved_run(self.run_id)}" if self.run_id else ""
            raise click.Abort(f"interrupted{saved}") from None


def saved_run(run_id: str) -> str:
    """Return what to tell of a run that was interrupted."""
    return f"run {run_id} is saved, and goes on after its lease with: flux tick"


def _attempt(event: TraceEvent) -> str:
    retries, most = event.retries or 0, event.max_retries or 0
    return f"{event.step_name} · attempt {retries + 1} of {most + 1}" if retries else f"{event.step_name}"


def _retry(event: TraceEvent) -> str:
    return f"{event.step_name} · waits for attempt {(event.retries or 0) + 2}"


def _reported(event: TraceEvent) -> str:
    meta = event.meta or {}
    return (
        f"{event.step_name} · {meta['fraction']:.0%} {shortened(meta['message'], LONGEST_MESSAGE)}".rstrip()
    )


def _undoing(event: TraceEvent) -> str:
    return f"{event.step_name} · compensation"


def _nothing(event: TraceEvent) -> str:
    return event.workflow_name


_DOING: Final[dict[str, Callable[[TraceEvent], str]]] = {
    "step:start": _attempt,
    "step:retry": _retry,
    "step:progress": _reported,
    "step:compensate": _undoing,
}
