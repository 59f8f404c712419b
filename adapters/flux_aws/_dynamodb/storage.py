"""The store in a DynamoDB table: durable, for every sandbox of every function, nothing to operate."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final

from flux_core import InvalidInput, StoreError
from flux_core.storage._rows.blobs import Blobs
from flux_core.storage._rows.expiry import seconds_of
from flux_core.storage._rows.storage import RowStorage

if TYPE_CHECKING:
    from datetime import timedelta

MOST_SHARDS: Final = 256
TABLE: Final = re.compile(r"(arn:aws[a-z-]*:dynamodb:[a-z0-9-]+:\d+:table/)?[A-Za-z0-9_.-]{3,255}")


class DynamoDBStorage(RowStorage):
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
        keep = seconds_of(ttl)
        if shards not in range(1, MOST_SHARDS + 1):
            raise InvalidInput(f"is a whole number from 1 to {MOST_SHARDS}, not {shards!r}", path="shards")
        if not 0 <= patience < math.inf:
            raise InvalidInput(f"is a number of seconds, 0 or more, not {patience!r}", path="patience")
        try:
            from flux_aws._dynamodb.chunks import Chunks
            from flux_aws._dynamodb.objects import Objects
            from flux_aws._dynamodb.requests import Requests
            from flux_aws._dynamodb.rows import Items
        except ModuleNotFoundError as error:
            raise StoreError(
                f"a store in DynamoDB needs PynamoDB ({error}); pip install 'flux-serverless[aws]'"
            ) from error
        self._requests = Requests(table, region=region, endpoint=endpoint, patience=patience)
        objects = None if bucket is None else Objects(self._requests, bucket)
        blobs = Blobs(Chunks(self._requests), objects, advice="give DynamoDBStorage(bucket=...) an S3 bucket")
        super().__init__(Items(self._requests, shards), blobs, ttl=keep)

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
