"""Requests about one table that do not give up at once: what passes is tried again, what does not is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError
from azure.data.tables import TableClient, UpdateMode

from flux_azure._account import place_of
from flux_azure._refusals import AccountRefusals, code_of, reaching
from flux_core import StoreNotFound
from flux_core.storage._rows.patience import Patience

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from azure.data.tables import TableEntity

    from flux_azure._account import Account

T = TypeVar("T")

ROLE: Final = "Storage Table Data Contributor"
NO_TABLE: Final = "TableNotFound"
UNMET: Final = frozenset(
    {
        "ConditionNotMet",
        "EntityAlreadyExists",
        "EntityNotFound",
        "ResourceNotFound",
        "UpdateConditionNotSatisfied",
    }
)
"""https://learn.microsoft.com/en-us/rest/api/storageservices/table-service-error-codes"""


class Unmet(Exception):
    """An entity does not stand as it must: it has changed, is gone, or is there; nothing was changed."""


class Place(NamedTuple):
    """Where a table is."""

    table: str
    url: str

    def __str__(self) -> str:
        return f"the table {self.table!r} at {self.url}"


class Change(NamedTuple):
    """One operation of several that are done together."""

    operation: str
    """As the SDK calls it: `create`, `upsert`, `update` or `delete`."""
    entity: Mapping[str, Any]
    etag: str | None = None
    """The version that must stand; None for any."""

    @property
    def arguments(self) -> tuple[str, Mapping[str, Any], dict[str, Any]]:
        """What the SDK takes."""
        options: dict[str, Any] = (
            {} if self.operation in {"create", "delete"} else {"mode": UpdateMode.REPLACE}
        )
        if self.etag is not None:
            options |= {"etag": self.etag, "match_condition": MatchConditions.IfNotModified}
        return self.operation, self.entity, options


class Requests:
    """Makes requests about one table, from any thread; the client is made when this is.

    Raises:
        InvalidInput: no account is named, or not in a way that the SDK can take.
    """

    def __init__(self, table: str, account: Account, patience: float) -> None:
        self._client = account.client(TableClient, "table", table_name=table)
        self.place = Place(table, place_of(self._client.url))
        told = {NO_TABLE: _no_table(self.place, self._client.account_name)}
        self._patience = Patience(patience, AccountRefusals(ROLE, told, {NO_TABLE: StoreNotFound}))

    def create_table(self) -> None:
        """Make the table, if it is not there."""

        def create() -> None:
            try:
                self._client.create_table()
            except HttpResponseError as error:
                if code_of(error) != "TableAlreadyExists":
                    raise

        self._persist("making", create)

    def get(self, partition: str, key: str) -> TableEntity | None:
        """Return an entity, None if there is none."""
        try:
            return self._persist("reading from", lambda: self._client.get_entity(partition, key))
        except Unmet:
            return None

    def put(self, entity: Mapping[str, Any]) -> None:
        """Write an entity, whatever stands there."""
        self._persist("writing to", lambda: self._client.upsert_entity(entity, UpdateMode.REPLACE))

    def delete(self, partition: str, key: str) -> None:
        """Remove an entity, if it is there."""
        self._persist("deleting from", lambda: self._client.delete_entity(partition, key))

    def submit(self, changes: Sequence[Change]) -> str:
        """Make up to 100 changes in one partition, all or none, and return the version of the first one's entity.

        Raises:
            Unmet: an entity does not stand as it must.
        """
        if len(changes) == 1 and (only := changes[0]).operation == "update":
            _, entity, options = only.arguments
            answer: Mapping[str, Any] = self._persist(
                "writing to", lambda: self._client.update_entity(entity, **options)
            )
        else:
            operations = [change.arguments for change in changes]
            answer = self._persist("writing to", lambda: self._client.submit_transaction(operations)[0])
        return str(answer.get("etag"))

    def between(
        self,
        partition: str,
        low: str,
        high: str,
        *,
        select: Sequence[str] | None = None,
        at_once: int | None = None,
    ) -> Iterator[TableEntity]:
        """Yield the entities from one row key up to another, which is left out, in their order.

        Each page of them, of so many `at_once`, is asked for when the one before is used up.
        """
        found = self._client.query_entities(
            "PartitionKey eq @partition and RowKey ge @low and RowKey lt @high",
            parameters={"partition": partition, "low": low, "high": high},
            select=None if select is None else list(select),
            results_per_page=at_once,
        )
        token: Any = None
        while True:

            def page(token: Any = token) -> tuple[list[TableEntity], Any]:
                pages: Any = found.by_page(token)
                return list(next(pages)), pages.continuation_token

            entities, token = self._persist("reading from", page)
            yield from entities
            if not token:
                return

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _persist(self, action: str, request: Callable[[], T]) -> T:
        def attempt() -> T:
            try:
                with reaching(self.place.url):
                    return request()
            except HttpResponseError as error:
                if code_of(error) in UNMET:
                    raise Unmet from error
                raise

        return self._patience.persist(f"{action} {self.place}", attempt)


def _no_table(place: Place, account: str | None) -> str:
    return (
        f"there is no table {place.table!r} at {place.url}; name another, or make it: by a deployment"
        f" (terraform/azure), with az storage table create --name {place.table} --account-name {account}"
        f" --auth-mode login, or with flux_azure.TableStorage({place.table!r}, ...).create_table()"
    )
