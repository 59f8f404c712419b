"""The functions that the tests deploy, as an application's own `main.py` would have them.

What they do to the world stands in the file that `LEDGER` names, a line a charge; an order says how often the bank
refuses before it takes it.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import flux_gcp
import flux_gcp.aio
from flux_core import App, Context, Fatal, Workflow

Ctx = Context[dict[str, Any], dict[str, Any]]
LEDGER = Path(os.environ["LEDGER"])


def validate(ctx: Ctx) -> None:
    """Refuse what can never be served."""
    if "order_id" not in ctx.input:
        raise Fatal("this is no order")
    if ctx.input.get("stolen"):
        raise Fatal("the card was stolen")


def charge(ctx: Ctx) -> None:
    """Take the money, unless the bank refuses it this time."""
    order_id = ctx.input["order_id"]
    with LEDGER.open("a") as ledger:
        ledger.write(f"{order_id} {ctx.attempt}\n")
    if LEDGER.read_text().split().count(order_id) <= ctx.input.get("refusals", 0):
        raise ConnectionError("the bank does not answer")
    ctx.data["paid"] = True


def linger(ctx: Ctx) -> None:
    """Work for as long as the order's gate is shut, 20 s at most, or for a while."""
    gate, until = ctx.input.get("gate"), time.monotonic() + 20
    while gate and not Path(gate).exists() and time.monotonic() < until:
        time.sleep(0.02)
    time.sleep(ctx.input.get("work", 0))


order = Workflow("order").step("validate", validate).commit("charge", charge)
night = (
    Workflow("night")
    .step("evening", linger)
    .sleep("night", lambda ctx: ctx.input.get("night", 0.5))
    .commit("charge", charge)
)
long = Workflow("long")
for number in range(8):
    long = long.step(f"work-{number}", linger, timeout=1.4).commit(f"charge-{number}", charge)

EMULATOR = os.environ.get("TASKS_EMULATOR")
app = App(
    [order, night, long],
    trace=[flux_gcp.CloudLoggingTrace()],
    waker=flux_gcp.CloudTasksWaker(endpoint=EMULATOR) if EMULATOR else None,
    max_inline_wait=0,
)


def order_id(order: dict[str, Any]) -> str:
    """Return what an order is known by, wherever it comes from."""
    identity: str = order["order_id"]
    return identity


orders = flux_gcp.http(app, route=lambda request: request.path.strip("/"), key=order_id)
orders_aio = flux_gcp.aio.http(app, route=lambda request: request.url.path.strip("/"), key=order_id)
events = flux_gcp.cloud_event(app, workflow="order")
events_aio = flux_gcp.aio.cloud_event(app, workflow="order")
control = flux_gcp.control(app)
control_aio = flux_gcp.aio.control(app)
