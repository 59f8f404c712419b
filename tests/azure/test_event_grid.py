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


def test_an_event_that_comes_twice_is_one_run(shop: Shop) -> None:
    """Its id stays the same however often it is delivered."""
    app = shop.app()
    function = functions(flux_azure.blueprint(app, event_grid=True))["event_grid"]
    for _ in range(2):
        function(grid_event(ORDER), context())

    assert ([run.id for run in app.list()], shop.charged) == (["e-1"], ["o_1"])


def test_a_cloud_event_is_taken_as_well(shop: Shop) -> None:
    """The schema of the subscription makes no difference."""
    app = shop.app()
    event = func.CloudEvent(id="c-1", source="/shop", type="Shop.Ordered", specversion="1.0", data=ORDER)
    functions(flux_azure.blueprint(app, event_grid=True))["event_grid"](event, context())

    assert [run.id for run in app.list()] == ["c-1"]


@pytest.mark.parametrize("data", [None, [1], {"flux": {"action": "tick"}}])
def test_an_event_without_an_order_comes_back(
    shop: Shop, data: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """It raises until Event Grid puts it with the dead letters."""
    with pytest.raises(Undone):
        functions(flux_azure.blueprint(shop.app(), event_grid=True))["event_grid"](
            grid_event(data), context()
        )

    assert "event e-1 is to come again" in caplog.text


def test_a_route_chooses_by_the_event() -> None:
    """It is called with the event as the worker delivers it."""
    workflows = [Workflow(name).step("take", lambda ctx: ctx.id) for name in ("ordered", "returned")]
    app = App(workflows, MemoryStorage())
    made = flux_azure.blueprint(app, route=lambda event: event.event_type.lower(), event_grid=True)
    functions(made)["event_grid"](grid_event({}, type="Returned"), context())

    assert [run.workflow for run in app.list()] == ["returned"]
