"""A run as one item of the table, and back again."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any, Final

from flux_core._document import UnreadableRun
from flux_core._status import status_of
from flux_core.storage import Record
from flux_core.storage._rows.attached import Attached
from flux_core.storage._rows.finding import FAILED
from flux_core.storage._rows.port import Row

if TYPE_CHECKING:
    from collections.abc import Mapping

RUN: Final = "run"
"""The sort key of a run's item, beside which stand those of its blobs."""
FORMAT: Final = 1
"""The version of what is written here; each item carries it as `v`."""
ROOM: Final = 380_000
"""Bytes of an item that its large attribute may take; an item has 400 KiB with all names and values."""
DUE_FAILED: Final = "failed"
"""The partition of failed runs that somebody must nevertheless look at; few, so that one is enough."""


def key_of(run_id: str, sort_key: str = RUN) -> dict[str, Any]:
    """Return the key of an item of the run."""
    return {"id": {"S": run_id}, "sk": {"S": sort_key}}


def number(value: float) -> dict[str, str]:
    """Return a number attribute: DynamoDB keeps 38 digits, so that a float comes back as it went."""
    return {"N": repr(value)}


def shard_of(run_id: str, shards: int) -> int:
    """Return the shard of a run, the same in every process."""
    return zlib.crc32(run_id.encode()) % shards


def failed_in(shard: int) -> str:
    """Return the partition of `attention` that holds a shard's failed runs, the newest last."""
    return f"failed#{shard}"


def runs_of(workflow: str, shard: int) -> str:
    """Return the partition of `runs` that holds a shard of a workflow's runs."""
    return f"{workflow}#{shard}"


def item_of(row: Row, *, shards: int) -> dict[str, Any]:
    """Return the item of a run; a document that is kept elsewhere is left out."""
    record, attached, _ = row
    shard = shard_of(record.id, shards)
    item = {
        **key_of(record.id),
        "v": number(FORMAT),
        "workflow": {"S": record.workflow},
        "status": {"S": record.status.value},
        "revision": number(record.revision),
        "writer": {"S": record.writer},
        "created_at": number(record.created_at),
        "updated_at": number(record.updated_at),
        "workflow_shard": {"S": runs_of(record.workflow, shard)},
        **_attention(record, shard),
    }
    if record.tags:
        item["tags"] = {"L": [{"S": tag} for tag in record.tags]}
    if attached.document is None:
        item["document"] = {"B": record.document}
    else:
        item["elsewhere"] = {"S": attached.document}
    if attached.blobs:
        item["blobs"] = {"BOOL": True}
    if attached.expires_at is not None:
        item["expires_at"] = number(attached.expires_at)
    return item


def row_of(item: Mapping[str, Any]) -> Row:
    """Return the run that the item holds, its document as it stands there.

    Raises:
        UnreadableRun: a newer Flux wrote the item, or it is not one of Flux.
    """
    run_id = item["id"]["S"]
    try:
        version = int(item["v"]["N"])
        if version > FORMAT:
            raise UnreadableRun(
                f"run {run_id!r} was written by a newer Flux (format {version}, this one knows {FORMAT});"
                " upgrade flux-serverless"
            )
        failed = item.get("due", {}).get("S", "").startswith("failed#")
        wake_at = None if failed or "wake_at" not in item else float(item["wake_at"]["N"])
        attached = attached_to(item)
        record = Record(
            run_id,
            item["workflow"]["S"],
            status_of(item["status"]["S"]),
            int(item["revision"]["N"]),
            item["writer"]["S"],
            wake_at,
            float(item["created_at"]["N"]),
            float(item["updated_at"]["N"]),
            item["document"]["B"] if attached.document is None else b"",
            tuple(tag["S"] for tag in item.get("tags", {}).get("L", ())),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise UnreadableRun(f"the item of run {run_id!r} cannot be read: {error!r}") from error
    return Row(record, attached, record.revision)


def attached_to(item: Mapping[str, Any]) -> Attached:
    """Return what stands beside the item."""
    expires_at = item.get("expires_at")
    return Attached(
        item.get("elsewhere", {}).get("S"),
        "blobs" in item,
        None if expires_at is None else int(expires_at["N"]),
    )


def _attention(record: Record, shard: int) -> dict[str, Any]:
    """Return the keys of the run's entry in `attention`, none if nobody needs to look at it."""
    if record.wake_at is not None:
        due = DUE_FAILED if record.status in FAILED else str(shard)
        return {"due": {"S": due}, "wake_at": number(record.wake_at)}
    if record.status in FAILED:
        # A failed run is looked at when a person comes, who wants to see the newest first.
        return {"due": {"S": failed_in(shard)}, "wake_at": number(record.created_at)}
    return {}
