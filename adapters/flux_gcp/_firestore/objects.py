"""Values that are too large for a run's document, each as one object in Cloud Storage."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar

import google.cloud.storage as cloud_storage  # type: ignore[import-untyped]  # it has no types
from google.api_core.exceptions import NotFound
from google.cloud.storage.exceptions import DataCorruption  # type: ignore[import-untyped]  # the same

from flux_core import StoreError
from flux_gcp._firestore.refusals import RAISED, TRANSIENT, Refusals
from flux_gcp._firestore.service import Service, call

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

REFUSALS: Final = Refusals(
    role="roles/storage.objectUser",
    missing="make the bucket, or name another",
    not_found=StoreError,
    raised=(*RAISED, DataCorruption),
    transient=(*TRANSIENT, DataCorruption),
)


class BucketObjects:
    """Fills the port `Objects` in a bucket, as `flux/<run id>/<key>`.

    The bucket's own lifecycle rule is what lets them go: an object does not know when its run has ended.
    """

    def __init__(self, bucket: str, *, patience: float) -> None:
        self._bucket = bucket
        self._service: Service[Any] = Service(
            f"the bucket {bucket!r}", lambda: cloud_storage.Client(project=None), REFUSALS, patience
        )

    def put(self, run_id: str, key: str, value: bytes) -> None:
        """Store the value."""
        self._ask(
            "create", lambda bucket: bucket.blob(_path(run_id, key)).upload_from_string(value, **call())
        )

    def get(self, run_id: str, key: str) -> bytes | None:
        """Return the value, None if there is none."""

        def read(bucket: Any) -> bytes | None:
            try:
                value: bytes = bucket.blob(_path(run_id, key)).download_as_bytes(**call())
            except NotFound as error:
                if "bucket does not exist" in str(error):
                    raise
                return None
            return value

        return self._ask("get", read)

    def delete(self, run_id: str, prefix: str, keeps: Callable[[str], bool]) -> None:
        """Remove the values whose keys begin with the prefix, except those that are to be kept."""
        root = _path(run_id, "")
        found = self._ask("list", lambda bucket: list(bucket.list_blobs(prefix=root + prefix, **call())))
        for blob in found:
            if not keeps(blob.name.removeprefix(root)):
                self._delete(blob.name)

    def close(self) -> None:
        """Close the connections."""
        self._service.close(lambda client: client.close())

    def _delete(self, name: str) -> None:
        def delete(bucket: Any) -> None:
            with suppress(NotFound):  # somebody was faster
                bucket.blob(name).delete(**call())

        self._ask("delete", delete)

    def _ask(self, permission: str, request: Callable[[Any], T]) -> T:
        return self._service.ask(
            f"storage.objects.{permission}", lambda client: request(client.bucket(self._bucket))
        )


def _path(run_id: str, key: str) -> str:
    return f"flux/{run_id}/{key}"
