"""Large values in S3: where they lie, and what lies there from before."""

from __future__ import annotations

from contextlib import closing
from hashlib import shake_128
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest
from aws.dynamodb.conftest import item_at
from botocore.exceptions import ClientError
from botocore.response import StreamingBody
from moto import mock_aws

from flux_aws import DynamoDBStorage
from flux_core import BlobNotFound, RunStatus, StoreError
from flux_core.storage import Record

if TYPE_CHECKING:
    from collections.abc import Iterator

RUN = Record("order-1", "order", RunStatus.RUNNING, 1, "w", 160.0, 100.0, 100.0, b"{}")
LARGE = shake_128(b"large").digest(500_000)


@pytest.fixture
def bucket() -> Iterator[Any]:
    """A bucket, and nothing else in the account."""
    import boto3

    with mock_aws():
        yield boto3.resource("s3", region_name="us-east-1").create_bucket(Bucket="values")


@pytest.fixture
def storage(bucket: Any) -> Iterator[DynamoDBStorage]:
    """A store over an empty table and the bucket."""
    with closing(DynamoDBStorage("runs", bucket=bucket.name, ttl=30 * 86400, patience=0)) as storage:
        storage.create_table()
        yield storage


def objects(bucket: Any) -> list[str]:
    """Return the keys of what the bucket holds."""
    return sorted(found.key for found in bucket.objects.all())


def test_a_blob_is_one_object(storage: DynamoDBStorage, bucket: Any) -> None:
    """A value lies under its run and key, as it is, and may be larger than a table takes."""
    value = bytes(11_000_000)
    storage.put_blob(RUN.id, "key", value)
    assert objects(bucket) == ["flux/order-1/key"]
    assert bucket.Object("flux/order-1/key").get()["Body"].read() == value
    assert storage.get_blob(RUN.id, "key") == value


def test_a_large_document_is_one_object(storage: DynamoDBStorage, bucket: Any) -> None:
    """A document that does not fit goes to the bucket, and from it when another takes its place."""
    large = RUN._replace(document=LARGE)
    storage.create(large)
    assert len(objects(bucket)) == 1
    assert storage.load(RUN.id) == large
    storage.delete_blobs(RUN.id)
    assert storage.load(RUN.id) == large

    storage.save(RUN._replace(revision=2), replaces=1)
    assert objects(bucket) == []
    assert storage.load(RUN.id) == RUN._replace(revision=2)


def test_a_run_of_many_objects_is_deleted_whole(storage: DynamoDBStorage, bucket: Any) -> None:
    """All objects of a run go with it, be they more than one answer lists, and none of another run."""
    storage.create(RUN)
    for number in range(3):
        bucket.put_object(Key=f"flux/{RUN.id}/key-{number}", Body=b"value")
    storage.put_blob("order-10", "key", b"value")
    objects_of: Any = storage._blobs._objects
    assert objects_of is not None
    list_objects = objects_of._client.list_objects_v2
    objects_of._client.list_objects_v2 = lambda **request: list_objects(MaxKeys=2, **request)

    storage.delete(RUN.id)
    assert objects(bucket) == ["flux/order-10/key"]


def test_what_was_stored_before_the_bucket_is_found(storage: DynamoDBStorage) -> None:
    """A table that had no bucket keeps its blobs and documents, and loses them when it should."""
    with closing(DynamoDBStorage("runs")) as before:
        before.put_blob(RUN.id, "key", b"value")
        before.create(RUN._replace(document=LARGE))
    assert storage.get_blob(RUN.id, "key") == b"value"
    assert storage.load(RUN.id) == RUN._replace(document=LARGE)

    storage.delete(RUN.id)
    with pytest.raises(BlobNotFound):
        storage.get_blob(RUN.id, "key")


def test_what_was_stored_before_the_bucket_stays_with_a_run_that_goes_on(storage: DynamoDBStorage) -> None:
    """The expiry of a blob in the table is taken away when its run is gone on with, though there is a bucket by now."""
    with closing(DynamoDBStorage("runs", ttl=30 * 86400)) as before:
        before.put_blob(RUN.id, "key", b"value")
        before.create(RUN)
        before.save(RUN._replace(revision=2, status=RunStatus.COMPLETED, wake_at=None), replaces=1)
    blob = {"Key": {"id": {"S": RUN.id}, "sk": {"S": "blob#key#0"}}}
    assert "expires_at" in storage._requests.send("GetItem", blob)["Item"]

    assert storage.load(RUN.id) is not None
    storage.save(RUN._replace(revision=3), replaces=2)
    assert "expires_at" not in storage._requests.send("GetItem", blob)["Item"]


def test_an_object_that_is_cut_off_is_read_again(bucket: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that ends in the middle of a value does not end the run."""
    with closing(DynamoDBStorage("runs", bucket=bucket.name)) as storage:
        storage.put_blob(RUN.id, "key", b"value")
        cut_off = iter([StreamingBody(BytesIO(b"val"), 5)])
        held: Any = storage._blobs._objects
        assert held is not None
        whole = held._client.get_object

        def get_object(**request: Any) -> Any:
            answer = whole(**request)
            return {"Body": next(cut_off, answer["Body"])}

        monkeypatch.setattr(held._client, "get_object", get_object)
        assert storage.get_blob(RUN.id, "key") == b"value"
        assert next(cut_off, None) is None


def test_objects_are_left_to_the_bucket_s_own_rules(storage: DynamoDBStorage, bucket: Any) -> None:
    """A run that goes leaves its objects, which the lifecycle rules of the bucket remove."""
    storage.put_blob(RUN.id, "key", b"value")
    storage.create(RUN)
    storage.save(RUN._replace(revision=2, status=RunStatus.COMPLETED, wake_at=None), replaces=1)
    assert "expires_at" in item_at(storage, RUN.id)
    assert objects(bucket) == ["flux/order-1/key"]


def test_a_missing_bucket_is_told(storage: DynamoDBStorage, bucket: Any) -> None:
    """A bucket that is not there is told as such, for reading and for writing."""
    bucket.delete()
    with pytest.raises(
        StoreError, match=r"s3:PutObject on the bucket 'values' was refused: .*; make the bucket"
    ):
        storage.put_blob(RUN.id, "key", b"value")
    with pytest.raises(
        StoreError, match=r"s3:GetObject on the bucket 'values' was refused: .*; make the bucket"
    ):
        storage.get_blob(RUN.id, "key")


def test_an_object_that_may_not_be_deleted_is_told(
    storage: DynamoDBStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S3 answers that all is well, and says below which objects are still there."""
    storage.put_blob(RUN.id, "key", b"value")
    error = {"Key": "flux/order-1/key", "Code": "AccessDenied", "Message": "Access Denied"}
    held: Any = storage._blobs._objects
    assert held is not None
    monkeypatch.setattr(held._client, "delete_objects", lambda **request: {"Errors": [error]})
    with pytest.raises(StoreError, match="s3:DeleteObject on 'flux/order-1/key' in the bucket 'values'"):
        storage.delete(RUN.id)


def test_access_to_a_bucket_that_is_denied_names_it(
    storage: DynamoDBStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request that S3 does not allow is told with the action to allow, and on which bucket."""

    def deny(**request: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "Access Denied"}}, "PutObject")

    held: Any = storage._blobs._objects
    assert held is not None
    monkeypatch.setattr(held._client, "put_object", deny)
    with pytest.raises(StoreError, match="s3:PutObject on the bucket 'values' is not allowed; allow it"):
        storage.put_blob(RUN.id, "key", b"value")
