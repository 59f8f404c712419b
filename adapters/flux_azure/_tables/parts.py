"""Values that are too large for a run's entity, each in one or more entities of the run's own partition."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flux_azure._tables.entities import ROOM, joined, pieces
from flux_azure._tables.keys import BEHIND, LAST, key_name, name_in, part_key, parts_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from flux_azure._tables.requests import Requests


class EntityParts:
    """Fills the port `Parts`."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests

    def put(self, run_id: str, name: str, value: bytes, *, expires_at: int | None) -> None:  # noqa: ARG002 (nothing goes by itself)
        """Store the value; each of its entities says how many there are, so that less than all is no value."""
        count = max(1, -(-len(value) // ROOM))
        for part in range(count):
            self._requests.put(
                {
                    "PartitionKey": parts_of(run_id),
                    "RowKey": part_key(name, part),
                    "parts": count,
                    **pieces("value", value[part * ROOM : (part + 1) * ROOM]),
                }
            )

    def get(self, run_id: str, name: str) -> bytes | None:
        """Return the value, None if there is none or if it is just being deleted."""
        key = key_name(name)
        parts = list(self._requests.between(parts_of(run_id), f"{key}|", key + BEHIND))
        if not parts or len(parts) < parts[0]["parts"]:
            return None
        return b"".join(joined(part, "value") for part in parts)

    def delete(self, run_id: str, prefix: str, keeps: Callable[[str], bool]) -> None:
        """Remove the values whose names begin with the prefix, except those that are to be kept."""
        partition, low = parts_of(run_id), key_name(prefix)
        found = self._requests.between(partition, low, low + LAST, select=["RowKey"])
        for key in [entity["RowKey"] for entity in found]:
            if not keeps(name_in(key)):
                self._requests.delete(partition, key)

    def expire(self, run_id: str, prefix: str, at: int | None) -> None:
        """Do nothing: Azure Tables has no expiry, and no run of this store goes by itself."""
