"""The table: its keys, its two indexes, and how it is made where no template makes it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from botocore.exceptions import ClientError

from flux_aws._dynamodb.refusals import NO_TABLE, code_of
from flux_core import StoreError

if TYPE_CHECKING:
    from flux_aws._dynamodb.requests import Requests

PATIENCE: Final = 300.0  # seconds until a new table can be used; it takes about ten
PAUSE: Final = 0.5


class Index(NamedTuple):
    """An index that knows the keys of its items only."""

    name: str
    hash_key: str
    range_key: str


ATTENTION: Final = Index("attention", "due", "wake_at")
"""What somebody must look at: live runs by `wake_at`, failed runs; items without `due` are not in it."""
RUNS: Final = Index("runs", "workflow_shard", "created_at")
"""Every run; an entry is written once, when the run is created."""
EXPIRY: Final = "expires_at"
"""The attribute from which DynamoDB takes when an item may go, in Unix seconds."""

SCHEMA: Final[dict[str, Any]] = {
    "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [
        {"AttributeName": name, "AttributeType": kind}
        for name, kind in {
            "id": "S",
            "sk": "S",
            **{index.hash_key: "S" for index in (ATTENTION, RUNS)},
            **{index.range_key: "N" for index in (ATTENTION, RUNS)},
        }.items()
    ],
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": index.name,
            "KeySchema": [
                {"AttributeName": index.hash_key, "KeyType": "HASH"},
                {"AttributeName": index.range_key, "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "KEYS_ONLY"},
        }
        for index in (ATTENTION, RUNS)
    ],
}


def create_table(requests: Requests) -> None:
    """Make the table, if it is not there, and wait until it can be used.

    Raises:
        StoreError: it could not be made, is not ready after five minutes, or is there and not one of Flux.
    """
    if (there := _describe(requests)) is None:
        requests.send("CreateTable", SCHEMA)
    elif _keys(there) != _keys(SCHEMA):  # an expiry switched on there would take somebody else's items
        raise StoreError(
            f"{requests.place} is there and is not one of Flux: its keys are others; name another"
        )
    deadline = time.monotonic() + PATIENCE
    while (description := _describe(requests)) is None or description["TableStatus"] != "ACTIVE":
        if time.monotonic() > deadline:
            raise StoreError(f"{requests.place} was made {PATIENCE:.0f} s ago, and is still not ready")
        time.sleep(PAUSE)
    expiry = {"TimeToLiveSpecification": {"AttributeName": EXPIRY, "Enabled": True}}
    try:
        requests.send("UpdateTimeToLive", expiry)
    except StoreError as error:
        if "already enabled" not in str(error):
            raise


def _keys(table: dict[str, Any]) -> set[tuple[str, str, str]]:
    """Return the attributes of the table's keys and those of its indexes, each with what it is there."""
    schemas = {"": table["KeySchema"]} | {
        index["IndexName"]: index["KeySchema"] for index in table.get("GlobalSecondaryIndexes", ())
    }
    return {
        (name, attribute["AttributeName"], attribute["KeyType"])
        for name, schema in schemas.items()
        for attribute in schema
    }


def _describe(requests: Requests) -> dict[str, Any] | None:
    """Return what the service says of the table, None if there is none."""
    try:
        description: dict[str, Any] = requests.send("DescribeTable", {})["Table"]
    except StoreError as error:
        if isinstance(error.__cause__, ClientError) and code_of(error.__cause__) == NO_TABLE:
            return None
        raise
    return description
