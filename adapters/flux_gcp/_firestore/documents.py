"""A run as one document of the collection, and back again."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from flux_core._document import UnreadableRun
from flux_core._status import status_of
from flux_core.storage import Record
from flux_core.storage._rows.attached import Attached
from flux_core.storage._rows.port import Row
from flux_gcp._firestore.facets import facets_of

if TYPE_CHECKING:
    from typing import TypeAlias

    from google.cloud.firestore import DocumentReference, DocumentSnapshot

    Snapshot: TypeAlias = DocumentSnapshot[DocumentReference]

FORMAT: Final = 1
"""The version of what is written here; each document carries it as `v`."""
ROOM: Final = 900_000
"""Bytes of a document that its large field and its tags may take; a document has 1 MiB with all names and values."""
REPLACED: Final = ("blobs", "document", "elsewhere", "expires_at", "wake_at")
"""The fields that a save may take away."""
ESCAPED: Final = re.compile(r"\.|\.\.|__.*__|.*%", re.DOTALL)
"""The ids that Firestore refuses, and those that would be taken for one of them that is escaped."""


def document_id(run_id: str) -> str:
    """Return the id of a run's document: the run's own, wherever Firestore takes it."""
    return f"{run_id}%" if ESCAPED.fullmatch(run_id) else run_id


def run_id_of(document_id: str) -> str:
    """Return the id of the run that has the document."""
    return document_id.removesuffix("%")


def fields_of(row: Row) -> dict[str, Any]:
    """Return the fields of a run's document; what is kept elsewhere is left out, as is what there is none of."""
    record, attached, _ = row
    fields = {
        "v": FORMAT,
        "workflow": record.workflow,
        "status": record.status.value,
        "revision": record.revision,
        "writer": record.writer,
        "wake_at": record.wake_at,
        "created_at": record.created_at,
        "updated_at": record.updated_at,
        "tags": list(record.tags) or None,
        "facets": facets_of(record),
        "document": record.document if attached.document is None else None,
        "elsewhere": attached.document,
        "blobs": attached.blobs or None,
        "expires_at": timestamp(attached.expires_at),
    }
    return {name: value for name, value in fields.items() if value is not None}


def row_of(snapshot: Snapshot) -> Row:
    """Return the run that a document holds.

    Raises:
        UnreadableRun: a newer Flux wrote the document, or it is not one of Flux.
    """
    run_id = run_id_of(snapshot.id)
    fields: dict[str, Any] = snapshot.to_dict() or {}
    try:
        if fields["v"] > FORMAT:
            raise UnreadableRun(
                f"run {run_id!r} was written by a newer Flux (format {fields['v']}, this one knows {FORMAT});"
                " upgrade flux-serverless"
            )
        expires_at = fields.get("expires_at")
        attached = Attached(
            fields.get("elsewhere"),
            fields.get("blobs", False),
            None if expires_at is None else int(expires_at.timestamp()),
        )
        record = Record(
            run_id,
            fields["workflow"],
            status_of(fields["status"]),
            fields["revision"],
            fields["writer"],
            fields.get("wake_at"),
            fields["created_at"],
            fields["updated_at"],
            fields["document"] if attached.document is None else b"",
            tuple(fields.get("tags", ())),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UnreadableRun(f"the document of run {run_id!r} cannot be read: {error!r}") from error
    return Row(record, attached, snapshot.update_time)


def timestamp(at: int | None) -> datetime | None:
    """Return a moment in Unix seconds as Firestore's expiry wants it."""
    return None if at is None else datetime.fromtimestamp(at, UTC)
