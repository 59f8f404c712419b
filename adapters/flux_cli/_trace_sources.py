"""Where trace events are read from: the log of a function, a trace file, or the runs of a store."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final, Protocol

from flux_cli._exit import NotThere
from flux_cli._trace_stored import events_in
from flux_core import FluxError, InvalidInput
from flux_core._trace_file import TraceFile
from flux_core._trace_line import NewLines, event_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from flux_cli._runs import Runs
    from flux_core import Run, TraceEvent
    from flux_core._trace_line import LogGroup

READER: Final = "flux_aws._cloudwatch.logs"
MOST_RUNS: Final = 20  # of a store, unless one is named
REMEMBERED: Final = 10 * MOST_RUNS  # a run is among the newest again if newer ones are deleted


class Source(Protocol):
    """Where events come from."""

    name: str
    """What people know it by."""

    def new(self) -> Iterator[TraceEvent]:
        """Give the events that have come since they were given the last time."""
        ...


def log_group(name: str, *, region: str | None, endpoint: str | None) -> LogGroup:
    """Return the log group of CloudWatch Logs; nothing is asked of it yet."""
    group: LogGroup = import_module(READER).LogGroup(name, region=region, endpoint=endpoint)
    return group


class Log:
    """The events of a log from a time on, in Unix seconds; of one run, if it is named."""

    def __init__(self, group: LogGroup, run_id: str | None, since: float) -> None:
        self.name = group.name
        self._run_id = run_id
        self._lines = NewLines(group, since=int(since * 1000), run=run_id)

    def new(self) -> Iterator[TraceEvent]:
        """Give the events that were not given yet, each once, by its id in the log.

        Raises:
            NotThere: there is no such log group.
            StoreError: it cannot be read.
        """
        try:
            for line in self._lines.take():
                event = event_of(line.text)
                if event is not None and self._run_id in {None, event.workflow_id}:
                    yield event
        except FluxError as error:
            raise NotThere.instead_of(error) from None


class File:
    """The events of a file from a time on, in Unix seconds; of one run, if it is named.

    Args:
        path: the file.
        run_id: the run, or None for all.
        since: the time.
        awaited: whether it may come later; then `tell` is told in words when it is gone, and when it is not there yet.
        tell: takes what people must be told.

    Raises:
        InvalidInput: it cannot be read, or is not there and is not awaited.
    """

    def __init__(
        self, path: Path, run_id: str | None, since: float, *, awaited: bool, tell: Callable[[str], object]
    ) -> None:
        self.name = f"{path}"
        self._run_id = run_id
        self._since = since * 1000
        self._tell = tell
        self._file = TraceFile(path)
        self._was_there = True
        if not (self._file.there or awaited):
            raise InvalidInput(f"the trace file {path} cannot be read: there is no such file")

    def new(self) -> Iterator[TraceEvent]:
        """Give the events that were not given yet. It costs a look at the file if there are none.

        Raises:
            InvalidInput: it cannot be read any more.
        """
        while self._file.look():
            self._was_there = True
            for _, line in self._file.lines():
                event = event_of(line)
                if event is not None and self._is_asked_for(event):
                    yield event
        if self._was_there and not self._file.there:
            self._tell(f"{self.name} is not there; waiting for it")
        self._was_there = self._file.there

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _is_asked_for(self, event: TraceEvent) -> bool:
        return self._run_id in {None, event.workflow_id} and event.timestamp >= self._since


class Stored:
    """What a store knows of its newest runs, or of the one that is named, as events."""

    def __init__(self, runs: Runs, run_id: str | None, since: float | None) -> None:
        self.name = "the store"
        self._runs = runs
        self._run_id = run_id
        self._since = since
        self._given: dict[str, tuple[int, frozenset[object]]] = {}

    def new(self) -> Iterator[TraceEvent]:
        """Give what was not given yet of the runs that have another revision by now, the oldest run first."""
        for run in self._found():
            revision, given = self._given[run.id] = self._given.pop(run.id, (-1, frozenset()))
            if run.revision == revision:
                continue
            keys = {_identity(event): event for event in events_in(self._runs.shown(run))}
            self._given[run.id] = run.revision, frozenset(keys)
            yield from (event for key, event in keys.items() if key not in given)
        for forgotten in [*self._given][:-REMEMBERED]:  # those that were found longest ago
            del self._given[forgotten]

    def _found(self) -> Iterable[Run]:
        if self._run_id is not None:
            run = self._runs.get(self._run_id)
            return [] if run is None else [run]
        return [*self._runs.list(since=self._since, limit=MOST_RUNS)][::-1]


def _identity(event: TraceEvent) -> object:
    return event.type, event.timestamp, event.step_name, event.retries, event.status
