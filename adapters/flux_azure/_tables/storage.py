"""The store in an Azure table: durable, for every instance of every function, nothing to operate."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final

from flux_azure._account import Account
from flux_core import InvalidInput, StoreError
from flux_core.storage._rows.blobs import Blobs
from flux_core.storage._rows.storage import RowStorage

if TYPE_CHECKING:
    from flux_azure._tables.objects import BlobObjects

TABLE: Final = re.compile(r"[A-Za-z][A-Za-z0-9]{2,62}")
CONTAINER: Final = re.compile(r"(?!.*--)[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
ADVICE: Final = "give TableStorage(container=...) a container in Blob Storage"


class TableStorage(RowStorage):
    """Runs in a table of Azure Storage, which the deployment makes, or `create_table()`.

    `Storage` says what each method does.

    `account` is the name of a storage account or the https URL of its tables, entered by the identity that Azure's own
    tools find: the function's managed identity, or that of `az login`; it needs the role `Storage Table Data
    Contributor`. `connection` is a connection string instead. Without both it is the function app's own account, as
    the setting `AzureWebJobsStorage` has it. `container` names a container in Blob Storage, in the same account, for
    values that are too large for an entity, which takes the role `Storage Blob Data Contributor`; without one they go
    into several entities, up to 10 MB a value. A request that is throttled or fails is tried again for `patience`
    seconds, and never past the deadline of the invocation that is being served.

    A run is written together with its entries in the orders in which runs are found, so that `find` finds what stands.
    Azure Tables lets nothing go by itself, so that there is no `ttl`: a run is kept until it is deleted. A timer may
    do it, with what `app.list(status="completed", until=...)` gives and `app.delete(run.id)`; keep each run for 14
    days, for so long a redelivery is recognised.

    Raises:
        InvalidInput: an option has a value that it cannot take, or no account is named.
        StoreError: Azure's SDK is not installed.
    """

    def __init__(
        self,
        table: str = "fluxruns",
        *,
        account: str | None = None,
        connection: str | None = None,
        container: str | None = None,
        patience: float = 10.0,
    ) -> None:
        if not TABLE.fullmatch(table):
            raise InvalidInput(
                f"{table!r} is no name of a table: 3 to 63 letters and digits, the first of them a letter",
                path="table",
            )
        if container is not None and not CONTAINER.fullmatch(container):
            raise InvalidInput(
                f"{container!r} is no name of a container: 3 to 63 lower-case letters, digits and single `-`",
                path="container",
            )
        if not 0 <= patience < math.inf:
            raise InvalidInput(f"is a number of seconds, 0 or more, not {patience!r}", path="patience")
        place = Account(account, connection)
        try:
            from flux_azure._tables.parts import EntityParts
            from flux_azure._tables.requests import Requests
            from flux_azure._tables.rows import Entities

            self._requests = Requests(table, place, patience)
            self._objects = None if container is None else _objects(container, place, patience)
        except ModuleNotFoundError as error:
            raise StoreError(
                f"a store in Azure Tables needs Azure's SDK ({error}); pip install 'flux-serverless[azure]'"
            ) from error
        blobs = Blobs(EntityParts(self._requests), self._objects, advice=ADVICE)
        super().__init__(Entities(self._requests), blobs)

    def __repr__(self) -> str:
        return f"<TableStorage on {self._requests.place}>"

    @property
    def table(self) -> str:
        """The name of the table."""
        return self._requests.place.table

    def create_table(self) -> None:
        """Make the table, and the container if one is named, if they are not there.

        Raises:
            StoreError: it cannot be made.
        """
        self._requests.create_table()
        if self._objects is not None:
            self._objects.create_container()


def _objects(container: str, account: Account, patience: float) -> BlobObjects:
    from flux_azure._tables.objects import BlobObjects

    return BlobObjects(container, account, patience)
