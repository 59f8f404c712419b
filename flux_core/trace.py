"""Where trace events go: the port, the terminal, a file."""

from __future__ import annotations

import json
import os
import sys
from threading import Lock
from typing import TYPE_CHECKING, Final, TextIO

from flux_core._errors import StoreError
from flux_core._trace import TraceEvent, TraceSink

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["ConsoleTrace", "NDJSONTrace", "TraceEvent", "TraceSink"]

MARKS: Final = {
    "workflow:start": "▶",
    "workflow:complete": "✔",
    "workflow:error": "✘",
    "workflow:suspend": "…",
    "workflow:resume": "▶",
    "workflow:cancel": "■",
    "workflow:rollback_start": "◀",
    "workflow:rollback_complete": "◀",
    "step:start": "·",
    "step:complete": "✓",
    "step:error": "✗",
    "step:retry": "↻",
    "step:skipped": "-",
    "step:progress": "%",
    "step:suspend": "…",
    "step:compensate": "⟲",
    "signal:received": "!",
}


LONGEST_LINE: Final = 1_000_000  # bytes


class ConsoleTrace:
    """Writes a line an event for people, to standard error unless another stream is given."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream
        self._lock = Lock()

    def emit(self, event: TraceEvent) -> None:
        """Write the event as a line."""
        line = _describe(event)
        with self._lock:
            stream = sys.stderr if self._stream is None else self._stream
            try:
                stream.write(line + "\n")
            except UnicodeEncodeError:  # a terminal that cannot show the marks
                stream.write(line.encode("ascii", "replace").decode() + "\n")
            stream.flush()

    def close(self) -> None:
        """Leave the stream open: it is not the sink's own."""


class NDJSONTrace:
    """Appends a JSON object a line to a file, named as the trace format names the fields.

    Each event is one write of a whole line, so that several processes may write one file.

    Args:
        path: the file; it and its folder are made if need be.
        reset: begin with an empty file.

    Raises:
        StoreError: the file cannot be opened.
    """

    def __init__(self, path: str | Path, *, reset: bool = False) -> None:
        mode = os.O_WRONLY | os.O_CREAT | os.O_APPEND | (os.O_TRUNC if reset else 0)
        folder = os.path.dirname(path)  # noqa: PTH120 (pathlib costs more to load than it is worth here)
        try:
            if folder:
                os.makedirs(folder, exist_ok=True)  # noqa: PTH103 (the same)
            self._file: int | None = os.open(path, mode, 0o644)
        except OSError as error:
            raise StoreError(f"the trace file {path} cannot be opened: {error.strerror}") from error
        self._lock = Lock()

    def emit(self, event: TraceEvent) -> None:
        """Append the event; nothing is held back. Of one that makes a line too long the longest fields are cut."""
        line = json.dumps(event.to_dict(), separators=(",", ":"), allow_nan=False).encode() + b"\n"
        if len(line) > LONGEST_LINE:
            line = _cut(event) + b"\n"
        with self._lock:
            if self._file is not None:
                os.write(self._file, line)

    def close(self) -> None:
        """Close the file; later events are dropped."""
        with self._lock:
            if self._file is not None:
                os.close(self._file)
                self._file = None

    def __del__(self) -> None:
        if hasattr(self, "_lock"):
            self.close()


def _describe(event: TraceEvent) -> str:
    """Return the event as one line of text."""
    from time import gmtime, strftime

    seconds, milliseconds = divmod(event.timestamp, 1000)
    parts = [f"{strftime('%H:%M:%S', gmtime(seconds))}.{milliseconds:03}", MARKS.get(event.type, " ")]
    parts.append(event.workflow_id)
    parts.append(event.step_name or event.workflow_name)
    parts.append(event.type.partition(":")[2])
    if event.duration is not None:
        parts.append(f"{event.duration} ms")
    if event.retries:
        parts.append(f"attempt {event.retries + 1}")
    if event.error:
        line = event.error.splitlines()[0]  # without what would drive the terminal
        parts.append("".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in line))
    return "  ".join(parts)


def _cut(event: TraceEvent) -> bytes:
    """Return the event as a line that is not too long, which says what of it was cut."""
    from flux_core._serving.lines import shortened  # few events are so long

    fields = event.to_dict()
    return shortened(fields, LONGEST_LINE - 1, fields).encode()
