"""A shop whose payment service fails as it is told, and the workflow of its orders."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from flux_core import App, Context, Workflow
from flux_core.storage import MemoryStorage


@dataclass
class Order:
    """An order."""

    order_id: str


@dataclass
class Progress:
    """What its run has done."""

    payment_id: str | None = None


@dataclass
class Shop:
    """The shop; `declined` maps orders to what the payment service raises for them."""

    charged: list[str] = field(default_factory=list)
    refunded: list[str] = field(default_factory=list)
    declined: dict[str, BaseException] = field(default_factory=dict)
    remaining: float | None = None

    def charge(self, ctx: Context[Order, Progress]) -> None:
        """Take the money, or do not."""
        self.remaining = ctx.remaining()
        if error := self.declined.get(ctx.input.order_id):
            raise error
        self.charged.append(ctx.input.order_id)
        ctx.data.payment_id = f"pay-{ctx.input.order_id}"

    def refund(self, ctx: Context[Order, Progress]) -> None:
        """Give the money back, or do not."""
        if error := self.declined.get(f"refund {ctx.input.order_id}"):
            raise error
        self.refunded.append(ctx.input.order_id)

    def ship(self, ctx: Context[Order, Progress]) -> str:
        """Send the goods, or do not."""
        if error := self.declined.get(f"ship {ctx.input.order_id}"):
            raise error
        return "sent"

    @property
    def order(self) -> Workflow[Order, Progress]:
        """The workflow, with one commit."""
        return Workflow("order", input=Order, data=Progress).commit("charge", self.charge)

    @property
    def approval(self) -> Workflow[Order, Progress]:
        """A workflow that waits for an approval between its two commits, the first of which can be compensated."""
        start = Workflow("approval", input=Order, data=Progress)
        return (
            start.commit("charge", self.charge, compensate=self.refund)
            .wait("approved")
            .commit("ship", self.ship)
        )

    def app(self, **options: Any) -> App:
        """The app, its runs in memory."""
        return App([self.order], MemoryStorage(), **options)

    def approvals(self, **options: Any) -> App:
        """The app of a shop in which orders need an approval."""
        return App([self.approval], MemoryStorage(), **options)


def order_id(order: dict[str, Any]) -> str:
    """The key by which an order is one run, wherever it comes from."""
    identity: str = order["order_id"]
    return identity
