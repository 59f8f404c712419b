"""What a run has become is assigned to."""

from dataclasses import dataclass

from flux_core import Engine, RunStatus, Workflow


@dataclass
class Order:
    order_id: str


@dataclass
class Progress:
    payment_id: str | None = None


order = Workflow("order", input=Order, data=Progress)
result = Engine().execute(order, Order("o_001"))
result.status = RunStatus.COMPLETED  # error
result.id = "order-1"  # error
result.error = None  # error
result.data.payment_id = 1  # error
result.history[0].output = 1  # error
result.data = Progress("p-1")  # error
result.results = {}  # error
