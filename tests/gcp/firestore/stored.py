"""What Firestore holds of a run, as its own client gives it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flux_gcp._firestore.documents import document_id

if TYPE_CHECKING:
    from flux_gcp import FirestoreStorage


def reference(storage: FirestoreStorage, run_id: str) -> Any:
    """Return the reference of a run's document."""
    place = storage._place
    return storage._service._client().collection(place.collection).document(document_id(run_id))


def fields_at(storage: FirestoreStorage, run_id: str) -> dict[str, Any]:
    """Return the fields of a run's document."""
    fields: dict[str, Any] = reference(storage, run_id).get().to_dict()
    return fields


def parts_at(storage: FirestoreStorage, run_id: str) -> dict[str, dict[str, Any]]:
    """Return the fields of the documents under a run's document, by their ids."""
    parts = reference(storage, run_id).collection(f"{storage._place.collection}-parts")
    return {part.id: part.to_dict() for part in parts.stream()}
