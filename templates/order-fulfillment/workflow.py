"""The order workflow: check the order, take the money, take the goods, tell the customer; or undo what was done."""

from dataclasses import dataclass, field
from typing import Any

from flux_core import Context, Fatal, Workflow

import services


@dataclass
class Item:
    """A product, and how many of it."""

    product_id: str
    qty: int


@dataclass
class Order:
    """What the customer sent."""

    order_id: str
    email: str
    items: list[Item]


@dataclass
class Progress:
    """What the steps learn on the way."""

    total_cents: int = 0
    payment_id: str | None = None
    reserved: list[str] = field(default_factory=list)


Ctx = Context[Order, Progress]


def validate(ctx: Ctx) -> None:
    """Refuse an order that cannot be filled, before any money moves."""
    if not ctx.input.items:
        raise Fatal("the order has no items")
    for item in ctx.input.items:
        left = services.in_stock(item.product_id)
        if item.qty < 1 or left < item.qty:
            raise Fatal(f"out of stock: {item.product_id} ({item.qty} ordered, {left} left)")
    ctx.data.total_cents = sum(services.price(item.product_id) * item.qty for item in ctx.input.items)


def charge(ctx: Ctx) -> None:
    """Take the money; the key makes a second attempt the same payment."""
    try:
        ctx.data.payment_id = services.charge(ctx.key, ctx.input.order_id, ctx.data.total_cents)
    except services.PaymentDeclined as declined:
        raise Fatal(f"payment declined: {declined}") from declined


def refund(ctx: Ctx) -> None:
    """Give the money back, if a later step fails."""
    services.refund(ctx.key, ctx.data.payment_id)
    ctx.data.payment_id = None


def reserve(ctx: Ctx) -> None:
    """Take the goods out of stock; others may have been faster since the order was checked."""
    try:
        services.reserve(ctx.key, [(item.product_id, item.qty) for item in ctx.input.items])
    except services.OutOfStock as short:
        raise Fatal(f"out of stock: {short}") from short
    ctx.data.reserved = [item.product_id for item in ctx.input.items]


def release(ctx: Ctx) -> None:
    """Put the goods back into stock."""
    services.release(ctx.key, [(item.product_id, item.qty) for item in ctx.input.items])
    ctx.data.reserved = []


def notify(ctx: Ctx) -> str:
    """Tell the customer."""
    subject = f"Your order {ctx.input.order_id} is confirmed"
    services.send_mail(ctx.key, ctx.input.email, subject)
    return subject


order = (
    Workflow("order-fulfillment", input=Order, data=Progress)
    .step("validate", validate)
    .commit("charge", charge, retries=3, timeout=30, compensate=refund)
    .commit("reserve", reserve, compensate=release)
    .commit("notify", notify)
)


def run_id(ordered: dict[str, Any]) -> str:
    """Return the id of an order's run: the same order, however it arrives and however often, is one run."""
    return f"order-{ordered['order_id']}"
