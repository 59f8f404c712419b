"""`flux tick`: going on with what is due, once or again and again."""

from __future__ import annotations

import os
import signal
import time
from contextlib import contextmanager, suppress
from threading import Event
from typing import TYPE_CHECKING, Final

import click

from flux_cli._exit import ExitCode
from flux_cli._filters import Filters, served
from flux_cli._json_out import print_document
from flux_cli._open import reached
from flux_cli._options import json_option, placed
from flux_cli._progress import Progress
from flux_cli._words import instant
from flux_core import RunStatus

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from flux_cli._options import Place
    from flux_cli._runs import Runs
    from flux_core import TickReport

STOPPING_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
LIVE: Final = (RunStatus.PENDING, RunStatus.RUNNING, RunStatus.SUSPENDED, RunStatus.ROLLING_BACK)
STDERR: Final = 2  # a signal handler may come in the middle of a write, where `sys.stderr` cannot be used


@click.command
@click.option("--watch", is_flag=True, help="Tick again and again, until Ctrl-C.")
@click.option(
    "--every",
    type=click.FloatRange(min=0, min_open=True),
    default=5.0,
    show_default=True,
    metavar="SECONDS",
    help="With --watch: how long to rest between two ticks.",
)
@click.option(
    "--limit", type=click.IntRange(min=1), default=100, show_default=True, help="The most runs of one tick."
)
@json_option
@placed
def tick(place: Place, *, watch: bool, every: float, limit: int, as_json: bool) -> ExitCode:
    """Go on with every run that is due.

    Due is what was started, has slept, waited or backed off for long enough, or was left by a worker that was lost.
    With --watch the first Ctrl-C lets the tick in hand end; a second one interrupts it.
    """
    progress = Progress()
    with (
        reached(place, trace=(progress,)) as runs,
        _stop_asked(watch=watch) as stop,
    ):
        while True:
            with progress.shown():
                report = runs.tick(limit=limit)
            if as_json:
                print_document(report._asdict())
            else:
                waits = "" if report.due or watch else _next(runs, time.time())
                click.echo(_line(report) + waits)
            if not watch or stop.rest(every):
                return ExitCode.DONE


class Stop:
    """A signal handler that lets work end, and ends a rest at once.

    It is no `Event` that the handler sets: a handler that runs while its own thread waits would lock itself out.
    """

    def __init__(self) -> None:
        self.asked = False
        self._resting = False

    def __call__(self, _signal: int, _frame: FrameType | None) -> None:
        """Take note; interrupt a rest, or whatever is going on if it is the second time."""
        interrupt = self.asked or self._resting
        self.asked = True
        if interrupt:
            raise KeyboardInterrupt
        os.write(STDERR, b"flux: stopping when this tick has ended; once more to stop at once\n")

    def rest(self, seconds: float) -> bool:
        """Wait, and return whether to stop."""
        with suppress(KeyboardInterrupt):
            self._resting = True
            if not self.asked:
                Event().wait(seconds)
            self._resting = False
        return self.asked


@contextmanager
def _stop_asked(*, watch: bool) -> Iterator[Stop]:
    """Give what the stopping signals go to while the block lasts; without a watch they stay as they are."""
    stop = Stop()
    before = {number: signal.signal(number, stop) for number in STOPPING_SIGNALS if watch}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _line(report: TickReport) -> str:
    counts = report._asdict()
    due = counts.pop("due")
    told = [f"{count} {what.replace('_', ' ')}" for what, count in counts.items() if count]
    return f"{due} due" + (f": {', '.join(told)}" if told else "")


def _next(runs: Runs, now: float) -> str:
    """Return when the first of the live runs will be due, in words; nothing if none is live."""
    moments = [run.wake_at for run in served(runs, Filters(status=LIVE)) if run.wake_at is not None]
    if not moments:
        return ""
    today = instant(now).partition(" ")[0]
    return f"; next at {instant(min(moments)).removeprefix(f'{today} ')}"
