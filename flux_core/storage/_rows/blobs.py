"""Where what does not fit into a run's row goes: into parts beside it, or a service for objects."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final

from flux_core._errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from flux_core.storage._rows.port import Objects, Parts

LARGEST: Final = 10_000_000
"""Bytes of a value that is kept in parts."""
BLOB: Final = "blob#"
DOCUMENT: Final = "document#"
FOLDER: Final = "document/"
"""Where a run's documents are among its objects."""
LONGER: Final = 7 * 86400
"""Seconds that a part is kept after its run: a service removes what has expired within days, in any order."""


class Blobs:
    """The blobs of runs, and those of their documents that are too large for a row.

    What was stored while there was no service for objects is found when there is one. `advice` says how to get one,
    such as `give DynamoDBStorage(bucket=...) an S3 bucket`.
    """

    def __init__(self, parts: Parts, objects: Objects | None, *, advice: str) -> None:
        self._parts = parts
        self._objects = objects
        self._advice = advice

    @property
    def largest(self) -> int | None:
        """The most bytes that a value may have; None for any number."""
        return LARGEST if self._objects is None else None

    def put(self, run_id: str, key: str, value: bytes) -> None:
        """Store a blob.

        Raises:
            StoreError: it is too large for parts, and there is no service for objects.
        """
        if self._objects is not None:
            self._objects.put(run_id, key, value)
            return
        self._check_size(run_id, f"a blob ({key})", value)
        self._parts.put(run_id, BLOB + key, zlib.compress(value), expires_at=None)

    def get(self, run_id: str, key: str) -> bytes | None:
        """Return a blob, None if there is none."""
        value = None if self._objects is None else self._objects.get(run_id, key)
        if value is None and (compressed := self._parts.get(run_id, BLOB + key)) is not None:
            return zlib.decompress(compressed)
        return value

    def delete(self, run_id: str, keep: Collection[str]) -> None:
        """Remove the run's blobs except those whose keys are in `keep`."""
        kept = frozenset(keep)
        if self._objects is not None:
            self._objects.delete(run_id, "", lambda name: name in kept or name.startswith(FOLDER))
        self._parts.delete(run_id, BLOB, lambda name: name.removeprefix(BLOB) in kept)

    def expire(self, run_id: str, at: int | None) -> None:
        """Let the run's blobs go after a run that goes at a moment, in Unix seconds, or never.

        Objects have a rule of their own for it; what was stored before there was any is in parts all the same.
        """
        self._parts.expire(run_id, BLOB, _after(at))

    def put_document(self, run_id: str, key: str, document: bytes, expires_at: int | None) -> None:
        """Store a compressed document.

        Raises:
            StoreError: it is too large for parts, and there is no service for objects.
        """
        if self._objects is not None:
            self._objects.put(run_id, FOLDER + key, document)
            return
        self._check_size(run_id, "a compressed document", document)
        self._parts.put(run_id, DOCUMENT + key, document, expires_at=_after(expires_at))

    def get_document(self, run_id: str, key: str) -> bytes | None:
        """Return a compressed document, None if a later one has taken its place."""
        document = None if self._objects is None else self._objects.get(run_id, FOLDER + key)
        return self._parts.get(run_id, DOCUMENT + key) if document is None else document

    def delete_document(self, run_id: str, key: str) -> None:
        """Remove a document that another has taken the place of."""
        self.delete_documents(run_id, lambda name: name != key, prefix=key)

    def delete_documents(self, run_id: str, keeps: Callable[[str], bool], *, prefix: str = "") -> None:
        """Remove the run's documents whose keys begin with the prefix, except those that are to be kept."""
        if self._objects is not None:
            self._objects.delete(run_id, FOLDER + prefix, lambda name: keeps(name.removeprefix(FOLDER)))
        self._parts.delete(run_id, DOCUMENT + prefix, lambda name: keeps(name.removeprefix(DOCUMENT)))

    def close(self) -> None:
        """Close the connections to the objects, if there are any."""
        if self._objects is not None:
            self._objects.close()

    def _check_size(self, run_id: str, what: str, value: bytes) -> None:
        if len(value) > LARGEST:
            raise StoreError(
                f"run {run_id!r} has {what} of {len(value):,} bytes, and the store takes {LARGEST:,} at most;"
                f" {self._advice} for what is larger, or keep it yourself and save its address"
            )


def _after(at: int | None) -> int | None:
    return None if at is None else at + LONGER
