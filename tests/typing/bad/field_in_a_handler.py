"""A handler uses what its context, input or data does not have, or assigns what does not fit."""

from dataclasses import dataclass

from flux_core import Context, Workflow


@dataclass
class Order:
    order_id: str


@dataclass
class Progress:
    payment_id: str | None = None


order = Workflow("order", input=Order, data=Progress)


def misspelt(ctx: Context[Order, Progress]) -> None:
    print(ctx.input.orderid)  # error
    print(ctx.data.paymentid)  # error
    print(ctx.attempts)  # error
    ctx.data.payment_id = 42  # error
    ctx.cancelled = True  # error
    ctx.remaining() + "s"  # error


order.step("misspelt", misspelt)
