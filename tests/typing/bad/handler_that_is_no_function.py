"""What a handler returns is given in its place, or its name."""

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

order.step("charge", "charge")  # error
order.step("charge", None)  # error
order.step(charge)  # error
