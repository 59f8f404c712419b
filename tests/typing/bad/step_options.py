"""An option of a node is misspelt, of the wrong type, or given by position."""

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

order.step("charge", charge, retrys=3)  # error
order.commit("charge", charge, compensation=charge)  # error
order.step("charge", charge, retries="3")  # error
order.step("charge", charge, retries=1.5)  # error
order.step("charge", charge, timeout="30s")  # error
order.step("charge", charge, when=True)  # error
order.step("charge", charge, 3)  # error
order.step("charge", handler=charge, name=1)  # error
