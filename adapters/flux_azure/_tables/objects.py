"""Values that are too large for a run's entity, each as one blob of a container in Blob Storage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.storage.blob import ContainerClient

from flux_azure._account import place_of
from flux_azure._refusals import AccountRefusals, code_of, reaching
from flux_core import StoreNotFound
from flux_core.storage._rows.patience import Patience

if TYPE_CHECKING:
    from collections.abc import Callable

    from flux_azure._account import Account

T = TypeVar("T")

ROLE: Final = "Storage Blob Data Contributor"
NO_CONTAINER: Final = "ContainerNotFound"


class BlobObjects:
    """Fills the port `Objects`; a value is the blob `flux/<run id>/<key>`, with a `%` after an id that ends with a dot.

    A lifecycle rule of the storage account must not remove what runs still name: they are deleted with their runs.
    """

    def __init__(self, container: str, account: Account, patience: float) -> None:
        self._client = account.client(ContainerClient, "blob", container_name=container)
        self._url = place_of(self._client.url)
        told = {
            NO_CONTAINER: (
                f"there is no container {self._url}; name another, or make it: by a deployment (terraform/azure), with"
                f" az storage container create --name {container} --account-name {self._client.account_name}"
                " --auth-mode login, or with flux_azure.TableStorage(..., container=...).create_table()"
            )
        }
        self._patience = Patience(patience, AccountRefusals(ROLE, told, {NO_CONTAINER: StoreNotFound}))

    def create_container(self) -> None:
        """Make the container, if it is not there."""

        def create() -> None:
            try:
                self._client.create_container()
            except HttpResponseError as error:
                if code_of(error) != "ContainerAlreadyExists":
                    raise

        self._persist("making", create)

    def put(self, run_id: str, key: str, value: bytes) -> None:
        """Store the value."""
        blob = self._client.get_blob_client(_path(run_id, key))
        self._persist("writing to", lambda: blob.upload_blob(value, overwrite=True))

    def get(self, run_id: str, key: str) -> bytes | None:
        """Return the value, None if there is none."""

        def read() -> bytes | None:
            try:
                return self._client.download_blob(_path(run_id, key)).readall()
            except ResourceNotFoundError as error:
                if code_of(error) == NO_CONTAINER:
                    raise
                return None

        return self._persist("reading from", read)

    def delete(self, run_id: str, prefix: str, keeps: Callable[[str], bool]) -> None:
        """Remove the values whose keys begin with the prefix, except those that are to be kept."""
        root = _path(run_id, "")
        names = self._persist(
            "listing", lambda: list(self._client.list_blob_names(name_starts_with=root + prefix))
        )
        for name in names:
            if not keeps(name.removeprefix(root)):
                self._remove(name)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _remove(self, name: str) -> None:
        def remove() -> None:
            try:
                self._client.delete_blob(name)
            except ResourceNotFoundError as error:
                if code_of(error) == NO_CONTAINER:
                    raise

        self._persist("deleting from", remove)

    def _persist(self, action: str, request: Callable[[], T]) -> T:
        def attempt() -> T:
            with reaching(self._url):
                return request()

        return self._patience.persist(f"{action} the container {self._url}", attempt)


def _path(run_id: str, key: str) -> str:
    """Return the name of a value's blob; `%` is in no id, and no part of a path may end with a dot.

    https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata
    """
    return f"flux/{run_id}%/{key}" if run_id.endswith(".") else f"flux/{run_id}/{key}"
