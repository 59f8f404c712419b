"""A workflow is given a value for a type, or an option that there is not."""

from dataclasses import dataclass

from flux_core import Workflow


@dataclass
class Order:
    order_id: str


@dataclass
class Progress:
    payment_id: str | None = None


Workflow("order", input=Order("o_001"))  # error
Workflow("order", data=Progress())  # error
Workflow("order", Order)  # error
Workflow("order", inputs=Order)  # error
Workflow("order", version=2)  # error
Workflow()  # error
