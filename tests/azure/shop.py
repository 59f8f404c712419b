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
class Shop:
    """The shop; `declined` maps orders to what the payment service raises for them."""

    charged: list[str] = field(default_factory=list)
    declined: dict[str, BaseException] = field(default_factory=dict)
    remaining: float | None = None

    def charge(self, ctx: Context[Order, dict[str, Any]]) -> None:
        """Take the money, or do not."""
        self.remaining = ctx.remaining()
        if error := self.declined.get(ctx.input.order_id):
            raise error
        self.charged.append(ctx.input.order_id)

    @property
    def order(self) -> Workflow[Order, dict[str, Any]]:
        """The workflow, with one commit."""
        return Workflow("order", input=Order).commit("charge", self.charge)

    def app(self, **options: Any) -> App:
        """The app, its runs in memory."""
        return App([self.order], MemoryStorage(), **options)


def order_id(order: dict[str, Any]) -> str:
    """The key by which an order is one run, wherever it comes from."""
    identity: str = order["order_id"]
    return identity
