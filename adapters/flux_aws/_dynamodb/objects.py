"""Values that are too large for a run's item, each as one object in S3."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from flux_aws._dynamodb.refusals import code_of
from flux_core import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flux_aws._dynamodb.requests import Requests


class Objects:
    """Keeps values under a run and a name in a bucket, as `flux/<run id>/<name>`.

    The bucket's own lifecycle rule is what lets them go: an object does not know when its run has ended.
    """

    def __init__(self, requests: Requests, bucket: str) -> None:
        self._requests = requests
        self._bucket = bucket
        self._client = requests.client("s3")

    def put(self, run_id: str, name: str, value: bytes) -> None:
        """Store the value."""
        self._call("PutObject", self._client.put_object, Key=_path(run_id, name), Body=value)

    def get(self, run_id: str, name: str) -> bytes | None:
        """Return the value, None if there is none."""
        value: bytes | None = self._call("GetObject", self._read, Key=_path(run_id, name))
        return value

    def delete(self, run_id: str, prefix: str, keeps: Callable[[str], bool]) -> None:
        """Remove the values whose names begin with the prefix, except those that are to be kept."""
        root = _path(run_id, "")
        for names in self._pages(root + prefix):
            gone = [{"Key": name} for name in names if not keeps(name.removeprefix(root))]
            if gone:
                self._delete(gone)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _delete(self, gone: list[dict[str, str]]) -> None:
        answer = self._call(
            "DeleteObject", self._client.delete_objects, Delete={"Objects": gone, "Quiet": True}
        )
        if errors := answer.get("Errors"):  # the request succeeds, whatever becomes of its objects
            key, message = errors[0]["Key"], errors[0]["Message"]
            raise StoreError(
                f"s3:DeleteObject on {key!r} in the bucket {self._bucket!r} was refused: {message}"
            )

    def _pages(self, prefix: str) -> Iterator[list[str]]:
        """Yield the keys that begin with the prefix, up to 1,000 at once."""
        place: dict[str, str] = {}
        while True:
            answer = self._call("ListBucket", self._client.list_objects_v2, Prefix=prefix, **place)
            yield [found["Key"] for found in answer.get("Contents", ())]
            if not answer["IsTruncated"]:
                return
            place = {"ContinuationToken": answer["NextContinuationToken"]}

    def _read(self, **request: Any) -> bytes | None:
        try:
            body = self._client.get_object(**request)["Body"]
        except ClientError as error:
            if code_of(error) == "NoSuchKey":
                return None
            raise
        with body:
            value: bytes = body.read()
        return value

    def _call(self, permission: str, operation: Callable[..., Any], **request: Any) -> Any:
        what = f"s3:{permission} on the bucket {self._bucket!r}"
        return self._requests.patience.persist(what, lambda: operation(Bucket=self._bucket, **request))


def _path(run_id: str, name: str) -> str:
    return f"flux/{run_id}/{name}"
