"""A definition is changed instead of made anew."""

from dataclasses import dataclass

from flux_core import Context, Workflow


@dataclass
class Order:
    order_id: str


@dataclass
class Progress:
    payment_id: str | None = None


def charge(ctx: Context[Order, Progress]) -> None: ...


order = Workflow("order", input=Order, data=Progress)

order.name = "orders"  # error
order.version = "2"  # error
order.input = Order  # error
order.data = Progress  # error
order.nodes = ()  # error
order.fingerprint = "0"  # error
order.retries = 3  # error
order.step("charge", charge).nodes[0].name = "pay"  # error
