"""The rows of runs as documents of a Firestore collection."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from google.api_core.exceptions import AlreadyExists, FailedPrecondition, NotFound
from google.cloud.firestore import DELETE_FIELD

from flux_core._document import UnreadableRun
from flux_core.storage._rows.port import Refused
from flux_gcp._firestore.documents import REPLACED, ROOM, document_id, fields_of, row_of
from flux_gcp._firestore.finding import Finder
from flux_gcp._firestore.service import call

if TYPE_CHECKING:
    from google.cloud.firestore import Client, DocumentReference

    from flux_core.storage import Query, RecordPage
    from flux_core.storage._rows.port import Opened, Row
    from flux_gcp._firestore.documents import Snapshot
    from flux_gcp._firestore.service import Service


class Documents:
    """Fills the port `Rows`; a save says at which moment the document must have been written that it replaces.

    Firestore refuses it otherwise, without the transaction that would hold a lock meanwhile.
    """

    def __init__(self, service: Service[Client], collection: str) -> None:
        self.room: Final = ROOM
        self._service = service
        self._collection = collection
        self._finder = Finder(service, collection)

    def __str__(self) -> str:
        return str(self._service)

    def insert(self, row: Row) -> object:
        """Write a new document."""

        def create(client: Client) -> object:
            try:
                return self._at(client, row.record.id).create(fields_of(row), **call()).update_time
            except AlreadyExists:
                raise Refused from None

        return self._service.ask("datastore.entities.create", create)

    def replace(self, row: Row, version: object) -> object:
        """Write the document in place of that version of it."""
        try:
            return self._service.ask(
                "datastore.entities.update", lambda client: self._update(client, row, version)
            )
        except Refused:
            raise Refused(_readable(self._get(row.record.id))) from None

    def read(self, run_id: str) -> Row | None:
        """Return the run's document as it stands now."""
        snapshot = self._get(run_id)
        return row_of(snapshot) if snapshot.exists else None

    def remove(self, run_id: str, life: float | None) -> Row | None:
        """Remove the document as it stands, and return it."""
        gone: Row | None = None
        while True:
            snapshot = self._get(run_id)
            standing = _readable(snapshot)
            if not snapshot.exists or (None if standing is None else standing.record.created_at) != life:
                return gone  # it was removed, and the answer lost
            try:
                self._delete(run_id, snapshot.update_time)
            except Refused:
                gone = standing
            else:
                return standing

    def find(self, query: Query, opened: Opened) -> RecordPage:
        """Return the runs that meet the query."""
        return self._finder.find(query, opened)

    def close(self) -> None:
        """Close the connections."""
        self._service.close(_end)

    def _update(self, client: Client, row: Row, version: object) -> object:
        fields = {**dict.fromkeys(REPLACED, DELETE_FIELD), **fields_of(row)}
        option = client.write_option(last_update_time=version)
        try:
            return self._at(client, row.record.id).update(fields, option=option, **call()).update_time
        except (FailedPrecondition, NotFound):
            raise Refused from None

    def _get(self, run_id: str) -> Snapshot:
        return self._service.ask(
            "datastore.entities.get", lambda client: self._at(client, run_id).get(**call())
        )

    def _delete(self, run_id: str, version: object) -> None:
        """Remove the document at that version of it."""

        def delete(client: Client) -> None:
            try:
                self._at(client, run_id).delete(client.write_option(last_update_time=version), **call())
            except (FailedPrecondition, NotFound):
                raise Refused from None

        self._service.ask("datastore.entities.delete", delete)

    def _at(self, client: Client, run_id: str) -> DocumentReference:
        return client.collection(self._collection).document(document_id(run_id))


def _readable(snapshot: Snapshot) -> Row | None:
    """Return the run of a document, None if there is none, or it cannot be read."""
    with suppress(UnreadableRun):
        return row_of(snapshot) if snapshot.exists else None
    return None


def _end(client: Any) -> None:
    """Close the channel: the client's own `close()` is about HTTP, which it does not use."""
    client._firestore_api.transport.close()  # noqa: SLF001 (the library has no public way)
