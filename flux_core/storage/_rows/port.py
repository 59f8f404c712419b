"""What a service must bring to be a store of runs: rows that are replaced by compare-and-swap, and room beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from flux_core.storage import Query, Record, RecordPage
    from flux_core.storage._rows.attached import Attached

    Opened: TypeAlias = Callable[["Row"], Record | None]


class Row(NamedTuple):
    """A run as one row holds it."""

    record: Record
    """The run; its document is compressed, and empty if it is kept beside the row."""
    attached: Attached
    version: object = None
    """What the service knows this state of the row by, such as an ETag; None of a row that is to be written."""


class Refused(Exception):
    """A conditional write was refused, and nothing was changed; carries the row that stands there, if it is known."""

    def __init__(self, row: Row | None = None) -> None:
        super().__init__("the condition of the write is not met")
        self.row = row


class Rows(Protocol):
    """The rows of runs, one a run. Any thread may call, and every method may raise `StoreError`."""

    @property
    def room(self) -> int:
        """How many bytes of a row the compressed document and the tags may take."""
        ...

    def insert(self, row: Row) -> object:
        """Write a new row, and return its version.

        Raises:
            Refused: there is one of this id.
        """
        ...

    def replace(self, row: Row, version: object) -> object:
        """Write the row in place of that version of it, and return the new version.

        Raises:
            Refused: another version stands there, or none.
        """
        ...

    def read(self, run_id: str) -> Row | None:
        """Return the row as it stands now, None if there is none.

        Raises:
            UnreadableRun: a newer Flux wrote it, or it is none of Flux.
        """
        ...

    def remove(self, run_id: str, life: float | None) -> Row | None:
        """Remove the row of the run that was created at that moment, and return it as it stood, if that can be told.

        With None, remove the row that cannot be read. A run that was created since is left alone: a deletion whose
        answer was lost is done again, and may meet it.
        """
        ...

    def find(self, query: Query, opened: Opened) -> RecordPage:
        """Return the runs that meet the query, in its order, without those that cannot be read.

        `opened` makes a record of a row, or returns None if the run has just been deleted; it may raise
        `UnreadableRun`.
        """
        ...

    def close(self) -> None:
        """Close the connections."""
        ...

    def __str__(self) -> str:
        """Return where the rows are, as messages say it."""
        ...


class Parts(Protocol):
    """Values of any size beside the rows, each under a run and a name, in as many pieces as the service needs."""

    def put(self, run_id: str, name: str, value: bytes, *, expires_at: int | None) -> None:
        """Store the value, whole before it can be found; it may go at a moment, in Unix seconds."""
        ...

    def get(self, run_id: str, name: str) -> bytes | None:
        """Return the value, None if there is none or if it is just being deleted."""
        ...

    def delete(self, run_id: str, prefix: str, keeps: Callable[[str], bool]) -> None:
        """Remove the values whose names begin with the prefix, except those that are to be kept."""
        ...

    def expire(self, run_id: str, prefix: str, at: int | None) -> None:
        """Let the values whose names begin with the prefix go at a moment, or never; a service may have no expiry."""
        ...


class Objects(Protocol):
    """Values of any size in a service of their own, each under a run and a key."""

    def put(self, run_id: str, key: str, value: bytes) -> None:
        """Store the value."""
        ...

    def get(self, run_id: str, key: str) -> bytes | None:
        """Return the value, None if there is none."""
        ...

    def delete(self, run_id: str, prefix: str, keeps: Callable[[str], bool]) -> None:
        """Remove the values whose keys begin with the prefix, except those that are to be kept."""
        ...

    def close(self) -> None:
        """Close the connections."""
        ...
