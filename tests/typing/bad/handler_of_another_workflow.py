"""A handler works on a context with other types than the workflow's."""

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


def other_input(ctx: Context[Progress, Progress]) -> None: ...


def other_data(ctx: Context[Order, Order]) -> None: ...


def no_context(ctx: Order) -> None: ...


order.step("charge", other_input)  # error
order.step("charge", other_data)  # error
order.commit("charge", no_context)  # error
order.commit("charge", charge, compensate=other_data)  # error
order.step("charge", charge, when=other_input)  # error
Workflow("order").step("charge", charge)  # error
Workflow("order", input=Order).step("charge", charge)  # error
