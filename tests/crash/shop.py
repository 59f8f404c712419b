"""The order flow over services that live in memory, and what must hold of it in every history."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from flux_core import Context, Workflow
from flux_core.storage import MemoryStorage, Record

ORDER = {"order_id": "o_001", "product_id": "mug", "qty": 1}


@dataclass
class Order:
    """What the customer sent."""

    order_id: str
    product_id: str
    qty: int


@dataclass
class Progress:
    """What the steps learn on the way."""

    payment_id: str | None = None
    reserved: list[str] = field(default_factory=list)


Ctx = Context[Order, Progress]


class Shop:
    """The outside world: each key has its effect once, and each call is counted."""

    def __init__(self) -> None:
        self.effects: dict[str, int] = {}
        self.calls: list[str] = []

    def clear(self) -> None:
        """Empty the world."""
        self.effects.clear()
        self.calls.clear()

    def take_effect(self, ctx: Ctx) -> None:
        """Have the effect of the step, once for its key."""
        self.calls.append(ctx.step)
        self.effects.setdefault(ctx.key, len(self.effects))

    def effects_of(self, step: str) -> int:
        """Return how many effects of the step the world has seen."""
        return sum(key.split("/")[1] == step for key in self.effects)

    def order_flow(self) -> Workflow[Order, Progress]:
        """Return validate, commit charge, commit reserve, commit notify; one handler of them async."""

        def validate(ctx: Ctx) -> None:
            assert ctx.input.qty > 0

        def charge(ctx: Ctx) -> str:
            self.take_effect(ctx)
            ctx.data.payment_id = f"pay-{ctx.key}"
            return ctx.data.payment_id

        def reserve(ctx: Ctx) -> None:
            self.take_effect(ctx)
            ctx.data.reserved.append(ctx.input.product_id)

        def notify(ctx: Ctx) -> str:
            self.take_effect(ctx)
            return f"confirmed {ctx.results['charge']}"

        return (
            Workflow("order-fulfillment", input=Order, data=Progress)
            .step("validate", validate)
            .commit("charge", charge, retries=3)
            .commit("reserve", reserve)
            .commit("notify", notify, when=lambda ctx: ctx.data.payment_id is not None)
        )

    def two_nodes(self) -> Workflow[Order, Progress]:
        """Return the smallest flow that has something to lose: a step and a commit."""

        def count(ctx: Ctx) -> None:
            ctx.data.reserved.append(ctx.input.product_id)

        def charge(ctx: Ctx) -> str:
            self.take_effect(ctx)
            return f"pay-{ctx.key}"

        return Workflow("two-nodes", input=Order, data=Progress).step("count", count).commit("charge", charge)


class WatchedStorage(MemoryStorage):
    """A store that refuses to see a completed node lost, changed, or completed a second time."""

    def save(self, record: Record, *, replaces: int) -> None:
        """Save, if what was completed before still stands as it stood."""
        before = self.load(record.id)
        super().save(record, replaces=replaces)
        assert before is not None
        old = json.loads(before.document)["history"]
        new = json.loads(record.document)["history"]
        assert new[: len(old)] == old, f"a completed node was lost or completed again: {old} -> {new}"
        names = [entry["name"] for entry in new]
        assert len(names) == len(set(names)), f"a node stands twice in {names}"
