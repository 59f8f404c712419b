"""A trace event in a line of text, as trace files and the logs of functions have it.

The fields are those that the TypeScript engine writes too (`FluxTraceEvent` in its `packages/flux/src/types.ts`): one
object a line, `undefined` left out, numbers as JavaScript has them.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, Protocol

from flux_core._trace import TraceEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

DEEPEST: Final = 3  # times that a line is looked for in a line
LAST_MOMENT: Final = 253_402_214_400_000
"""Unix milliseconds: the last day of the year 9999, behind which there are no dates to show."""
OVERLAP: Final = 60_000
"""Milliseconds before the newest line of a log that are read again: lines may come late."""
MANY: Final = 10_000  # lines of a log, after which those are forgotten that are not read again


def event_of(line: str | bytes) -> TraceEvent | None:
    """Return the event that a line tells of, or None.

    The line is an event of a trace file, or one that has an event under `flux`, as CloudWatchTrace writes it; there
    may be text before it, and it may stand in the `message` of another, as in Lambda's own JSON logs. A field that is
    not of its type, such as data that was too long for its line, is None.
    """
    text = line.decode(errors="replace") if isinstance(line, bytes) else line
    begin = text.find("{")
    return None if begin < 0 else next(_events_in(_parsed(text[begin:]), DEEPEST), None)


def _events_in(value: Any, depth: int) -> Iterator[TraceEvent]:
    if isinstance(value, str):
        value = _parsed(value)
    if not isinstance(value, dict) or not depth:
        return
    timestamp = _whole(value.get("timestamp"))
    if timestamp is None or any(type(value.get(name)) is not str for name in NAMED):
        for field in ("flux", "message"):
            yield from _events_in(value.get(field), depth - 1)
    else:
        named = value["type"], timestamp, value["workflowId"], value["workflowName"]
        yield TraceEvent(*named, **_optional(value))


def _optional(value: dict[str, Any]) -> dict[str, Any]:
    return {field: read(value[name]) for field, name, read in OPTIONAL if name in value}


def _whole(value: object) -> int | None:
    """Return a count or milliseconds; a number beyond all dates is neither."""
    if type(value) is float and value.is_integer():  # 5.0, as some JSON writers have it
        value = int(value)
    return value if type(value) is int and 0 <= value <= LAST_MOMENT else None


def _of(kind: type) -> Callable[[Any], Any]:
    return lambda value: value if type(value) is kind else None


def _anything(value: Any) -> Any:
    return value


NAMED: Final = ("type", "workflowId", "workflowName")
OPTIONAL: Final = (
    ("step_name", "stepName", _of(str)),
    ("step_index", "stepIndex", _whole),
    ("commit", "commit", _of(bool)),
    ("retries", "retries", _whole),
    ("max_retries", "maxRetries", _whole),
    ("duration", "duration", _whole),
    ("error", "error", _of(str)),
    ("status", "status", _of(str)),
    ("input", "input", _anything),
    ("data", "data", _of(dict)),
    ("meta", "meta", _of(dict)),
)
"""The fields that an event may have, what the format calls each, and what reads it."""


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


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
        """Give the lines from that time on, in Unix milliseconds, that may be of the trace, sorted by time."""
        ...


class NewLines:
    """The lines of a log from a time on, each once by its id, however often it is read.

    Args:
        group: the log.
        since: Unix milliseconds.
        run: the id of the run, where the lines of no other are of use.
    """

    def __init__(self, group: LogGroup, *, since: int, run: str | None = None) -> None:
        self.newest = since
        """When the newest line was written, in Unix milliseconds."""
        self._group = group
        self._since = since
        self._run = run
        self._given: dict[str, int] = {}

    def take(self) -> Iterator[LogLine]:
        """Give the lines that were not given yet; raises what the log raises, and goes on from there the next time."""
        for line in self._group.trace_lines(since=self._since, run=self._run):
            if line.id not in self._given:
                self._given[line.id] = line.time
                self.newest = max(self.newest, line.time)
                if not len(self._given) % MANY:
                    self._forget()
                yield line
        self._forget()

    def _forget(self) -> None:
        """Forget the lines that are not read again."""
        self._since = max(self._since, self.newest - OVERLAP)
        self._given = {known: time for known, time in self._given.items() if time >= self._since}
