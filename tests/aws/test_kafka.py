"""A partition of Kafka is run in its order, and goes on from the first record that is not done."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from aws import events

import flux_aws
from flux_core._serving.delivery import Undone

if TYPE_CHECKING:
    from clouds.shop import Shop

ORDERS = [{"order_id": f"o_{number}"} for number in range(3)]


@pytest.mark.parametrize("managed", [True, False])
def test_a_record_is_an_input(shop: Shop, *, managed: bool) -> None:
    """Its value is the input, and topic, partition and offset name the run, on MSK and elsewhere."""
    app = shop.app()
    handler, batch = flux_aws.handler(app), events.kafka(managed=managed, orders0=[ORDERS[0]])

    assert [handler(batch, events.Context()) for _ in range(2)] == [None, None]
    assert [run.id for run in app.list()] == ["orders-0-15"]
    assert shop.charged == ["o_0"]


def test_a_partition_stops_at_the_first_failure(shop: Shop) -> None:
    """The other partitions are done, and an error has Lambda bring the batch again."""
    shop.declined["o_1"] = ConnectionError("payment service")
    batch = events.kafka(orders0=ORDERS, orders1=[{"order_id": "o_9"}], others0=[ORDERS[1], ORDERS[2]])
    handler = flux_aws.handler(shop.app())
    with pytest.raises(Undone, match=r"4 of 6 is to come again.*: record orders-0-16, record orders-0-17"):
        handler(batch, events.Context())
    assert shop.charged == ["o_0", "o_9"]


def test_a_batch_that_comes_again_goes_on(shop: Shop) -> None:
    """What was done is found done."""
    shop.declined["o_1"] = ConnectionError("payment service")
    batch = events.kafka(orders0=ORDERS)
    handler = flux_aws.handler(shop.app())
    with pytest.raises(Undone):
        handler(batch, events.Context())
    shop.declined.clear()
    handler(batch, events.Context())
    assert shop.charged == ["o_0", "o_1", "o_2"]


@pytest.mark.parametrize(("value", "why"), [("{", "the body is not JSON"), (None, "there is no body")])
def test_a_value_that_is_no_json_is_reported(
    shop: Shop, caplog: pytest.LogCaptureFixture, value: str | None, why: str
) -> None:
    """So is the tombstone of a compacted topic: filter those out in the event source mapping."""
    with pytest.raises(Undone):
        flux_aws.handler(shop.app())(events.kafka(orders0=[value]), events.Context())
    assert f"record orders-0-15 is to come again: MalformedBody: {why}" in caplog.text


def test_an_empty_batch_is_done(shop: Shop) -> None:
    """A partition without records has none that failed."""
    assert flux_aws.handler(shop.app())(events.kafka(orders0=[]), events.Context()) is None
