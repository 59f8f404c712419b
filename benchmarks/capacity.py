"""What a store's requests to DynamoDB consume: the units that DynamoDB itself reports, index by index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flux_aws import DynamoDBStorage

READS = {"GetItem", "BatchGetItem", "Query", "Scan"}


class Request(NamedTuple):
    """One request, and what it consumed; a refused write does not say, and is charged as the item is large: one."""

    operation: str
    units: float
    in_indexes: float


class Meter:
    """Notes the requests that a store makes from now on, as they are answered."""

    def __init__(self, storage: DynamoDBStorage) -> None:
        self._requests: list[Request] = []
        events = storage._requests._connection.client.meta.events  # noqa: SLF001 (no store counts for its user)
        events.register("provide-client-params.dynamodb.*", _ask)
        events.register("after-call.dynamodb.*", self._note)

    def take(self) -> list[Request]:
        """Return the requests since the last time."""
        taken, self._requests = self._requests, []
        return taken

    def _note(self, model: Any, parsed: dict[str, Any], **_: Any) -> None:
        tables = list(_consumed(parsed))
        indexes = [index for table in tables for index in table.get("GlobalSecondaryIndexes", {}).values()]
        self._requests.append(
            Request(
                model.name,
                1.0 if "Error" in parsed else sum(table["CapacityUnits"] for table in tables),
                sum(index["CapacityUnits"] for index in indexes),
            )
        )


def written(requests: list[Request]) -> float:
    """Return the write units of the requests."""
    return sum(request.units for request in requests if request.operation not in READS)


def read(requests: list[Request]) -> float:
    """Return the read units of the requests."""
    return sum(request.units for request in requests if request.operation in READS)


def _ask(params: dict[str, Any], **_: Any) -> None:
    if "ReturnConsumedCapacity" in params:  # PynamoDB asks for it wherever it can be asked for
        params["ReturnConsumedCapacity"] = "INDEXES"


def _consumed(parsed: dict[str, Any]) -> Iterator[dict[str, Any]]:
    consumed = parsed.get("ConsumedCapacity", [])
    yield from consumed if isinstance(consumed, list) else [consumed]
