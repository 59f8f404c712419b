"""The runs of a trace: a `Runs` as the HTTP router reads from one, over a trace file or a function's log."""

from __future__ import annotations

import logging
import time
from datetime import datetime
from threading import Event, RLock, Thread
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

from flux_core import App, InvalidInput, Page
from flux_core._trace_line import event_of
from flux_web._traces._file import File
from flux_web._traces._index import Filter, Index, Place
from flux_web._traces._log import Log
from flux_web._traces._telling import Telling

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator, Sequence

    from flux_core import Run, RunStatus
    from flux_core._trace_line import LogGroup

log: Final = logging.getLogger("flux")

PATIENCE: Final = 0.25
"""Seconds that whoever asks waits for what has come since; what takes longer is read in the background."""
PAUSE: Final = 0.001
"""Seconds in which whoever asks gets a turn between two blocks of the background pass."""
LARGEST_PAGE: Final = 10_000  # runs, as of a store


class Source(Protocol):
    """Where the lines of a trace come from."""

    @property
    def beginnings(self) -> int:
        """How often it began; places of lines are those since the last time."""
        ...

    @property
    def too_long(self) -> int:
        """Lines that were too long to be read."""
        ...

    @property
    def progress(self) -> float:
        """How much of it has been read: 0 to 1."""
        ...

    @property
    def note(self) -> str | None:
        """What people must be told of it."""
        ...

    def look(self) -> bool:
        """Whether there may be lines to read."""
        ...

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Give the next lines, each with its place."""
        ...

    def bytes_at(self, at: int, length: int) -> bytes:
        """Return so many bytes from that place on."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


class TraceRuns:
    """The runs of a trace. Nothing is read unless somebody asks, and what is read is not held in memory.

    Args:
        source: where its lines come from.
        name: what people know it by.
        ordered: whether the lines of a run stand in the order in which they were written.
        redact: paths of data that nobody gets to see.
    """

    workflows: tuple[()] = ()

    def __init__(self, source: Source, name: str, *, ordered: bool, redact: Iterable[str]) -> None:
        self.source = name
        """What is shown, for people."""
        self._from = source
        self._app = App([], redact=tuple(redact))
        self._index = Index(ordered=ordered)
        self._telling = Telling(self._index, source.bytes_at, ordered=ordered)
        self._lock = RLock()
        self._beginnings = source.beginnings
        self._foreign = 0
        self._closed = Event()
        self._background: Thread | None = None
        self._catch_up()

    @property
    def progress(self) -> float:
        """How much of the trace can be shown yet: 0 to 1."""
        return self._from.progress if self._background is not None else 1.0

    @property
    def skipped(self) -> int:
        """Lines that are no events."""
        return self._foreign + self._from.too_long

    @property
    def note(self) -> str | None:
        """What people must be told of the trace."""
        lines = "line is no event" if self.skipped == 1 else "lines are no events"
        notes = [self._from.note, f"{self.skipped} {lines} of a trace" if self.skipped else None]
        return "; ".join(note for note in notes if note) or None

    def list(
        self,
        *,
        workflow: str | None = None,
        status: RunStatus | str | Iterable[RunStatus | str] | None = None,
        since: datetime | float | None = None,
        until: datetime | float | None = None,
        limit: int = 50,
        cursor: str | None = None,
        tag: str | None = None,
        id_prefix: str | None = None,
    ) -> Page:
        """Return a page of runs, newest first; a trace knows of no tags.

        Raises:
            InvalidInput: the limit or the cursor is none.
        """
        if type(limit) is not int or not 1 <= limit <= LARGEST_PAGE:
            raise InvalidInput(f"expected 1 to {LARGEST_PAGE}, got {limit!r}", path="limit")
        chosen = Filter(workflow, _statuses(status), _seconds(since), _seconds(until), id_prefix)
        with self._lock:
            self._catch_up()
            if tag is not None:
                return Page([], None)
            found, after = self._index.page(chosen, limit, cursor)
            return Page([self._telling.run(known) for known in found], after)

    def get(self, run_id: str) -> Run | None:
        """Return the run as far as the trace tells of it, or None."""
        with self._lock:
            self._catch_up()
            known = self._index.find(run_id)
            return None if known is None else self._telling.run(known)

    def tally(
        self,
        edges: Sequence[float],
        *,
        workflow: str | None = None,
        status: RunStatus | str | Iterable[RunStatus | str] | None = None,
        tag: str | None = None,
        id_prefix: str | None = None,
    ) -> Sequence[dict[RunStatus, int]]:
        """Return how many runs were created between each two of the edges (Unix seconds), by status."""
        with self._lock:
            self._catch_up()
            if tag is not None:
                return [{} for _ in edges[1:]]
            chosen = Filter(workflow, _statuses(status), id_prefix=id_prefix)
            return self._index.tally(chosen, edges)

    def shown(self, run: Run) -> Run:
        """Return the run as people may see it."""
        return self._app.shown(run)

    def masked(self, value: Any) -> Any:
        """Return an input or data as people may see it."""
        return self._app.masked(value)

    def close(self) -> None:
        """End the background pass, and remove what was kept."""
        self._closed.set()
        if (background := self._background) is not None:
            background.join()
        with self._lock:
            self._from.close()
            self._index.close()
            self._app.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _catch_up(self) -> None:
        """Read what has come since; what takes long is read in the background, once begun to its end."""
        if self._background is not None or self._closed.is_set():
            return
        ends = time.monotonic() + PATIENCE
        while self._read_on():
            if time.monotonic() > ends:
                self._background = Thread(target=self._read_all, name="flux-trace", daemon=True)
                self._background.start()
                return

    def _read_all(self) -> None:
        more = True
        while more:
            closed = self._closed.wait(PAUSE)
            with self._lock:
                try:
                    more = not closed and self._read_on()
                except Exception:
                    more = False
                    log.exception(
                        "%s cannot be read on; whoever asks next tries again, and is told", self.source
                    )
                if not more:
                    self._background = None  # before anybody else can ask: who asks then reads on himself

    def _read_on(self) -> bool:
        """Take in the next block; whether there was one."""
        more = self._from.look()
        if self._from.beginnings != self._beginnings:
            self._beginnings = self._from.beginnings
            self._foreign = 0
            self._index.clear()
            self._telling.forget()
        if more:
            self._index.add(self._places())
        return more

    def _places(self) -> Iterator[Place]:
        for at, line in self._from.lines():
            event = event_of(line)
            if event is None or not _is_text(event.workflow_id + event.workflow_name):
                self._foreign += bool(line.strip())
            else:
                yield Place(at, len(line) + 1, event)


def open_trace(path: str | os.PathLike[str], *, redact: Iterable[str] = ()) -> TraceRuns:
    """Return the runs of a trace file, of this engine or the TypeScript one; it may grow, or not be there yet.

    Raises:
        InvalidInput: it is no file, or may not be read.
    """
    file = File(path)
    return TraceRuns(file, f"trace {file.path}", ordered=True, redact=redact)


def open_cloudwatch(group: LogGroup, *, since: float, redact: Iterable[str] = ()) -> TraceRuns:
    """Return the runs that a function's log tells of, from that time on, in Unix seconds.

    Raises:
        FluxError: the log cannot be read.
    """
    return TraceRuns(Log(group, since), f"log group {group.name}", ordered=False, redact=redact)


def _is_text(name: str) -> bool:
    """Whether it is Unicode: JSON may name half a character."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _statuses(status: RunStatus | str | Iterable[RunStatus | str] | None) -> tuple[str, ...] | None:
    if status is None:
        return None
    return (str(status),) if isinstance(status, str) else tuple(map(str, status))


def _seconds(moment: datetime | float | None) -> float | None:
    return moment.timestamp() if isinstance(moment, datetime) else moment
