"""The table that a store makes for itself."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from aws.dynamodb.weather import Network, answered

from flux_aws import DynamoDBStorage
from flux_aws._dynamodb import table
from flux_core import StoreError

if TYPE_CHECKING:
    from services.dynamodb_local import DynamoDBLocal

pytestmark = pytest.mark.xdist_group("dynamodb-local")


def description(storage: DynamoDBStorage) -> dict[str, Any]:
    """Return what DynamoDB says of the table."""
    table: dict[str, Any] = storage._requests.send("DescribeTable", {})["Table"]
    return table


def keys(schema: list[dict[str, str]]) -> list[str]:
    """Return the names of a key's attributes."""
    return [attribute["AttributeName"] for attribute in schema]


def test_a_table_has_the_keys_that_templates_give_it(storage: DynamoDBStorage) -> None:
    """Names and types are those of every deployment."""
    table = description(storage)
    assert keys(table["KeySchema"]) == ["id", "sk"]
    indexes = {index["IndexName"]: index for index in table["GlobalSecondaryIndexes"]}
    assert {name: keys(index["KeySchema"]) for name, index in indexes.items()} == {
        "attention": ["due", "wake_at"],
        "runs": ["workflow_shard", "created_at"],
    }
    assert {index["Projection"]["ProjectionType"] for index in indexes.values()} == {"KEYS_ONLY"}
    types = {
        attribute["AttributeName"]: attribute["AttributeType"] for attribute in table["AttributeDefinitions"]
    }
    assert types == {
        "id": "S",
        "sk": "S",
        "due": "S",
        "wake_at": "N",
        "workflow_shard": "S",
        "created_at": "N",
    }
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"


def test_items_of_a_table_go_at_their_expiry(storage: DynamoDBStorage) -> None:
    """The expiry is switched on."""
    client: Any = storage._requests._connection.client
    expiry = client.describe_time_to_live(TableName=storage.table)["TimeToLiveDescription"]
    assert expiry == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"}


def test_a_table_that_is_there_is_left_as_it_is(storage: DynamoDBStorage) -> None:
    """Making a table again changes nothing."""
    before = description(storage)
    storage.create_table()
    assert description(storage) == before


def test_a_table_of_somebody_else_is_not_touched(server: DynamoDBLocal, storage: DynamoDBStorage) -> None:
    """Its items may have an `expires_at` of their own, and would begin to go."""
    client: Any = storage._requests._connection.client
    client.create_table(
        TableName="sessions",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )
    with (
        closing(DynamoDBStorage("sessions", endpoint=server.endpoint)) as others,
        pytest.raises(StoreError, match=r"'sessions' .* is there and is not one of Flux"),
    ):
        others.create_table()
    expiry = client.describe_time_to_live(TableName="sessions")["TimeToLiveDescription"]
    assert expiry["TimeToLiveStatus"] == "DISABLED"


def test_a_new_table_is_waited_for(storage: DynamoDBStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table that is not ready is asked for again."""
    monkeypatch.setattr(table, "PAUSE", 0)
    statuses = iter(["CREATING", "CREATING", "CREATING"])
    network = Network(storage, before=lambda request: describe(request, next(statuses, None)))
    storage.create_table()
    assert network.sent == ["DescribeTable"] * 4 + ["UpdateTimeToLive"]


def test_a_table_that_is_never_ready_is_told(
    storage: DynamoDBStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wait that is too long ends with an error."""
    monkeypatch.setattr(table, "PATIENCE", -1.0)
    Network(storage, before=lambda request: describe(request, "CREATING"))
    with pytest.raises(StoreError, match="is still not ready"):
        storage.create_table()


def test_an_expiry_that_is_refused_is_told(storage: DynamoDBStorage) -> None:
    """A table without expiry is not what was asked for."""

    def refuse(request: Any) -> Any:
        if not request.headers["X-Amz-Target"].endswith(b"UpdateTimeToLive"):
            return None
        error = json.dumps({"__type": "x#AccessDeniedException", "message": "no"}).encode()
        return answered(400, "application/x-amz-json-1.0", error)

    Network(storage, before=refuse)
    with pytest.raises(StoreError, match=r"dynamodb:UpdateTimeToLive on the table .* is not allowed"):
        storage.create_table()


def describe(request: Any, status: str | None) -> Any:
    """Answer a request for the table's state, unless there is nothing to say."""
    if status is None or not request.headers["X-Amz-Target"].endswith(b"DescribeTable"):
        return None
    body = json.dumps({"Table": {**table.SCHEMA, "TableStatus": status}}).encode()
    return answered(200, "application/x-amz-json-1.0", body)
