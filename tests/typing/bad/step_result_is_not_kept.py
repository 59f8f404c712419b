"""A branch of the builder is used as if it were another type."""

from dataclasses import dataclass

from flux_core import Context, Workflow


@dataclass
class Order:
    order_id: str


@dataclass
class Progress:
    payment_id: str | None = None


def charge(ctx: Context[Order, Progress]) -> None: ...


order = Workflow("order", input=Order, data=Progress)


def twice(order: Workflow[Order, Progress]) -> None: ...


twice(order.step("charge", charge))
twice(Workflow("order").step("plan", print))  # error
twice(Workflow("order", input=Order))  # error
