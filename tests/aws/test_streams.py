"""A shard of a stream is run in its order, and goes on from the first record that is not done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from aws import events
from aws.events import KINESIS_START, failures
from clouds.shop import order_id

import flux_aws
from flux_core import App, Fatal, Workflow
from flux_core.storage import MemoryStorage

if TYPE_CHECKING:
    from clouds.shop import Shop

ANY: Workflow[Any, Any] = Workflow("any").step("step", lambda ctx: ctx.input)
ORDERS = [{"order_id": f"o_{number}"} for number in range(3)]


def change(order: dict[str, str]) -> dict[str, Any]:
    """The new item that an order is."""
    item = {name: {"S": value} for name, value in order.items()}
    return {"Keys": item, "NewImage": item}


def test_a_record_of_kinesis_is_an_input(shop: Shop) -> None:
    """Its data is the input, and shard and sequence number name the run."""
    app = shop.app()
    handler, batch = flux_aws.handler(app), events.kinesis(ORDERS[0])

    assert [handler(batch, events.Context()) for _ in range(2)] == [failures(), failures()]
    assert [run.id for run in app.list()] == [f"shardId-000000000006:{KINESIS_START}"]
    assert shop.charged == ["o_0"]


def test_a_shard_stops_at_the_first_failure(shop: Shop) -> None:
    """Lambda is told the sequence number to go on from, and nothing behind it is run."""
    shop.declined["o_1"] = ConnectionError("payment service")
    answer = flux_aws.handler(shop.app())(events.kinesis(*ORDERS), events.Context())

    assert answer == {"batchItemFailures": [{"itemIdentifier": str(KINESIS_START + 1)}]}
    assert shop.charged == ["o_0"]


def test_another_shard_goes_on(shop: Shop) -> None:
    """Order holds within a shard, should a batch ever have two."""
    shop.declined["o_0"] = ConnectionError("payment service")
    batch = events.kinesis(ORDERS[0], ORDERS[1])
    batch["Records"] += events.kinesis(ORDERS[2], shard="shardId-000000000007")["Records"]
    answer = flux_aws.handler(shop.app())(batch, events.Context())

    assert answer == failures(str(KINESIS_START))
    assert shop.charged == ["o_2"]


def test_a_retry_goes_on_with_the_run_that_failed(shop: Shop) -> None:
    """Lambda sends the rest of the batch again, from the record that was reported."""
    app, batch = shop.app(), events.kinesis(*ORDERS)
    handler = flux_aws.handler(app)
    shop.declined["o_1"] = ConnectionError("payment service")
    handler(batch, events.Context())
    shop.declined.clear()
    rest = {"Records": batch["Records"][1:]}

    assert handler(rest, events.Context()) == failures()
    assert shop.charged == ["o_0", "o_1", "o_2"]


def test_a_fatal_failure_holds_nothing_up(shop: Shop) -> None:
    """No retry would help, so the shard goes on."""
    shop.declined["o_1"] = Fatal("out of stock")

    assert flux_aws.handler(shop.app())(events.kinesis(*ORDERS), events.Context()) == failures()
    assert shop.charged == ["o_0", "o_2"]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("Hello, this is a test.", "the body is not JSON"),
        ("", "there is no body"),
        ("\udcff", "the body is not JSON"),
    ],
)
def test_data_that_is_no_json_is_reported(
    shop: Shop, caplog: pytest.LogCaptureFixture, data: str, why: str
) -> None:
    """The event source mapping gives the record up by its own limit."""
    batch = events.kinesis(data.encode("utf-8", "replace").decode())
    if data == "\udcff":
        batch["Records"][0]["kinesis"]["data"] = "/w=="  # one byte that begins no character
    answer = flux_aws.handler(shop.app())(batch, events.Context())

    assert answer == failures(str(KINESIS_START))
    assert why in caplog.text


def test_data_that_is_no_base64_is_reported(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever put it there, the record says what is wrong."""
    batch = events.kinesis({})
    batch["Records"][0]["kinesis"]["data"] = "not base64"

    assert flux_aws.handler(shop.app())(batch, events.Context()) == failures(str(KINESIS_START))
    assert "the body is said to be base64, and is not" in caplog.text


def test_a_change_of_an_item_is_an_input() -> None:
    """The input says what happened, to which key, and what the item is and was, in plain JSON."""
    app = App([ANY], MemoryStorage())
    image = {
        "Id": {"N": "101"},
        "Price": {"N": "-19.99"},
        "Large": {"N": "1E+30"},
        "Name": {"S": "mug"},
        "Sold": {"BOOL": False},
        "Gone": {"NULL": True},
        "Photo": {"B": "aGk="},
        "Tags": {"SS": ["blue", "new"]},
        "Sizes": {"NS": ["1", "2.5"]},
        "Thumbs": {"BS": ["aGk="]},
        "Parts": {"L": [{"S": "cup"}, {"M": {"Of": {"S": "clay"}}}]},
    }
    batch = events.dynamodb({"Keys": {"Id": {"N": "101"}}, "NewImage": image, "OldImage": {}}, name="MODIFY")
    answer = flux_aws.handler(app)(batch, events.Context())

    assert answer == failures()
    assert [(run.id, run.input) for run in app.list()] == [
        (
            "1",
            {
                "eventName": "MODIFY",
                "Keys": {"Id": 101},
                "NewImage": {
                    "Id": 101,
                    "Price": -19.99,
                    "Large": 1e30,
                    "Name": "mug",
                    "Sold": False,
                    "Gone": None,
                    "Photo": "aGk=",
                    "Tags": ["blue", "new"],
                    "Sizes": [1, 2.5],
                    "Thumbs": ["aGk="],
                    "Parts": ["cup", {"Of": "clay"}],
                },
                "OldImage": {},
            },
        )
    ]


def test_an_item_that_was_removed_is_an_input() -> None:
    """A stream that carries no images, or has none of a removed item, gives what it has."""
    app = App([ANY], MemoryStorage())
    flux_aws.handler(app)(events.dynamodb({"Keys": {"Id": {"N": "101"}}}, name="REMOVE"), events.Context())

    assert [run.input for run in app.list()] == [{"eventName": "REMOVE", "Keys": {"Id": 101}}]


def test_the_key_is_had_from_the_change(shop: Shop) -> None:
    """`key=` sees what the workflow sees."""
    app = App([ANY], MemoryStorage())
    handler = flux_aws.handler(app, key=lambda change: order_id(change["NewImage"]))
    handler(events.dynamodb(change(ORDERS[0])), events.Context())

    assert [run.id for run in app.list()] == ["o_0"]


def test_a_shard_of_a_table_stops_at_the_first_failure() -> None:
    """Lambda is told the sequence number to go on from."""

    def refuse(ctx: Any) -> None:
        if ctx.input["Keys"]["order_id"] == "o_1":
            raise ConnectionError("payment service")

    app = App([Workflow("refuse").step("step", refuse)], MemoryStorage())
    answer = flux_aws.handler(app)(events.dynamodb(*map(change, ORDERS)), events.Context())

    assert answer == {"batchItemFailures": [{"itemIdentifier": "222"}]}
    assert sorted(run.status for run in app.list()) == ["completed", "failed"]


@pytest.mark.parametrize(("value", "kind"), [({"X": "1"}, "'X'"), ({}, "'no type'")])
def test_a_value_of_no_type_is_reported(
    caplog: pytest.LogCaptureFixture, value: dict[str, str], kind: str
) -> None:
    """A record that is none of DynamoDB's is malformed, and does no harm to the batch's others."""
    batch = events.dynamodb({"Keys": {"Id": {"N": "1"}}}, {"Keys": {"Id": value}})

    assert flux_aws.handler(App([ANY], MemoryStorage()))(batch, events.Context()) == failures("222")
    assert f"expected an attribute value of DynamoDB, got one of type {kind}" in caplog.text
