"""The function app of the tests in the real worker: it is copied into a folder of its own, as `function_app.py`.

The setting `WORLD` names a folder: `payment` there gets a dot for each charge, and a file `down` has it fail;
`carrier` gets a dot for each parcel, the first of which takes a minute if the order is slow.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import azure.functions as func

import flux_azure
from flux_core import App, Context, Fatal, Workflow

WORLD = Path(os.environ["WORLD"])


@dataclass
class Order:
    """An order."""

    order_id: str
    items: int = 1
    slow: bool = False


def call(service: str) -> int:
    """Return how often the service has been called, this time included."""
    with (WORLD / service).open("a") as calls:
        calls.write(".")
    return (WORLD / service).stat().st_size


async def charge(ctx: Context[Order, dict[str, Any]]) -> str:
    """Take the money."""
    if ctx.input.items > 3:
        raise Fatal("out of stock")
    if (WORLD / "down").exists():
        raise ConnectionError("payment service")
    call("payment")
    return f"pay-{ctx.key}"


def ship(ctx: Context[Order, dict[str, Any]]) -> str:
    """Send the parcel."""
    if call("carrier") == 1 and ctx.input.slow:
        time.sleep(60)
    return "sent"


def run_a_lap(ctx: Context[Any, Any]) -> None:
    """Work for a second."""
    time.sleep(1)


order = Workflow("order", input=Order).commit("charge", charge).step("ship", ship)
laps = (
    Workflow("laps")
    .step("first", run_a_lap, timeout=1.2)
    .step("second", run_a_lap, timeout=1.2)
    .step("third", run_a_lap, timeout=1.2)
)
nap = Workflow("nap").sleep("rest", 1.0).step("wake", lambda ctx: "rested")
orders = App(
    [order, nap, laps],
    waker=flux_azure.QueueWaker(),
    trace=[flux_azure.AppInsightsTrace()],
    max_inline_wait=0,
)

app = func.FunctionApp()
app.register_functions(
    flux_azure.blueprint(
        orders,
        workflow=order,
        http="orders",
        queue="orders",
        service_bus="orders",
        event_grid=True,
        event_hub="orders",
        key=lambda order: order["order_id"],
    )
)
app.register_functions(flux_azure.blueprint(orders, workflow=nap, http="naps", timer=None))
app.register_functions(flux_azure.blueprint(orders, workflow=laps, http="laps", timer=None))
