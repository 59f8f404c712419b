"""Values that are too large for a run's item, each in one or more items beside it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from flux_aws._dynamodb.items import ROOM, key_of, number
from flux_aws._dynamodb.requests import WRITTEN_AT_ONCE, ConditionFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flux_aws._dynamodb.requests import Requests


class Chunks:
    """Keeps values under a run and a name; the sort keys of a value's items are `<name>#0`, `<name>#1` and so on."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests

    def put(self, run_id: str, name: str, value: bytes, *, expires_at: int | None) -> None:
        """Store the value; its first item, which says how many there are, comes last."""
        count = max(1, -(-len(value) // ROOM))
        expiry = {} if expires_at is None else {"expires_at": number(expires_at)}
        for chunk in reversed(range(count)):
            part = {"B": value[chunk * ROOM : (chunk + 1) * ROOM]}
            item = {**key_of(run_id, f"{name}#{chunk}"), "chunks": number(count), "value": part, **expiry}
            self._requests.send("PutItem", {"Item": item})

    def get(self, run_id: str, name: str) -> bytes | None:
        """Return the value, None if there is none or if it is just being deleted."""
        request = {"Key": key_of(run_id, f"{name}#0"), "ConsistentRead": True}
        first = self._requests.send("GetItem", request).get("Item")
        if first is None:
            return None
        others = [key_of(run_id, f"{name}#{chunk}") for chunk in range(1, int(first["chunks"]["N"]))]
        items = {
            first["sk"]["S"]: first,
            **{item["sk"]["S"]: item for item in self._requests.get_many(others)},
        }
        if len(items) <= len(others):
            return None
        return b"".join(items[f"{name}#{chunk}"]["value"]["B"] for chunk in range(len(items)))

    def delete(self, run_id: str, prefix: str, keeps: Callable[[str], bool]) -> None:
        """Remove the values whose names begin with the prefix, except those that are to be kept."""
        gone = [
            key_of(run_id, key) for key, _ in self._parts(run_id, prefix) if not keeps(key.rpartition("#")[0])
        ]
        for start in range(0, len(gone), WRITTEN_AT_ONCE):
            self._requests.delete_many(gone[start : start + WRITTEN_AT_ONCE])

    def expire(self, run_id: str, prefix: str, at: int | None) -> None:
        """Let the values whose names begin with the prefix go at a moment, in Unix seconds, or never.

        It costs as many write units as storing those did that are to go at another moment: an expiry is a part of
        each item.
        """
        change: dict[str, Any] = {"UpdateExpression": "REMOVE expires_at"}
        if at is not None:
            change = {
                "UpdateExpression": "SET expires_at = :at",
                "ExpressionAttributeValues": {":at": number(at)},
            }
        for key in [key for key, expires_at in self._parts(run_id, prefix) if expires_at != at]:
            # Not one that has been deleted meanwhile: an update would make a new item of it.
            request = {"Key": key_of(run_id, key), "ConditionExpression": "attribute_exists(id)", **change}
            with suppress(ConditionFailed):
                self._requests.send("UpdateItem", request)

    def _parts(self, run_id: str, prefix: str) -> Iterator[tuple[str, int | None]]:
        """Yield the sort key of each item of the values, and when it goes."""
        request: dict[str, Any] = {
            "KeyConditionExpression": "id = :id AND begins_with(sk, :prefix)",
            "ExpressionAttributeValues": {":id": {"S": run_id}, ":prefix": {"S": prefix}},
            "ProjectionExpression": "sk, expires_at",
            "ConsistentRead": True,
        }
        for item in self._requests.pages("Query", request):
            yield item["sk"]["S"], int(item["expires_at"]["N"]) if "expires_at" in item else None
