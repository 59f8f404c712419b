"""The rows of runs as items of a DynamoDB table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NoReturn

from flux_aws._dynamodb.finding import Finder
from flux_aws._dynamodb.items import ROOM, item_of, key_of, number, row_of
from flux_aws._dynamodb.requests import ConditionFailed
from flux_core._document import UnreadableRun
from flux_core.storage._rows.port import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from flux_aws._dynamodb.requests import Requests
    from flux_core.storage import Query, RecordPage
    from flux_core.storage._rows.port import Opened, Row


class Items:
    """Fills the port `Rows`; a refused write comes with what stands there, so that nothing is read."""

    def __init__(self, requests: Requests, shards: int) -> None:
        self.room: Final = ROOM
        self._requests = requests
        self._shards = shards
        self._finder = Finder(requests, shards)

    def __str__(self) -> str:
        return str(self._requests.place)

    def insert(self, row: Row) -> object:
        """Write a new item."""
        return self._put(row, {"ConditionExpression": "attribute_not_exists(id)"})

    def replace(self, row: Row, version: object) -> object:
        """Write the item in place of the one at that version, which is its revision, of the same run of the id."""
        condition = {
            "ConditionExpression": "revision = :replaces AND created_at = :life",
            "ExpressionAttributeValues": {
                ":replaces": {"N": str(version)},
                ":life": number(row.record.created_at),
            },
        }
        return self._put(row, condition)

    def read(self, run_id: str) -> Row | None:
        """Return the run's item as it stands now."""
        answer = self._requests.send("GetItem", {"Key": key_of(run_id), "ConsistentRead": True})
        return _row_of(answer.get("Item"))

    def remove(self, run_id: str, life: float | None) -> Row | None:
        """Remove the item, and return it."""
        request: dict[str, Any] = {"Key": key_of(run_id), "ReturnValues": "ALL_OLD"}
        if life is not None:
            request |= {
                "ConditionExpression": "created_at = :life",
                "ExpressionAttributeValues": {":life": number(life)},
            }
        try:
            return _row_of(self._requests.send("DeleteItem", request).get("Attributes"))
        except (ConditionFailed, UnreadableRun):
            return None

    def find(self, query: Query, opened: Opened) -> RecordPage:
        """Return the runs that meet the query."""
        return self._finder.find(query, opened)

    def close(self) -> None:
        """Close the connections."""
        self._requests.close()

    def _put(self, row: Row, condition: Mapping[str, Any]) -> int:
        request = {
            "Item": item_of(row, shards=self._shards),
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            **condition,
        }
        try:
            self._requests.send("PutItem", request)
        except ConditionFailed as refused:
            _refuse(refused.item)
        return row.record.revision


def _refuse(item: Mapping[str, Any] | None) -> NoReturn:
    """Raise that a write was refused, with what stands there: not every emulator says it, nor can all be read."""
    try:
        standing = _row_of(item)
    except UnreadableRun:
        standing = None
    raise Refused(standing)


def _row_of(item: Mapping[str, Any] | None) -> Row | None:
    return None if item is None else row_of(item)
