"""What a write leaves beside the run's item, brought in line with what the item says."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from flux_aws._dynamodb.attached import Attached, attached_to
from flux_aws._dynamodb.items import number
from flux_core import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from flux_aws._dynamodb.blobs import Blobs
    from flux_core.storage import Record

log: Final = logging.getLogger("flux")


class Leftovers:
    """Tidies up after a write; `item` reads a run's item.

    The run's fate is sealed by then: what fails is logged, and stays until the run is deleted.
    """

    def __init__(self, blobs: Blobs, item: Callable[[str], Mapping[str, Any] | None]) -> None:
        self._blobs = blobs
        self._item = item

    def saved(self, run_id: str, before: Attached, after: Attached) -> None:
        """Tidy up after a save that stands; what stood beside the run before it may go, or may have to stay."""
        with _logged(run_id):
            if before.document is not None:
                self._blobs.delete_document(run_id, before.document)
            if after.blobs and (before.expires_at, after.expires_at) != (None, None):
                self._expire(run_id, after.expires_at)

    def refused(
        self, record: Record, before: Attached, after: Attached, stored: Mapping[str, Any] | None
    ) -> None:
        """Tidy up after a write that was refused because of what is stored: by itself, if an answer was lost."""
        item = stored or {}
        standing = attached_to(item)
        written = (item.get("revision"), item.get("writer"), standing.document)
        if written == (number(record.revision), {"S": record.writer}, after.document):
            self.saved(record.id, before, after)
            return
        with _logged(record.id):
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
            item = self._item(run_id)
            if item is None or attached_to(item).expires_at == at:
                return
            at = attached_to(item).expires_at


@contextmanager
def _logged(run_id: str) -> Iterator[None]:
    """Log an error that comes when the run's fate is sealed: the caller is to be told of that, not of this."""
    try:
        yield
    except StoreError as error:
        log.warning("what run %s has left behind stays until it is deleted: %s", run_id, error)
