"""An argument of a call that works on a run is misspelt, missing or of the wrong type."""

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
engine.execute(order)  # error
engine.execute(order, {}, run_id="order-1")  # error
engine.execute(order, {}, id=1)  # error
engine.execute(order, {}, "order-1")  # error
engine.execute(order, {}, deadline="soon")  # error
engine.execute("order", {})  # error
engine.start(order, {}, deadline=1.0)  # error
engine.resume("order-1")  # error
engine.retry_step(order, "order-1")  # error
engine.retry_step(order, "order-1", 2)  # error
engine.tick(order)  # error
engine.list(status=404)  # error
engine.list(limit="10")  # error
engine.get(order)  # error
