"""The store in a DynamoDB table: durable, for every sandbox of every function, nothing to operate."""

from __future__ import annotations

import math
import re
import zlib
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from flux_aws._dynamodb.attached import NOTHING, Attached, Memory, attached_to
from flux_aws._dynamodb.expiry import goes_at, seconds_of
from flux_aws._dynamodb.items import ROOM, item_of, key_of, number, record_of, size_of
from flux_aws._dynamodb.leftovers import Leftovers
from flux_core import BlobNotFound, Conflict, InvalidInput, RunExists, StoreError
from flux_core._document import UnreadableRun

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import timedelta

    from flux_aws._dynamodb.requests import ConditionFailed
    from flux_core.storage import Query, Record, RecordPage

MOST_SHARDS: Final = 256
READS: Final = 3  # how often a run is read whose document has just been replaced
TRIES: Final = 10  # how often a run is created that others create and delete at the same time
CREATION: Final = "1."  # how the key of a document begins that a run is created with
TABLE: Final = re.compile(r"(arn:aws[a-z-]*:dynamodb:[a-z0-9-]+:\d+:table/)?[A-Za-z0-9_.-]{3,255}")


class DynamoDBStorage:
    """Runs in a DynamoDB table, which the deployment makes, or `create_table()`; `Storage` says what each method does.

    `endpoint` is that of DynamoDB alone; the variable `AWS_ENDPOINT_URL` is that of every service. `bucket` names an
    S3 bucket for values that are too large for an item; without one they go into several items, up to 10 MB a value.
    `ttl`, a timedelta or seconds, at least 14 days, is how long a run is kept that has completed, was rolled back or
    cancelled; None keeps it. What such a run has in a bucket is left to the bucket's lifecycle rules. `shards` is over
    how many partitions each index is spread; it may be raised later, never lowered. A request that is throttled or
    fails is tried again for `patience` seconds, and never past the deadline of the invocation that is being served.

    The indexes follow the table within about a second, and `find` with them. A query for due runs, for failed runs,
    or for those of one workflow reads what it gives; one that names no workflow reads the keys of all runs first.

    Raises:
        InvalidInput: an option has a value that it cannot take, or no region is known.
        StoreError: PynamoDB is not installed.
    """

    def __init__(
        self,
        table: str,
        *,
        region: str | None = None,
        endpoint: str | None = None,
        bucket: str | None = None,
        ttl: timedelta | float | None = None,
        shards: int = 8,
        patience: float = 10.0,
    ) -> None:
        if not TABLE.fullmatch(table):
            raise InvalidInput(
                f"{table!r} is no name of a table: 3 to 255 letters, digits, `_`, `.` or `-`", path="table"
            )
        self._ttl = seconds_of(ttl)
        if shards not in range(1, MOST_SHARDS + 1):
            raise InvalidInput(f"is a whole number from 1 to {MOST_SHARDS}, not {shards!r}", path="shards")
        if not 0 <= patience < math.inf:
            raise InvalidInput(f"is a number of seconds, 0 or more, not {patience!r}", path="patience")
        try:
            from flux_aws._dynamodb.blobs import LARGEST, Blobs
            from flux_aws._dynamodb.chunks import Chunks
            from flux_aws._dynamodb.finding import Finder
            from flux_aws._dynamodb.objects import Objects
            from flux_aws._dynamodb.requests import ConditionFailed, Requests
        except ModuleNotFoundError as error:
            raise StoreError(
                f"a store in DynamoDB needs PynamoDB ({error}); pip install 'flux-serverless[aws]'"
            ) from error
        self.largest = LARGEST if bucket is None else None
        self._shards = shards
        self._requests = Requests(table, region=region, endpoint=endpoint, patience=patience)
        self._refused = ConditionFailed
        objects = None if bucket is None else Objects(self._requests, bucket)
        self._blobs = Blobs(Chunks(self._requests), objects)
        self._finder = Finder(self._requests, shards, self._opened)
        self._memory = Memory()
        self._leftovers = Leftovers(self._blobs, self._item)

    def __repr__(self) -> str:
        return f"<DynamoDBStorage on {self._requests.place}>"

    @property
    def table(self) -> str:
        """The name of the table."""
        return self._requests.place.table

    def create_table(self) -> None:
        """Make the table with its indexes and its expiry, if it is not there, and wait until it can be used.

        Raises:
            StoreError: it cannot be made.
        """
        from flux_aws._dynamodb.table import create_table

        create_table(self._requests)

    def create(self, record: Record) -> None:
        """Store a new run."""
        item, attached = self._pack(record, Attached(blobs=self._memory.beside(record.id, 0).blobs))
        request = {
            "Item": item,
            "ConditionExpression": "attribute_not_exists(id)",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        for _ in range(TRIES):
            try:
                self._requests.send("PutItem", request)
            except self._refused as refused:
                standing = self._standing(record.id, refused)
                stored = self._opened(standing)
                if stored is not None:  # else it was deleted just now
                    self._leftovers.refused(record, NOTHING, attached, standing)
                    raise RunExists(f"run {record.id!r} is stored already", record=stored) from None
            else:
                self._memory.forget(record.id)  # a run of that id which somebody has deleted
                return self._memory.see(record.id, record.revision, attached)
        raise StoreError(
            f"run {record.id!r} was there {TRIES} times when it was to be created, and gone when it was read; try again"
        )

    def load(self, run_id: str) -> Record | None:
        """Return the run as the last save left it, or None."""
        return self._opened(self._item(run_id))

    def save(self, record: Record, *, replaces: int) -> None:
        """Replace the run by `record` if the stored revision is `replaces`."""
        before = self._memory.beside(record.id, replaces)
        item, attached = self._pack(record, before)
        if before.expires_at is not None and attached.expires_at is None and attached.blobs:
            self._blobs.expire(record.id, None)  # first: a run that goes on must not lose them
        request = {
            "Item": item,
            "ConditionExpression": "revision = :replaces",
            "ExpressionAttributeValues": {":replaces": number(replaces)},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        try:
            self._requests.send("PutItem", request)
        except self._refused as refused:
            self._leftovers.refused(record, before, attached, self._standing(record.id, refused))
            raise Conflict(f"run {record.id!r} is not stored at revision {replaces}") from None
        self._memory.see(record.id, record.revision, attached)
        self._leftovers.saved(record.id, before, attached)

    def find(self, query: Query) -> RecordPage:
        """Return the records that meet every condition of the query."""
        return self._finder.find(query)

    def delete(self, run_id: str) -> None:
        """Remove the run, its blobs first, and its document last: until it is gone, it can be read."""
        self._blobs.delete(run_id, ())
        item = self._item(run_id)
        # Its own is kept till then, and that of a run that somebody may be about to create in its place.
        kept = () if item is None else (CREATION, attached_to(item).document or CREATION)
        self._blobs.delete_documents(run_id, lambda key: key.startswith(kept))
        gone = self._requests.send("DeleteItem", {"Key": key_of(run_id), "ReturnValues": "ALL_OLD"})
        document = attached_to(gone.get("Attributes", {})).document
        if document is not None:
            self._blobs.delete_document(run_id, document)
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
        self._requests.close()

    def _pack(self, record: Record, before: Attached) -> tuple[dict[str, Any], Attached]:
        """Return the run's item and what stands beside it, after the document has been put there if need be."""
        document = zlib.compress(record.document)
        expires_at = goes_at(record, self._ttl)
        key = None
        if len(document) + size_of(record.tags) > ROOM:
            # Two writers may be about to save one revision, or to create two runs of one id, and one writer may save
            # one document twice.
            key = f"{record.revision}.{sha256(record.writer.encode() + document).hexdigest()}"
            self._blobs.put_document(record.id, key, document, expires_at)
        attached = Attached(key, before.blobs, expires_at)
        return item_of(record, document, attached, shards=self._shards), attached

    def _standing(self, run_id: str, refused: ConditionFailed) -> Mapping[str, Any] | None:
        """Return the item that a write was refused for; DynamoDB gives it with its refusal, not every emulator does."""
        return self._item(run_id) if refused.item is None else refused.item

    def _item(self, run_id: str) -> Mapping[str, Any] | None:
        answer = self._requests.send("GetItem", {"Key": key_of(run_id), "ConsistentRead": True})
        item: Mapping[str, Any] | None = answer.get("Item")
        return item

    def _opened(self, item: Mapping[str, Any] | None) -> Record | None:
        """Return the run of an item, or a later revision of it if its document has just been replaced.

        Raises:
            UnreadableRun: its document is not there, or a newer Flux wrote it.
        """
        if item is None:
            return None
        run_id: str = item["id"]["S"]
        for _ in range(READS):
            attached = attached_to(item)
            key = attached.document
            document = None if key is None else self._blobs.get_document(run_id, key)
            if (document is None) is (key is None):
                record = record_of(item, document)
                self._memory.see(run_id, record.revision, attached)
                return record
            item = self._item(run_id)
            if item is None:
                return None
        raise UnreadableRun(
            f"the document of run {run_id!r} is missing from {self._requests.place}; was it written by a store"
            " with another bucket= than this one?"
        )
