"""A run as one entity of the table, and back again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from flux_azure._tables.keys import entries_of, run_key, shard_of
from flux_core._document import UnreadableRun
from flux_core._status import status_of
from flux_core.storage import Record
from flux_core.storage._rows.attached import Attached
from flux_core.storage._rows.port import Row

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT: Final = 1
"""The version of what is written here; each run's entity carries it as `v`."""
PIECE: Final = 65_536
"""Bytes of a binary property, the most that one takes."""
ROOM: Final = 11 * PIECE
"""Bytes of an entity that its large properties may take.

An entity has 1 MiB with all names and values; Azurite counts it as the JSON in which it comes, bytes as base64.
"""


class Version(NamedTuple):
    """A state of a run's entity."""

    etag: str
    entries: frozenset[str]
    """The row keys of the entries that the run has."""


def entity_of(row: Row) -> dict[str, Any]:
    """Return the entity of a run.

    Its times are texts: these keep every bit, whatever a service makes of numbers. The row keys of its entries are in
    it too, so that it can be removed with them by a Flux that cannot read it.
    """
    record, attached = row.record, row.attached
    entity: dict[str, Any] = {
        "PartitionKey": shard_of(record.id),
        "RowKey": run_key(record.id),
        "v": FORMAT,
        "workflow": record.workflow,
        "status": record.status.value,
        "revision": record.revision,
        "writer": record.writer,
        "created_at": repr(record.created_at),
        "updated_at": repr(record.updated_at),
        "entries": "\n".join(sorted(entries_of(record))),
        **pieces("document", record.document),
    }
    if record.wake_at is not None:
        entity["wake_at"] = repr(record.wake_at)
    if record.tags:
        entity |= pieces("tags", json.dumps(record.tags, ensure_ascii=False).encode())
    if attached.document is not None:
        entity["elsewhere"] = attached.document
    if attached.blobs:
        entity["blobs"] = True
    return entity


def row_of(entity: Mapping[str, Any], etag: str) -> Row:
    """Return the run that the entity holds.

    Raises:
        UnreadableRun: a newer Flux wrote the entity, or it is not one of Flux.
    """
    run_id = entity["RowKey"].removeprefix(run_key(""))
    try:
        version = int(entity["v"])
        if version > FORMAT:
            raise UnreadableRun(
                f"run {run_id!r} was written by a newer Flux (format {version}, this one knows {FORMAT});"
                " upgrade flux-serverless"
            )
        record = Record(
            run_id,
            _text(entity, "workflow"),
            status_of(_text(entity, "status")),
            int(entity["revision"]),
            _text(entity, "writer"),
            float(entity["wake_at"]) if "wake_at" in entity else None,
            float(entity["created_at"]),
            float(entity["updated_at"]),
            joined(entity, "document"),
            tuple(json.loads(joined(entity, "tags") or b"[]")),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise UnreadableRun(f"the entity of run {run_id!r} cannot be read: {error!r}") from error
    attached = Attached(entity.get("elsewhere"), bool(entity.get("blobs", False)))
    return Row(record, attached, Version(etag, entries_in(entity)))


def entries_in(entity: Mapping[str, Any]) -> frozenset[str]:
    """Return the row keys of the entries of the run in the entity, none if it is none of Flux."""
    return frozenset(filter(None, str(entity.get("entries", "")).split("\n")))


def pieces(name: str, value: bytes) -> dict[str, bytes]:
    """Return the properties that hold a value of up to `ROOM` bytes."""
    return {f"{name}{start // PIECE}": value[start : start + PIECE] for start in range(0, len(value), PIECE)}


def joined(entity: Mapping[str, Any], name: str) -> bytes:
    """Return the value that the properties of that name hold."""
    found: list[bytes] = []
    while (piece := entity.get(f"{name}{len(found)}")) is not None:
        found.append(piece)
    return b"".join(found)


def _text(entity: Mapping[str, Any], name: str) -> str:
    value = entity[name]
    if not isinstance(value, str):
        raise TypeError(f"{name} is {value!r}, not a text")
    return value
