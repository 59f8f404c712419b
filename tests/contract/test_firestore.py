"""The shared storage suite over Firestore: Google's own emulator, and Cloud Storage for large values."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING
from uuid import uuid4

import google.cloud.storage as cloud_storage  # type: ignore[import-untyped]
import pytest

from flux_core.testing import StorageContract
from flux_gcp import FirestoreStorage

from services.fake_gcs import FakeCloudStorage
from services.firestore import FirestoreEmulator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flux_core.storage import Storage

pytestmark = pytest.mark.xdist_group("firestore")


@pytest.fixture(scope="module")
def server() -> Iterator[FirestoreEmulator]:
    """Start a Firestore, for whoever makes a client."""
    with FirestoreEmulator() as server, pytest.MonkeyPatch.context() as environment:
        environment.setenv("FIRESTORE_EMULATOR_HOST", server.host)
        yield server


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """Start a Cloud Storage, and make a bucket in it."""
    with FakeCloudStorage() as server, pytest.MonkeyPatch.context() as environment:
        environment.setenv("STORAGE_EMULATOR_HOST", server.endpoint)
        with closing(cloud_storage.Client("flux")) as client:
            client.create_bucket("values")
        yield "values"


class TestFirestore(StorageContract):
    """The store over the emulator, each test of it with a project of its own."""

    @pytest.fixture
    def storage(self, server: FirestoreEmulator) -> Iterator[Storage]:
        """Give an empty collection."""
        with closing(FirestoreStorage(project=f"flux-{uuid4().hex[:8]}")) as storage:
            yield storage


BESIDE = [claim for claim in dir(StorageContract) if "_blob" in claim or "_large" in claim]


class TestBucket:
    """What the suite says of values that a bucket holds."""

    @pytest.mark.parametrize("claim", BESIDE)
    def test_a_bucket_keeps_what_is_promised(
        self, server: FirestoreEmulator, bucket: str, claim: str
    ) -> None:
        """Blobs, and documents beside them, are kept as in any store."""
        with closing(FirestoreStorage(project="flux", bucket=bucket)) as storage:
            getattr(StorageContract(), claim)(storage)
            storage.delete("order-1")
            storage.delete("order-2")
