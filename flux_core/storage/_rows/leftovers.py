"""What a write leaves beside the run's row, brought in line with what the row says."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from flux_core._errors import StoreError
from flux_core.storage._rows.attached import NOTHING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flux_core.storage import Record
    from flux_core.storage._rows.attached import Attached
    from flux_core.storage._rows.blobs import Blobs
    from flux_core.storage._rows.port import Row

log: Final = logging.getLogger("flux")


class Leftovers:
    """Tidies up after a write; `read` reads a run's row.

    The run's fate is sealed by then: what fails is logged, and stays where it is.
    """

    def __init__(self, blobs: Blobs, read: Callable[[str], Row | None]) -> None:
        self._blobs = blobs
        self._read = read

    def saved(self, run_id: str, before: Attached, after: Attached) -> None:
        """Tidy up after a save that stands; what stood beside the run before it may go, or may have to stay."""
        with _logged(run_id):
            if before.document is not None:
                self._blobs.delete_document(run_id, before.document)
            if after.blobs and (before.expires_at, after.expires_at) != (None, None):
                self._expire(run_id, after.expires_at)

    def refused(self, record: Record, before: Attached, after: Attached, stored: Row | None) -> None:
        """Tidy up after a write that was refused because of what is stored: by itself, if an answer was lost.

        What is stored is read, if the refusal did not bring it.
        """
        if before == after == NOTHING:
            return
        with _logged(record.id):
            row = stored or self._read(record.id)
            standing = NOTHING if row is None else row.attached
            if row is not None and _is_its_own(row, record, after):
                self.saved(record.id, before, after)
                return
            if after.document is not None and after.document != standing.document:
                self._blobs.delete_document(record.id, after.document)
            if after.blobs and standing.expires_at is not None:  # blobs were put anew, or were to stay
                self._expire(record.id, standing.expires_at)

    def _expire(self, run_id: str, at: int | None) -> None:
        """Let the run's blobs go when the run does, whoever saves it meanwhile.

        Each writer looks at the run after it has changed its blobs: the last one leaves them as they are to be.
        """
        while True:
            self._blobs.expire(run_id, at)
            row = self._read(run_id)
            if row is None or row.attached.expires_at == at:
                return
            at = row.attached.expires_at


def _is_its_own(row: Row, record: Record, attached: Attached) -> bool:
    """Whether the row is what was to be written."""
    stored = row.record.revision, row.record.writer, row.attached.document
    return stored == (record.revision, record.writer, attached.document)


@contextmanager
def _logged(run_id: str) -> Iterator[None]:
    """Log an error that comes when the run's fate is sealed: the caller is to be told of that, not of this."""
    try:
        yield
    except StoreError as error:
        log.warning("what run %s has left behind stays: %s", run_id, error)
