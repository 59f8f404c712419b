"""A result has no such field, or its data has none."""

from dataclasses import dataclass

from flux_core import Engine, Workflow


@dataclass
class Order:
    order_id: str


@dataclass
class Progress:
    payment_id: str | None = None


order = Workflow("order", input=Order, data=Progress)
result = Engine().execute(order, Order("o_001"))
result.data.payment  # error
result.data["payment_id"]  # error
result.data.payment_id.upper()  # error
result.output  # error
result.history[0].result  # error
result.error.message  # error
plain = Engine().execute(Workflow("plain"), {})
plain.data.payment_id  # error
