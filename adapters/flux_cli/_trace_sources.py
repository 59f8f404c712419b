"""Where trace events are read from: the log of a function, or a trace file."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final, Protocol

from flux_cli._exit import NotThere
from flux_cli._trace_lines import event_of
from flux_core import FluxError, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from flux_core import TraceEvent

READER: Final = "flux_aws._cloudwatch.logs"


class LogLine(Protocol):
    """One line of a log."""

    @property
    def id(self) -> str:
        """The same line has the same id, however often it is read."""
        ...

    @property
    def time(self) -> int:
        """Unix milliseconds."""
        ...

    @property
    def text(self) -> str:
        """What the line says."""
        ...


class LogGroup(Protocol):
    """The log of a function."""

    name: str

    def trace_lines(self, *, since: int, run: str | None = None) -> Iterable[LogLine]:
        """Give the lines from that time on, in Unix milliseconds, that may be of the trace."""
        ...


def log_group(name: str, *, region: str | None, endpoint: str | None) -> LogGroup:
    """Return the log group of CloudWatch Logs; nothing is asked of it yet."""
    group: LogGroup = import_module(READER).LogGroup(name, region=region, endpoint=endpoint)
    return group


def in_log(group: LogGroup, run_id: str | None, since: float) -> Iterator[tuple[LogLine, TraceEvent]]:
    """Give the events in the log from that time on, in Unix seconds, each with its line.

    Raises:
        NotThere: there is no such log group.
        StoreError: it cannot be read.
    """
    try:
        for line in group.trace_lines(since=int(since * 1000), run=run_id):
            event = event_of(line.text)
            if event is not None and run_id in {None, event.workflow_id}:
                yield line, event
    except FluxError as error:
        raise NotThere.instead_of(error) from None


def in_file(file: Path, run_id: str | None, since: float) -> Iterator[TraceEvent]:
    """Give the events in the file from that time on, in Unix seconds.

    Raises:
        InvalidInput: it cannot be read.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"the trace file {file} cannot be read: {error}") from error
    for line in lines:
        event = event_of(line)
        if event is not None and run_id in {None, event.workflow_id} and event.timestamp >= since * 1000:
            yield event
