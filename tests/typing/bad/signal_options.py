"""An argument of a call that reaches a run from outside is missing, misspelt or of the wrong type."""

from dataclasses import dataclass

from flux_core import App, Engine, Workflow


@dataclass
class Order:
    order_id: str


@dataclass
class Progress:
    payment_id: str | None = None


order = Workflow("order", input=Order, data=Progress)
engine = Engine()
app = App([order])
engine.signal(order, "r")  # error
engine.signal(order, "r", 1)  # error
engine.signal("order", "r", "approved")  # error
engine.signal("r", "approved")  # error
engine.signal(order, "r", "approved", None, "s-1")  # error
engine.signal(order, "r", "approved", id=1)  # error
engine.signal(order, "r", "approved", signal_id="s-1")  # error
engine.signal(order, "r", "approved", run="no")  # error
engine.signal(order, "r", "approved").data.paid  # error
engine.cancel("r")  # error
engine.cancel(order, "r", True)  # error
engine.cancel(order, "r", compensate="yes")  # error
engine.pause(order, "r")  # error
engine.pause(1)  # error
engine.pause("r").data.payment_id  # error
engine.pause("r").waits_for.upper()  # error
engine.resolve(order, "r")  # error
engine.resolve(order, "r", "charge", "pay-1")  # error
engine.resolve(order, "r", "charge", output="pay-1", run=1.5)  # error
app.signal(order, "r", "approved")  # error
app.cancel("r")  # error
app.pause("order", "r")  # error
app.resolve("order", "r")  # error
