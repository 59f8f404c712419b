"""A wait has a handler, or an option that there is not or of the wrong type."""

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

order.wait()  # error
order.wait("approved", charge)  # error
order.wait("approved", 60)  # error
order.wait("approved", timeout="3d")  # error
order.wait("approved", timeout=lambda ctx: 60)  # error
order.wait("approved", on_timeout="retry")  # error
order.wait("approved", on_timeout=None)  # error
order.wait("approved", retries=3)  # error
order.wait("approved", when=lambda ctx: ctx.data.paid)  # error
order.wait("approved", when=lambda: True)  # error
order.wait("approved", signal="paid")  # error
order.step("charge", charge, once=True)  # error
order.commit("charge", charge, once="yes")  # error
order.commit("charge", charge, once=None)  # error
Workflow("order", timeout="30d")  # error
