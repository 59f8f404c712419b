"""The order flow over services that live in memory, and what must hold of it in every history."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from flux_core import Context, Workflow
from flux_core._status import RUN_TRANSITIONS
from flux_core.storage import MemoryStorage, SQLiteStorage

if TYPE_CHECKING:
    from flux_core.storage import Record

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


class Violation(BaseException):
    """What must never be has been seen: no `Exception`, so that no engine takes it for a failure of its own run."""


def expect(holds: object, *what: object) -> None:
    """Stop the test if it does not hold, wherever in the engine that is."""
    if not holds:
        raise Violation(*what)


class Watched:
    """Comes before a store's class, and makes it refuse what no history of a run may show."""

    def save(self, record: Record, *, replaces: int) -> None:
        """Save, if what the run had is still there, and no more than may be has changed."""
        before: Record = self.load(record.id)  # type: ignore[attr-defined]  # the store's
        super().save(record, replaces=replaces)  # type: ignore[misc]  # the store's
        legal = RUN_TRANSITIONS[before.status] | {before.status}
        expect(record.status in legal, "cannot go from", before.status, "to", record.status)
        old, new = parsed(before.document), parsed(record.document)
        _check_nodes(old, new, was_ended=before.status.ended)
        _check_compensations(old, new)
        _check_letters(old, new)
        _check_lease(old, new)


def _check_nodes(old: dict[str, Any], new: dict[str, Any], *, was_ended: bool) -> None:
    """A finished node stays as it is, and none is finished twice; a retry keeps the completed commits."""
    names = [entry["name"] for entry in new["history"]]
    expect(len(names) == len(set(names)), "a node stands twice in", names)
    expect(new.get("current", {}).get("name") not in names, "a finished node is the current one of", names)
    if was_ended and len(new["history"]) < len(old["history"]):
        names += [entry["name"] for entry in new.get("kept", ())]
        commits = [entry["name"] for entry in old["history"] if entry["kind"] == "commit"]
        expect(set(commits) <= set(names), "a completed commit was lost:", commits, names)
    else:
        kept = new["history"][: len(old["history"])]
        expect(kept == old["history"], "a completed node was lost or completed again:", old, new)


def _check_compensations(old: dict[str, Any], new: dict[str, Any]) -> None:
    """A finished compensation stays as it is, and none is finished twice."""
    before, after = old.get("undone", []), new.get("undone", [])
    names = [entry["name"] for entry in after]
    expect(len(names) == len(set(names)), "a node was compensated twice:", names)
    expect(new.get("undoing", {}).get("name") not in names, "it is compensated again:", names)
    expect(after[: len(before)] == before, "a compensation was lost:", before, after)


def _check_letters(old: dict[str, Any], new: dict[str, Any]) -> None:
    """Each letter comes once, and goes once."""
    before, after = ([letter["number"] for letter in document.get("inbox", ())] for document in (old, new))
    last = old.get("sequence", 0)
    expect(new.get("sequence", 0) >= last, "letters were forgotten:", old, new)
    expect(after == sorted(set(after)), "a letter stands twice in", after)
    expect(all(number > last or number in before for number in after), "a letter came back:", before, after)


def _check_lease(old: dict[str, Any], new: dict[str, Any]) -> None:
    """A worker's lease grows shorter for nobody."""
    before, after = old.get("lease"), new.get("lease")
    if before and after and before["token"] == after["token"]:
        expect(after["until"] >= before["until"], "a lease was cut short:", before, after)


@lru_cache(maxsize=256)
def parsed(document: bytes) -> dict[str, Any]:
    """Return the document as JSON."""
    found: dict[str, Any] = json.loads(document)
    return found


class WatchedStorage(Watched, MemoryStorage):
    """A watched store in memory."""


class WatchedFile(Watched, SQLiteStorage):
    """A watched store in a file."""
