"""An app is asked by workflow instead of by its name, or is given something else than workflows."""

from dataclasses import dataclass

from flux_core import App, Workflow


@dataclass
class Order:
    order_id: str


@dataclass
class Progress:
    payment_id: str | None = None


order = Workflow("order", input=Order, data=Progress)
app = App([order])
app.execute(order, {})  # error
app.resume("order")  # error
app.tick([order])  # error
App(order)  # error
App(["order"])  # error
App([order], store=None)  # error
