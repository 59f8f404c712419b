"""The shared storage suite over DynamoDB: AWS's own emulator, another one in process, and S3 for large values."""

from __future__ import annotations

from contextlib import closing
from threading import Lock
from typing import TYPE_CHECKING, Any

import pytest
from moto import mock_aws

from flux_aws import DynamoDBStorage
from flux_core.testing import StorageContract

from services.dynamodb_local import DynamoDBLocal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flux_core.storage import Storage

REGION = "us-east-1"


@pytest.fixture(scope="module", autouse=True)
def credentials() -> Iterator[None]:
    """Sign with keys that no account has."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ACCESS_KEY_ID", "testing")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        yield


def one_at_a_time(store: DynamoDBStorage) -> DynamoDBStorage:
    """Have the store make one request after the other: moto looks at a condition, and then writes regardless."""
    lock, dispatch = Lock(), store._requests._dispatch

    def dispatch_alone(operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        with lock:
            return dispatch(operation, request)

    store._requests._dispatch = dispatch_alone  # type: ignore[method-assign]
    return store


class EmptyTable(StorageContract):
    """The suite, each test of it with an empty table; a client takes longer to make than a test."""

    @pytest.fixture
    def storage(self, client: DynamoDBStorage) -> Iterator[Storage]:
        """Give an empty table."""
        client.create_table()
        yield client
        client._requests.send("DeleteTable", {})


@pytest.mark.xdist_group("dynamodb-local")
class TestDynamoDBLocal(EmptyTable):
    """The store over DynamoDB Local."""

    @pytest.fixture(scope="class")
    @classmethod
    def client(cls) -> Iterator[DynamoDBStorage]:
        """Give a store without a table."""
        with (
            DynamoDBLocal() as server,
            closing(DynamoDBStorage("runs", region=REGION, endpoint=server.endpoint)) as client,
        ):
            yield client


class TestMoto(EmptyTable):
    """The store over moto."""

    @pytest.fixture(scope="class")
    @classmethod
    def client(cls) -> Iterator[DynamoDBStorage]:
        """Give a store without a table."""
        with mock_aws(), closing(DynamoDBStorage("runs", region=REGION)) as client:
            yield one_at_a_time(client)


BESIDE = [claim for claim in dir(StorageContract) if "_blob" in claim or "_large" in claim]


class TestMotoWithBucket:
    """What the suite says of values that a bucket holds."""

    @pytest.fixture(scope="class")
    @classmethod
    def bucket(cls) -> Iterator[Any]:
        """Make a bucket."""
        import boto3

        with mock_aws():
            yield boto3.resource("s3", region_name=REGION).create_bucket(Bucket="values")

    @pytest.fixture(scope="class")
    @classmethod
    def client(cls, bucket: Any) -> Iterator[DynamoDBStorage]:
        """Give a store without a table."""
        with closing(DynamoDBStorage("runs", region=REGION, bucket=bucket.name)) as client:
            yield one_at_a_time(client)

    @pytest.fixture(autouse=True)
    def empty(self, bucket: Any) -> None:
        """Empty the bucket."""
        bucket.objects.all().delete()

    @pytest.mark.parametrize("claim", BESIDE)
    def test_a_bucket_keeps_what_is_promised(self, client: DynamoDBStorage, claim: str) -> None:
        """Blobs, and documents beside them, are kept as in any store."""
        client.create_table()
        getattr(StorageContract(), claim)(client)
        client._requests.send("DeleteTable", {})
