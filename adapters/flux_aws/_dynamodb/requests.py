"""Requests to DynamoDB and S3 that do not give up at once: what passes is tried again, what does not is told."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError, NoRegionError
from botocore.parsers import ResponseParserError
from pynamodb.connection import Connection

from flux_aws._dynamodb.refusals import CONDITION_FAILED, NotAll, Place, Refusals, code_of
from flux_core import InvalidInput
from flux_core.storage._rows.patience import Patience

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

CONNECT_TIMEOUT: Final = 1.0  # seconds; the service is next door
READ_TIMEOUT: Final = 3.0  # seconds without a byte; most answers come within milliseconds
CONNECTIONS: Final = 50  # that are kept open, for as many threads
READ_AT_ONCE: Final = 100  # DynamoDB's limits for a batch
WRITTEN_AT_ONCE: Final = 25


class ConditionFailed(Exception):
    """A conditional write was refused; carries the item that stands there, if it was asked for."""

    def __init__(self, item: Mapping[str, Any] | None) -> None:
        super().__init__("the condition of the write is not met")
        self.item = item


class Requests:
    """Makes requests about one table, from any thread; the client is made when this is.

    What is throttled, or fails in the network or in the service, is tried again, with full jitter, for `patience`
    seconds and never past the deadline of the invocation that is being served.

    Raises:
        InvalidInput: no region is known, or the endpoint is no URL.
    """

    def __init__(self, table: str, *, region: str | None, endpoint: str | None, patience: float) -> None:
        self._connection = Connection(
            # Lambda sets AWS_REGION, and botocore does not look at it.
            region or _region_in(table) or os.environ.get("AWS_REGION"),
            host=endpoint,
            connect_timeout_seconds=CONNECT_TIMEOUT,
            read_timeout_seconds=READ_TIMEOUT,
            max_retry_attempts=0,  # `Patience` does it, with an eye on the deadline
            max_pool_connections=CONNECTIONS,
        )
        try:
            meta = self._connection.client.meta
        except NoRegionError as error:
            raise InvalidInput(
                "no AWS region is known; give region= to DynamoDBStorage or ?region= in its URL, or set AWS_REGION",
                path="region",
            ) from error
        except ValueError as error:  # botocore's word for a region or an endpoint that cannot be one
            raise InvalidInput(f"{error}", path="endpoint" if endpoint else "region") from error
        self.place = Place(table, meta.region_name, meta.endpoint_url)
        self.patience: Final = Patience(patience, Refusals(self.place))

    def send(self, operation: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Make a request about the table, and return its answer.

        Raises:
            ConditionFailed: the write's condition is not met; nothing was changed.
            StoreError: the request was refused, or has failed for longer than the patience lasts.
        """
        request = {"TableName": self.place.table, **arguments}
        return self.patience.persist(self._about(operation), lambda: self._dispatch(operation, request))

    def pages(self, operation: str, arguments: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield the items of a query or a scan, each page of them asked for when the one before is used up."""
        place: dict[str, Any] = {}
        while True:
            answer = self.send(operation, {**arguments, **place})
            yield from answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return
            place = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    def get_many(self, keys: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Return the items that stand at up to 100 keys, in no order; a consistent read."""
        found: list[dict[str, Any]] = []
        wanted: dict[str, Any] = {self.place.table: {"Keys": list(keys), "ConsistentRead": True}}

        def get() -> None:
            answer = self._dispatch("BatchGetItem", {"RequestItems": dict(wanted)})
            found.extend(answer["Responses"].get(self.place.table, ()))
            _keep_unprocessed(wanted, answer.get("UnprocessedKeys"))

        if keys:
            self.patience.persist(self._about("BatchGetItem"), get)
        return found

    def delete_many(self, keys: Sequence[Mapping[str, Any]]) -> None:
        """Remove the items at up to 25 keys, those that are there."""
        wanted: dict[str, Any] = {self.place.table: [{"DeleteRequest": {"Key": key}} for key in keys]}

        def delete() -> None:
            answer = self._dispatch("BatchWriteItem", {"RequestItems": dict(wanted)})
            _keep_unprocessed(wanted, answer.get("UnprocessedItems"))

        self.patience.persist(self._about("BatchWriteItem"), delete)

    def client(self, service: str) -> Any:
        """Make a client of another service, in the same region and under the same credentials."""
        from botocore.config import Config

        config = Config(
            connect_timeout=CONNECT_TIMEOUT,
            read_timeout=READ_TIMEOUT,
            max_pool_connections=CONNECTIONS,
            retries={"total_max_attempts": 1},
        )
        return self._connection.session.create_client(service, self.place.region, config=config)

    def close(self) -> None:
        """Close the connections."""
        self._connection.client.close()

    def _dispatch(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        try:
            # PynamoDB writes into what it is given; a request that is made again must be the same.
            answer = self._connection.dispatch(operation, dict(request))
        except ClientError as error:
            if code_of(error) != CONDITION_FAILED:
                raise
            # PynamoDB leaves the item out of its own error, and has botocore's behind it.
            refused: Mapping[str, Any] = getattr(error.__cause__, "response", {})
            raise ConditionFailed(refused.get("Item")) from None
        if "json" not in answer["ResponseMetadata"]["HTTPHeaders"].get("content-type", ""):
            # A page that some other server gives is, to botocore, an answer with nothing in it.
            raise ResponseParserError("the answer is not JSON")
        return answer

    def _about(self, operation: str) -> str:
        return f"dynamodb:{operation} on {self.place}"


def _region_in(table: str) -> str | None:
    """Return the region that a table's ARN names, None if it is given by its name alone."""
    return table.split(":")[3] if table.startswith("arn:") else None


def _keep_unprocessed(wanted: dict[str, Any], left: Mapping[str, Any] | None) -> None:
    """Keep in `wanted` what the service left undone, so that it is what is asked for next."""
    if left:
        wanted.clear()
        wanted.update(left)
        raise NotAll("a part of the batch was left undone")
