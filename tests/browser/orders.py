"""The app that the browser tests look at: `flux serve --app orders.py:app`.

What goes wrong is said by files in the folder that `WORLD` names, so that a test can mend it: a step `charge` fails
while there is a file `charge-down`, and stays under way while there is a file `charge-slow`.
"""

import os
import time
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from flux_core import App, Context, Fatal, OutcomeUnknown, Retry, Workflow

WORLD = Path(os.environ.get("WORLD", "."))
PATIENCE = 30.0  # seconds that a step stays under way at most


@dataclass
class Item:
    """A product, and how many of it."""

    product_id: str
    qty: int


@dataclass
class Order:
    """What the customer sent."""

    order_id: str
    items: list[Item] = field(default_factory=lambda: [Item("mug", 2)])
    email: str = "ada@example.org"


@dataclass
class Progress:
    """What the steps learn on the way."""

    total_cents: int = 0
    payment_id: str | None = None
    reserved: list[str] = field(default_factory=list)
    parcel: dict[str, Any] | None = None


Ctx = Context[Order, Progress]


def meet(name: str) -> None:
    """Meet the world as it is: slow, down, or well."""
    until = time.monotonic() + PATIENCE
    while (WORLD / f"{name}-slow").exists() and time.monotonic() < until:
        time.sleep(0.01)
    try:
        connect(name)
    except OSError as error:
        raise ConnectionError(f"the service behind {name} does not answer") from error


def connect(name: str) -> None:
    """Reach the service, if it is not down."""
    if (WORLD / f"{name}-down").exists():
        raise OSError("connection to inventory.internal:443 refused")


def validate(ctx: Ctx) -> None:
    """Refuse an order of nothing."""
    meet("validate")
    if not ctx.input.items:
        raise Fatal("the order has no items")
    ctx.data.total_cents = sum(1200 * item.qty for item in ctx.input.items)


def charge(ctx: Ctx) -> dict[str, Any]:
    """Take the money."""
    meet("charge")
    ctx.data.payment_id = f"pay_{ctx.key}"
    return {"payment_id": ctx.data.payment_id, "cents": ctx.data.total_cents}


def refund(ctx: Ctx) -> None:
    """Give the money back."""
    meet("refund")


def reserve(ctx: Ctx) -> list[str]:
    """Take the goods out of stock."""
    meet("reserve")
    ctx.data.reserved = [item.product_id for item in ctx.input.items]
    return ctx.data.reserved


def ship(ctx: Ctx) -> None:
    """Hand the parcel over; while there is a file `ship-unknown`, nobody knows whether that worked."""
    meet("ship")
    if (WORLD / "ship-unknown").exists():
        raise OutcomeUnknown("the carrier's answer was lost")
    ctx.data.parcel = {"carrier": "DHL", "number": f"00340434{len(ctx.id):08d}", "weight_g": 1240}


def notify(ctx: Ctx) -> str:
    """Tell the customer."""
    meet("notify")
    return f"confirmed {ctx.input.order_id} to {ctx.input.email}"


def is_large(ctx: Ctx) -> bool:
    """Say whether somebody must approve the order."""
    return ctx.data.total_cents > 100_000


order = (
    Workflow("order-fulfillment", input=Order, data=Progress)
    .step("validate", validate)
    .commit("charge", charge, retries=2, timeout=30, compensate=refund)
    .wait("approval", timeout=timedelta(days=2), when=is_large)
    .commit("reserve", reserve, retries=Retry(2, initial=0.05, jitter="none"))
    .commit("ship", ship, once=True)
    .step("notify", notify)
)

Loose = Context[dict[str, Any], dict[str, Any]]


def greet(ctx: Loose) -> Any:
    """Put whatever was sent into every place that is shown."""
    meet("greet")
    ctx.data["said"] = ctx.input
    return ctx.input


def check(ctx: Loose) -> None:
    """Fail with what was sent."""
    meet("check")
    if ctx.input.get("refuse"):
        raise ValueError(str(ctx.input["refuse"]))


echo = Workflow("echo").step("greet", greet).wait("answer", timeout=3600).step("check", check)


def pick(ctx: Loose) -> None:
    """Take one step of many."""
    meet("report")


report = (
    Workflow("nightly-report", version="7")
    .step("collect", pick)
    .sleep("settle", timedelta(hours=6))
    .step("send", pick)
)


def write(ctx: Loose) -> str:
    """Write a greeting."""
    return f"Dear {ctx.input.get('name', 'friend')}"


def send(ctx: Loose) -> str:
    """Send it."""
    return ctx.key


def tell(ctx: Loose) -> None:
    """Say that it was sent, and count how often."""
    meet("notify")
    ctx.data["notified"] = ctx.data.get("notified", 0) + 1


greeting = Workflow("greeting").step("write", write).commit("send", send).step("notify", tell)

app = App([order, echo, greeting, report])
