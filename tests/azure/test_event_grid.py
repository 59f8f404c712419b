"""An event of Event Grid: its data is the input, its id names the run, and an error brings it again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import azure.functions as func
import pytest

import flux_azure
from flux_core import App, Workflow
from flux_core._serving.delivery import Undone
from flux_core.storage import MemoryStorage

from .triggers import context, functions, grid_event

if TYPE_CHECKING:
    from clouds.shop import Shop

ORDER = {"order_id": "o_1"}


def cloud_event(source: str) -> func.CloudEvent:
    """Return an event with an order, of the schema CloudEvents."""
    return func.CloudEvent(id="c-1", source=source, type="Shop.Ordered", specversion="1.0", data=ORDER)


def test_an_event_that_comes_twice_is_one_run(shop: Shop) -> None:
    """Its id stays the same however often it is delivered."""
    app = shop.app()
    function = functions(flux_azure.blueprint(app, event_grid=True))["event_grid"]
    for _ in range(2):
        function(grid_event(ORDER), context())

    assert ([run.id for run in app.list()], shop.charged) == (["shop:e-1"], ["o_1"])


def test_a_cloud_event_is_taken_as_well(shop: Shop) -> None:
    """The schema of the subscription makes no difference."""
    app = shop.app()
    functions(flux_azure.blueprint(app, event_grid=True))["event_grid"](cloud_event("shop"), context())

    assert [run.id for run in app.list()] == ["shop:c-1"]


@pytest.mark.parametrize(
    "events",
    [
        [cloud_event("/shops/berlin"), cloud_event("/shops/paris")],
        [grid_event(ORDER, topic="berlin"), grid_event(ORDER, topic="paris")],
    ],
    ids=["source", "topic"],
)
def test_an_id_means_something_beside_its_topic_only(shop: Shop, events: list[Any]) -> None:
    """Two topics, or two sources, that give one id have two orders."""
    function = functions(flux_azure.blueprint(shop.app(), event_grid=True))["event_grid"]
    for event in events:
        function(event, context())

    assert shop.charged == ["o_1", "o_1"]


def test_an_event_without_a_topic_is_named_by_its_id(shop: Shop) -> None:
    """So an older worker hands a CloudEvent over."""
    app = shop.app()
    functions(flux_azure.blueprint(app, event_grid=True))["event_grid"](
        grid_event(ORDER, topic=""), context()
    )

    assert [run.id for run in app.list()] == ["e-1"]


@pytest.mark.parametrize("data", [None, [1], {"flux": {"action": "tick"}}])
def test_an_event_without_an_order_comes_back(
    shop: Shop, data: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """It raises until Event Grid puts it with the dead letters."""
    with pytest.raises(Undone):
        functions(flux_azure.blueprint(shop.app(), event_grid=True))["event_grid"](
            grid_event(data), context()
        )

    assert "event shop:e-1 is to come again" in caplog.text


def test_a_route_chooses_by_the_event() -> None:
    """It is called with the event as the worker delivers it."""
    workflows = [Workflow(name).step("take", lambda ctx: ctx.id) for name in ("ordered", "returned")]
    app = App(workflows, MemoryStorage())
    made = flux_azure.blueprint(app, route=lambda event: event.event_type.lower(), event_grid=True)
    functions(made)["event_grid"](grid_event({}, type="Returned"), context())

    assert [run.workflow for run in app.list()] == ["returned"]
