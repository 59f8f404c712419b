"""A handler takes nothing, or more than the context."""

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


def nothing() -> None: ...


def two(ctx: Context[Order, Progress], amount: int) -> None: ...


order.step("charge", nothing)  # error
order.commit("charge", two)  # error
order.step("charge", lambda: None)  # error
order.step("charge", charge, when=lambda: True)  # error
order.commit("charge", charge, compensate=nothing)  # error
