"""A handler assigns to what only the engine sets; `data` alone is the handler's."""

from dataclasses import dataclass

from flux_core import Context


@dataclass
class Order:
    order_id: str


@dataclass
class Progress:
    payment_id: str | None = None


def charge(ctx: Context[Order, Progress]) -> None:
    ctx.input = Order("o_002")  # error
    ctx.key = "mine"  # error
    ctx.id = "order-2"  # error
    ctx.attempt = 1  # error
    ctx.step = "pay"  # error
    ctx.deadline = None  # error
    ctx.results = {}  # error
    ctx.data = Progress()
    ctx.data = {}  # error
    ctx.results["charge"] = 1
