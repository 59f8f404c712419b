"""A run is started with something that is neither the input type nor a mapping."""

from dataclasses import dataclass

from flux_core import Engine, Workflow


@dataclass
class Order:
    order_id: str


@dataclass
class Progress:
    payment_id: str | None = None


order = Workflow("order", input=Order, data=Progress)
engine = Engine()
engine.execute(order, Progress())  # error
engine.execute(order, "o_001")  # error
engine.start(order, ["o_001"])  # error
engine.execute(order, None)  # error
