"""A lambda uses a field that the input or the data does not have."""

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

order.step("charge", charge, when=lambda ctx: ctx.data.payment)  # error
order.step("charge", charge, when=lambda ctx: ctx.input.payment_id)  # error
order.step("charge", lambda ctx: ctx.data.paid)  # error
order.step("charge", charge, compensate=lambda ctx: ctx.datta)  # error
