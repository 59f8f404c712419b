"""A recording is asked of something that holds no runs, or tried on something that is no workflow."""

from dataclasses import dataclass

from pathlib import Path

from flux_core import App, Engine, Workflow
from flux_core.testing import record, replay


@dataclass
class Order:
    order_id: str


@dataclass
class Progress:
    payment_id: str | None = None


order = Workflow("order", input=Order, data=Progress)
record(order, "r")  # error
record("sqlite:///orders.db", "r")  # error
record(Engine())  # error
record(Engine(), 1)  # error
replay(Path("order.json"), order)  # error
replay("{}")  # error
replay("{}", "order")  # error
replay("{}", App([order]))  # error
replay("{}", order).data.paid  # error
replay("{}", order).node.upper()  # error
replay("{}", order).position = 1  # error
