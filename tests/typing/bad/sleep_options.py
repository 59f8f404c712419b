"""A sleep has a handler, no duration, or an option that there is not."""

from dataclasses import dataclass

from datetime import datetime

from flux_core import Context, Workflow


@dataclass
class Order:
    order_id: str


@dataclass
class Progress:
    payment_id: str | None = None


def charge(ctx: Context[Order, Progress]) -> None: ...


def text(ctx: Context[Order, Progress]) -> str:
    return "1h"


def other_data(ctx: Context[Order, Order]) -> float:
    return 1.0


order = Workflow("order", input=Order, data=Progress)

order.sleep("nap")  # error
order.sleep("nap", "1h")  # error
order.sleep("nap", None)  # error
order.sleep("nap", datetime(2026, 1, 1))  # error
order.sleep("nap", text)  # error
order.sleep("nap", charge)  # error
order.sleep("nap", other_data)  # error
order.sleep("nap", lambda: 60)  # error
order.sleep("nap", lambda ctx: ctx.input.delay)  # error
order.sleep("nap", lambda ctx: ctx.input.order_id)  # error
order.sleep("nap", 60, retries=3)  # error
order.sleep("nap", 60, compensate=charge)  # error
order.sleep("nap", 60, when=True)  # error
order.sleep("nap", 60, when=other_data)  # error
order.sleep(60)  # error
