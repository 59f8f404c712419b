"""A function's log as the source of a trace: what it says of runs is kept in a temporary file."""

from __future__ import annotations

import json
from tempfile import NamedTemporaryFile
from time import monotonic, time
from typing import TYPE_CHECKING, Final

from flux_core import FluxError
from flux_core._trace_file import TraceFile
from flux_core._trace_line import NewLines, event_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flux_core._trace_line import LogGroup, LogLine

EVERY: Final = 2.0
"""Seconds that pass at least between two looks at the log."""
PATIENCE: Final = 0.25
"""Seconds for which one look reads on."""


class Log:
    """What a log says of runs, as a source of lines; it is asked only when it is looked at.

    Args:
        group: the log.
        since: Unix seconds from which on it is read.

    Raises:
        FluxError: it cannot be read; later that is its `trouble` instead.
    """

    beginnings = 1

    def __init__(self, group: LogGroup, since: float) -> None:
        self.trouble: str | None = None
        """Why it could not be read the last time."""
        self._name = group.name
        self._begun = int(since * 1000)
        self._new = NewLines(group, since=self._begun)
        self._lines: Iterator[LogLine] | None = None
        self._looked = 0.0
        self._spool = NamedTemporaryFile(prefix="flux-", suffix=".ndjson")  # noqa: SIM115 (close() removes it)
        self._file = TraceFile(self._spool.name)
        try:
            self._fetch()
        except FluxError:
            self.close()
            raise

    @property
    def too_long(self) -> int:
        """Lines that were too long."""
        return self._file.too_long

    @property
    def progress(self) -> float:
        """How much of the time since the beginning has been read: 0 to 1."""
        if self._lines is None:
            return 1.0
        span = max(1.0, time() * 1000 - self._begun)
        return max(0.0, min(1.0, (self._new.newest - self._begun) / span))

    @property
    def note(self) -> str | None:
        """What people must be told."""
        return self.trouble and f"log group {self._name} cannot be read: {self.trouble}"

    def look(self) -> bool:
        """Read on in the log if it is time for that; whether there are lines to read."""
        if self._lines is not None or monotonic() - self._looked >= EVERY:
            try:
                self._fetch()
            except FluxError as error:
                self.trouble, self._lines = str(error), None
        return self._file.look() or self._lines is not None

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Give the next lines, each with its place."""
        return self._file.lines()

    def bytes_at(self, at: int, length: int) -> bytes:
        """Return so many bytes of the lines from that offset on."""
        return self._file.bytes_at(at, length)

    def close(self) -> None:
        """Remove what was kept."""
        self._file.close()
        self._spool.close()

    def _fetch(self) -> None:
        """Take lines that are new, for as long as patience lasts; the rest comes with the next look."""
        if self._lines is None:
            self._looked = monotonic()
            self._lines = self._new.take()
        ends = monotonic() + PATIENCE
        for line in self._lines:
            if (event := event_of(line.text)) is not None:
                self._spool.write(json.dumps(event.to_dict()).encode() + b"\n")
            if monotonic() > ends:
                break
        else:
            self._lines, self.trouble = None, None
        self._spool.flush()
