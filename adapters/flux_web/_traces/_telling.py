"""Runs retold from where their events stand in a trace; the last few are kept, and told on from where they stood."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final, NamedTuple

from flux_core._retold import Retold
from flux_core._trace_line import event_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flux_core import Run, TraceEvent
    from flux_web._traces._index import Index, Known

KEPT: Final = 4 << 20  # bytes of events of which runs are kept
BLOCK: Final = 1 << 20  # bytes that are read at once


class Told(NamedTuple):
    """A run as far as it has been told."""

    retold: Retold
    end: int
    """The offset behind its last event."""
    size: int
    """Bytes of its events."""


class Telling:
    """Tells the runs of an index.

    Args:
        index: where the events of each run stand.
        read: gives so many bytes of the trace from an offset on.
        ordered: whether the events of a run stand in the order in which they happened.
    """

    def __init__(self, index: Index, read: Callable[[int, int], bytes], *, ordered: bool) -> None:
        self._index = index
        self._read = read
        self._ordered = ordered
        self._kept: OrderedDict[str, Told] = OrderedDict()
        self._size = 0  # of all that is kept

    def run(self, known: Known) -> Run:
        """Return the run as its events tell it; of one whose file was just cut off, what the index knows."""
        run_id = known.outline.id
        told = self._kept.pop(run_id, None)
        self._size -= told.size if told else 0
        if told is None or told.retold.count != known.events:
            told = self._told(known, told if self._ordered else None)
        if told.retold.count:
            self._keep(run_id, told)
            return told.retold.run()
        return Retold.bare(known.outline)

    def forget(self) -> None:
        """Forget what was told."""
        self._kept.clear()
        self._size = 0

    def _told(self, known: Known, before: Told | None) -> Told:
        retold, end, size = before or Told(Retold(), 0, 0)
        events = self._events(known, end)
        for event in events if self._ordered else sorted(events, key=lambda event: event.timestamp):
            retold.add(event)
        for at, length in self._index.spans(known, end):
            end, size = at + length, size + length
        return Told(retold, end, size)

    def _events(self, known: Known, begin: int) -> Iterator[TraceEvent]:
        for at, length in self._index.spans(known, begin):
            for line in self._lines(at, length):
                event = event_of(line)
                if event is not None and event.workflow_id == known.outline.id:
                    yield event

    def _lines(self, at: int, length: int) -> Iterator[bytes]:
        """Give the lines of a span, which may be of any length, block by block."""
        rest, end = b"", at + length
        while at < end:
            block = self._read(at, min(BLOCK, end - at))
            if not block:
                break
            at += len(block)
            *lines, rest = (rest + block).split(b"\n")
            yield from lines
        yield rest

    def _keep(self, run_id: str, told: Told) -> None:
        self._kept[run_id] = told
        self._size += told.size
        while self._size > KEPT:
            _, oldest = self._kept.popitem(last=False)
            self._size -= oldest.size
