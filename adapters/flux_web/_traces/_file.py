"""A trace file as the source of a trace."""

from __future__ import annotations

from flux_core import InvalidInput
from flux_core._trace_file import TraceFile


class File(TraceFile):
    """A trace file that says how far it has been read, and what has become of it."""

    trouble: str | None = None
    """Why it could not be read the last time."""

    def look(self) -> bool:
        """Look at the file anew; whether there may be lines to read. What is wrong with it is its `trouble`.

        Raises:
            InvalidInput: it cannot be read, and never could.
        """
        try:
            more = super().look()
        except InvalidInput as error:
            if not self.beginnings:
                raise
            self.there, self.trouble = False, str(error)
            return False
        self.trouble = None
        return more

    @property
    def progress(self) -> float:
        """How much of the file has been read: 0 to 1."""
        return min(1.0, self.read / self.size) if self.size else 1.0

    @property
    def note(self) -> str | None:
        """What people must be told."""
        if self.trouble is not None:
            return f"{self.trouble}; what it held is shown"
        if not self.there:
            gone = f"the trace file {self.path} is gone; what it held is shown"
            return gone if self.beginnings else f"there is no trace file {self.path} yet"
        return f"the trace file {self.path} was begun anew" if self.beginnings > 1 else None
