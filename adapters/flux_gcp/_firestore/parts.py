"""Values that are too large for a run's document, each in one or more documents of a collection under it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from google.api_core.exceptions import NotFound
from google.cloud.firestore import DELETE_FIELD, FieldFilter

from flux_gcp._firestore.documents import document_id, timestamp
from flux_gcp._firestore.indexes import EXPIRY, parts_of
from flux_gcp._firestore.service import call

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.cloud.firestore import Client, CollectionReference

    from flux_gcp._firestore.documents import Snapshot
    from flux_gcp._firestore.service import Service

PIECE: Final = 900_000
"""Bytes of a value in one document, which has 1 MiB with all names and values."""
DELETED_AT_ONCE: Final = 100


class SubDocuments:
    """Fills the port `Parts`; the ids of a value's documents are `<name>#0`, `<name>#1` and so on."""

    def __init__(self, service: Service[Client], collection: str) -> None:
        self._service = service
        self._collection = collection

    def put(self, run_id: str, name: str, value: bytes, *, expires_at: int | None) -> None:
        """Store the value; its first document, which says how many there are, comes last."""
        count = max(1, -(-len(value) // PIECE))
        expiry = {} if expires_at is None else {EXPIRY: timestamp(expires_at)}
        for number in reversed(range(count)):
            piece = value[number * PIECE : (number + 1) * PIECE]
            self._set(run_id, f"{name}#{number}", {"count": count, "value": piece, **expiry})

    def get(self, run_id: str, name: str) -> bytes | None:
        """Return the value, None if there is none or if it is just being deleted."""
        first = self._get_many(run_id, [f"{name}#0"])
        if first is None:
            return None
        others = self._get_many(run_id, [f"{name}#{number}" for number in range(1, first[0].get("count"))])
        return None if others is None else b"".join(piece.get("value") for piece in first + others)

    def delete(self, run_id: str, prefix: str, keeps: Callable[[str], bool]) -> None:
        """Remove the values whose names begin with the prefix, except those that are to be kept."""
        gone = [part.id for part in self._parts(run_id, prefix) if not keeps(part.id.rpartition("#")[0])]
        for start in range(0, len(gone), DELETED_AT_ONCE):
            self._delete(run_id, gone[start : start + DELETED_AT_ONCE])

    def expire(self, run_id: str, prefix: str, at: int | None) -> None:
        """Let the values whose names begin with the prefix go at a moment, in Unix seconds, or never.

        It costs a write for each document that is to go at another moment.
        """
        moment = timestamp(at)
        change = {EXPIRY: DELETE_FIELD if moment is None else moment}
        for part in self._parts(run_id, prefix):
            if (part.to_dict() or {}).get(EXPIRY) != moment:
                self._change(run_id, part.id, change)

    def _under(self, client: Client, run_id: str) -> CollectionReference:
        run = client.collection(self._collection).document(document_id(run_id))
        parts: CollectionReference = run.collection(parts_of(self._collection))
        return parts

    def _parts(self, run_id: str, prefix: str) -> list[Snapshot]:
        """Return the documents of the values, each with its expiry alone."""

        def select(client: Client) -> list[Snapshot]:
            under = self._under(client, run_id)
            behind = prefix[:-1] + chr(ord(prefix[-1]) + 1)
            found: Any = under.select([EXPIRY])
            for operator, bound in ((">=", prefix), ("<", behind)):
                found = found.where(filter=FieldFilter("__name__", operator, under.document(bound)))
            return list(found.stream(**call()))

        return self._service.ask("datastore.entities.list", select)

    def _get_many(self, run_id: str, names: list[str]) -> list[Snapshot] | None:
        """Return the documents in the order of their names, None if one is missing."""

        def get(client: Client) -> list[Snapshot]:
            under = self._under(client, run_id)
            return list(client.get_all([under.document(name) for name in names], **call()))

        if not names:
            return []
        found = {part.id: part for part in self._service.ask("datastore.entities.get", get) if part.exists}
        return [found[name] for name in names] if len(found) == len(names) else None

    def _set(self, run_id: str, name: str, fields: dict[str, Any]) -> None:
        self._service.ask(
            "datastore.entities.create",
            lambda client: self._under(client, run_id).document(name).set(fields, **call()),
        )

    def _change(self, run_id: str, name: str, fields: dict[str, Any]) -> None:
        def update(client: Client) -> None:
            with suppress(NotFound):  # it has been deleted meanwhile
                self._under(client, run_id).document(name).update(fields, **call())

        self._service.ask("datastore.entities.update", update)

    def _delete(self, run_id: str, names: list[str]) -> None:
        def delete(client: Client) -> None:
            batch = client.batch()
            for name in names:
                batch.delete(self._under(client, run_id).document(name))
            batch.commit(**call())

        self._service.ask("datastore.entities.delete", delete)
