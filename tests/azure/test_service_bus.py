"""A message of Service Bus is completed when it is done, and abandoned by an error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import flux_azure
from flux_core._serving.delivery import Undone

from .triggers import bus_message, context, functions

if TYPE_CHECKING:
    from clouds.shop import Shop

ORDER = {"order_id": "o_1"}


def test_its_message_id_names_the_run(shop: Shop) -> None:
    """It stays the same however often the message comes, so commits need no key."""
    app = shop.app()
    function = functions(flux_azure.blueprint(app, service_bus="orders"))["service_bus_orders"]
    for _ in range(2):
        function(bus_message(ORDER), context())

    assert ([run.id for run in app.list()], shop.charged) == (["orders:m-1"], ["o_1"])


def test_a_message_without_an_id_is_named_by_its_number(shop: Shop) -> None:
    """The sequence number is the queue's own, and stays the same as well."""
    app = shop.app()
    functions(flux_azure.blueprint(app, service_bus="orders"))["service_bus_orders"](
        bus_message(ORDER, id=""), context()
    )

    assert [run.id for run in app.list()] == ["orders:7"]


def test_a_subscription_of_a_topic_is_served(shop: Shop) -> None:
    """The same message of two subscriptions is two runs."""
    app = shop.app()
    function = functions(flux_azure.blueprint(app, service_bus=("orders", "billing")))
    function["service_bus_orders_billing"](bus_message(ORDER), context())

    assert [run.id for run in app.list()] == ["orders:billing:m-1"]


def test_a_failure_worth_a_retry_comes_back(shop: Shop) -> None:
    """An error has the message delivered again, and at last put with the dead letters."""
    shop.declined["o_1"] = ConnectionError("payment service")
    function = functions(flux_azure.blueprint(shop.app(), service_bus="orders"))["service_bus_orders"]
    with pytest.raises(Undone, match="message orders:m-1"):
        function(bus_message(ORDER), context())
