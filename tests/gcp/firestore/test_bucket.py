"""Large values in Cloud Storage."""

from __future__ import annotations

from hashlib import shake_128
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import google.cloud.storage as cloud_storage  # type: ignore[import-untyped]
import pytest
from gcp.firestore.stored import fields_at, parts_at
from google.api_core import exceptions
from google.cloud.storage.exceptions import DataCorruption  # type: ignore[import-untyped]

from flux_core import BlobNotFound, RunStatus, StoreError
from flux_core.storage import Record

from services.fake_gcs import FakeCloudStorage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flux_gcp import FirestoreStorage

pytestmark = pytest.mark.xdist_group("firestore")

LARGE = shake_128(b"large").digest(12_000_000)
BUCKET_GONE = exceptions.NotFound("The specified bucket does not exist.")  # type: ignore[no-untyped-call]
FORBIDDEN = exceptions.Forbidden("caller may not")  # type: ignore[no-untyped-call]
RUN = Record("order-1", "order", RunStatus.RUNNING, 1, "w", 160.0, 100.0, 100.0, LARGE)


@pytest.fixture(scope="module")
def objects() -> Iterator[FakeCloudStorage]:
    """A Cloud Storage for the tests here, each with a bucket of its own."""
    with FakeCloudStorage() as server:
        yield server


@pytest.fixture
def bucket(objects: FakeCloudStorage, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An empty bucket."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", objects.endpoint)
    client = cloud_storage.Client("flux")
    yield client.create_bucket(f"values-{uuid4().hex}")
    client.close()


@pytest.fixture
def storage(opened: Callable[..., FirestoreStorage], bucket: Any) -> FirestoreStorage:
    """A store over an empty collection and the bucket."""
    return opened(bucket=bucket.name, patience=0)


def names(bucket: Any) -> set[str]:
    """Return the names of the objects in the bucket."""
    return {blob.name for blob in bucket.list_blobs()}


def test_a_blob_is_one_object(storage: FirestoreStorage, bucket: Any) -> None:
    """A value lies under its run and key, as it is, and may be larger than documents take."""
    storage.put_blob(RUN.id, "key", LARGE)
    assert names(bucket) == {"flux/order-1/key"}
    assert bucket.blob("flux/order-1/key").download_as_bytes() == storage.get_blob(RUN.id, "key") == LARGE


def test_a_large_document_is_one_object(storage: FirestoreStorage, bucket: Any) -> None:
    """A document that does not fit goes to the bucket, and from it when another takes its place."""
    storage.create(RUN)
    (name,) = names(bucket)
    assert name == f"flux/order-1/document/{fields_at(storage, RUN.id)['elsewhere']}"
    assert parts_at(storage, RUN.id) == {}
    assert storage.load(RUN.id) == RUN
    storage.save(RUN._replace(revision=2, document=b""), replaces=1)
    assert names(bucket) == set()


def test_a_deleted_run_leaves_the_objects_of_others(storage: FirestoreStorage, bucket: Any) -> None:
    """All objects of a run go with it, and none of another."""
    for run_id in ("order-1", "order-10"):
        storage.put_blob(run_id, "a", b"value")
        storage.put_blob(run_id, "b", b"value")
    storage.delete("order-1")
    assert names(bucket) == {"flux/order-10/a", "flux/order-10/b"}


def test_an_object_that_is_to_be_kept_stays(storage: FirestoreStorage, bucket: Any) -> None:
    """Of a run's blobs go those alone that are not needed any more."""
    for key in ("a", "b"):
        storage.put_blob(RUN.id, key, b"value")
    storage.delete_blobs(RUN.id, keep=["b"])
    assert names(bucket) == {"flux/order-1/b"}


def test_what_was_stored_before_the_bucket_is_found(
    storage: FirestoreStorage, opened: Callable[..., FirestoreStorage]
) -> None:
    """A collection that had no bucket keeps its blobs, and loses them when it should."""
    opened().put_blob(RUN.id, "key", b"value")
    assert storage.get_blob(RUN.id, "key") == b"value"
    storage.delete_blobs(RUN.id)
    with pytest.raises(BlobNotFound):
        storage.get_blob(RUN.id, "key")


def test_a_missing_bucket_is_told(opened: Callable[..., FirestoreStorage], bucket: Any) -> None:
    """A bucket that is not there is named, with what to do."""
    storage = opened(bucket="nowhere", patience=0)
    with pytest.raises(
        StoreError, match=r"storage\.objects\.create on the bucket 'nowhere' .*make the bucket"
    ):
        storage.put_blob(RUN.id, "key", b"value")


def test_a_missing_bucket_is_no_missing_blob(
    storage: FirestoreStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cloud Storage answers a read with the same status for either, and tells them apart in words."""
    refuse(monkeypatch, "download_as_bytes", BUCKET_GONE)
    with pytest.raises(StoreError, match="make the bucket"):
        storage.get_blob(RUN.id, "key")


def test_denied_access_names_permission_role_and_bucket(
    storage: FirestoreStorage, bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the account lacks can be granted from the message."""
    refuse(monkeypatch, "upload_from_string", FORBIDDEN)
    with pytest.raises(StoreError) as caught:
        storage.put_blob(RUN.id, "key", b"value")
    assert str(caught.value) == (
        f"storage.objects.create on the bucket {bucket.name!r} is not allowed; give roles/storage.objectUser to the"
        " account that runs this: 403 caller may not"
    )


def test_a_value_that_comes_damaged_is_read_again(
    opened: Callable[..., FirestoreStorage], bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A checksum that does not match does not end the run."""
    storage = opened(bucket=bucket.name)
    storage.put_blob(RUN.id, "key", b"value")
    download = cloud_storage.Blob.download_as_bytes
    damaged = iter([True])

    def once_damaged(blob: Any, **options: Any) -> bytes:
        if next(damaged, False):
            raise DataCorruption(None, "checksum")
        value: bytes = download(blob, **options)
        return value

    monkeypatch.setattr(cloud_storage.Blob, "download_as_bytes", once_damaged)
    assert storage.get_blob(RUN.id, "key") == b"value"


def test_an_object_that_somebody_else_deletes_is_gone(
    storage: FirestoreStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes that tidy up after one run do not trip over one another."""
    storage.put_blob(RUN.id, "key", b"value")
    delete = cloud_storage.Blob.delete

    def twice(blob: Any, **options: Any) -> None:
        delete(blob, **options)
        delete(blob, **options)

    monkeypatch.setattr(cloud_storage.Blob, "delete", twice)
    storage.delete_blobs(RUN.id)
    with pytest.raises(BlobNotFound):
        storage.get_blob(RUN.id, "key")


def refuse(monkeypatch: pytest.MonkeyPatch, method: str, error: Exception) -> None:
    """Have Cloud Storage answer a call with an error."""

    def refusing(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(cloud_storage.Blob, method, refusing)
