"""A store of runs, made of a service's rows and of the room beside them."""

from __future__ import annotations

import zlib
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from flux_core._document import UnreadableRun
from flux_core._errors import BlobNotFound, Conflict, RunExists, StoreError
from flux_core.storage._rows.attached import NOTHING, Attached, Memory, Seen
from flux_core.storage._rows.expiry import goes_at
from flux_core.storage._rows.leftovers import Leftovers
from flux_core.storage._rows.port import Refused, Row

if TYPE_CHECKING:
    from collections.abc import Collection

    from flux_core.storage import Query, Record, RecordPage
    from flux_core.storage._rows.blobs import Blobs
    from flux_core.storage._rows.port import Rows

READS: Final = 3  # how often a run is read whose document has just been replaced
TRIES: Final = 10  # how often a run is created that others create and delete at the same time
CREATION: Final = "1."  # how the key of a document begins that a run is created with


class RowStorage:
    """Fills the port `Storage`, whose docstring says what each method does and raises.

    A document that is too large for its row is written beside it first, under a key of its own, and then the row that
    names it; what the row named before is removed after that. So a reader finds a run whole, whoever writes it.

    Args:
        rows: the service's.
        blobs: the room beside them.
        ttl: the seconds for which a run is kept that has completed, was rolled back or cancelled; None for ever.
    """

    def __init__(self, rows: Rows, blobs: Blobs, *, ttl: float | None = None) -> None:
        self.largest: Final = blobs.largest
        self._rows = rows
        self._blobs = blobs
        self._ttl = ttl
        self._memory = Memory()
        self._leftovers = Leftovers(blobs, rows.read)

    def create(self, record: Record) -> None:
        """Store a new run."""
        row = self._packed(record, NOTHING)
        for _ in range(TRIES):
            try:
                version = self._rows.insert(row)
            except Refused as refused:
                standing = refused.row or self._rows.read(record.id)
                stored = self._opened(standing)
                if stored is not None:  # else it was deleted just now
                    self._leftovers.refused(record, NOTHING, row.attached, standing)
                    raise RunExists(f"run {record.id!r} is stored already", record=stored) from None
            else:
                return self._see(row._replace(version=version))
        raise StoreError(
            f"run {record.id!r} was there {TRIES} times when it was to be created, and gone when it was read; try again"
        )

    def load(self, run_id: str) -> Record | None:
        """Return the run as the last save left it, or None."""
        return self._opened(self._rows.read(run_id))

    def save(self, record: Record, *, replaces: int) -> None:
        """Replace the run by `record` if the stored revision is `replaces`."""
        before, version = self._seen(record, replaces)
        row = self._packed(record, before)
        attached = row.attached
        if before.expires_at is not None and attached.expires_at is None and attached.blobs:
            self._blobs.expire(record.id, None)  # first: a run that goes on must not lose them
        try:
            version = self._rows.replace(row, version)
        except Refused as refused:
            self._leftovers.refused(record, before, attached, refused.row)
            raise Conflict(f"run {record.id!r} is not stored at revision {replaces}") from None
        self._see(row._replace(version=version))
        self._leftovers.saved(record.id, before, attached)

    def find(self, query: Query) -> RecordPage:
        """Return the records that meet every condition of the query."""
        return self._rows.find(query, self._opened)

    def delete(self, run_id: str) -> None:
        """Remove the run, its blobs first, and its document last: until it is gone, it can be read."""
        self._blobs.delete(run_id, ())
        try:
            standing = self._rows.read(run_id)
        except UnreadableRun:
            self._blobs.delete_documents(run_id, lambda _: False)  # nobody can tell which one is its own
            self._rows.remove(run_id, None)
        else:
            self._delete(run_id, standing)
        self._memory.forget(run_id)

    def put_blob(self, run_id: str, key: str, value: bytes) -> None:
        """Store a value under the run and the key."""
        self._blobs.put(run_id, key, value)
        self._memory.see_blob(run_id)

    def get_blob(self, run_id: str, key: str) -> bytes:
        """Return the value stored under the run and the key."""
        value = self._blobs.get(run_id, key)
        if value is None:
            raise BlobNotFound(f"run {run_id!r} has no blob {key!r}")
        return value

    def delete_blobs(self, run_id: str, *, keep: Collection[str] = ()) -> None:
        """Remove the run's blobs except those whose keys are in `keep`."""
        self._blobs.delete(run_id, keep)

    def close(self) -> None:
        """Close the connections; the store is not used after that."""
        self._blobs.close()
        self._rows.close()

    def _delete(self, run_id: str, standing: Row | None) -> None:
        """Remove a run; the document of one that somebody may be about to create in its place is kept."""
        own = None if standing is None else standing.attached.document
        self._blobs.delete_documents(run_id, lambda key: key.startswith((CREATION, own or CREATION)))
        if standing is not None:
            gone = self._rows.remove(run_id, standing.record.created_at)
            left = {own, None if gone is None else gone.attached.document}
            for document in filter(None, left):
                self._blobs.delete_document(run_id, document)

    def _seen(self, record: Record, revision: int) -> tuple[Attached, object]:
        """Return what stands beside a revision of the run, and the version of its row.

        Raises:
            Conflict: this process has not seen the revision, and it does not stand there.
        """
        seen = self._memory.at(record.id, record.created_at, revision)
        if seen is not None:
            return seen.attached, seen.version
        row = self._rows.read(record.id)
        if row is None or (row.record.created_at, row.record.revision) != (record.created_at, revision):
            raise Conflict(f"run {record.id!r} is not stored at revision {revision}")
        return row.attached, row.version

    def _see(self, row: Row) -> None:
        record, attached, version = row
        self._memory.see(record.id, Seen(record.created_at, record.revision, attached, version))

    def _packed(self, record: Record, before: Attached) -> Row:
        """Return the run's row, after its document has been put beside it if need be."""
        document = zlib.compress(record.document)
        expires_at = goes_at(record, self._ttl)
        key = None
        if len(document) + _size_of(record.tags) > self._rows.room:
            # Two writers may be about to save one revision, or to create two runs of one id, and one writer may save
            # one document twice.
            key = f"{record.revision}.{sha256(record.writer.encode() + document).hexdigest()}"
            self._blobs.put_document(record.id, key, document, expires_at)
        packed = record._replace(document=document if key is None else b"")
        return Row(packed, Attached(key, before.blobs or self._memory.has_blobs(record.id), expires_at))

    def _opened(self, row: Row | None) -> Record | None:
        """Return the run of a row, or a later revision of it if its document has just been replaced.

        Raises:
            UnreadableRun: its document is not there, or is none.
        """
        if row is None:
            return None
        run_id = row.record.id
        for _ in range(READS):
            key = row.attached.document
            document = row.record.document if key is None else self._blobs.get_document(run_id, key)
            if document is not None:
                self._see(row)
                return row.record._replace(document=_inflated(run_id, document))
            row = self._rows.read(run_id)
            if row is None:
                return None
        raise UnreadableRun(
            f"the document of run {run_id!r} is missing from {self._rows}; was it written by a store that keeps"
            " large values elsewhere than this one?"
        )


def _inflated(run_id: str, document: bytes) -> bytes:
    try:
        return zlib.decompress(document)
    except zlib.error as error:
        raise UnreadableRun(f"the document of run {run_id!r} cannot be read: {error}") from error


def _size_of(texts: Collection[str]) -> int:
    """Return about how many bytes texts take in a row."""
    return sum(len(text.encode()) + 4 for text in texts)
