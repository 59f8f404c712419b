"""Services that live in memory, whose effects can be undone, and what must hold of every run that uses them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from crash.shop import WatchedStorage, expect, parsed

from flux_core import Context, Engine, Fatal

if TYPE_CHECKING:
    from collections.abc import Callable

    from flux_core import Run
    from flux_core.storage import Storage

Ctx = Context[dict[str, Any], dict[str, Any]]
ID = "saga-1"
UNDO = "/compensate"


class Services:
    """The outside world of one run: each key has its effect once, and each call is counted."""

    def __init__(self) -> None:
        self.store: Storage = WatchedStorage()
        self.asked: Counter[str] = Counter()
        """How often each key was asked for; each has had its effect once."""
        self.too_late: list[str] = []
        """Keys that were asked for after their node was saved as finished, by a worker that had been taken over."""
        self.in_order = True
        """Whether what is under repair works."""

    def clear(self) -> None:
        """Empty the world."""
        self.asked.clear()
        self.too_late.clear()
        self.in_order = True

    def open(self, make: Callable[[], Storage] = WatchedStorage) -> Storage:
        """Make an empty store and have an eye on it, instead of on the one before."""
        self.store.close()
        self.store = make()
        return self.store

    def do(self, ctx: Ctx) -> str:
        """Have the effect of the node, and note it in data."""
        self._answer(ctx, "history")
        ctx.data[ctx.step] = ctx.key
        return ctx.key

    def undo(self, ctx: Ctx) -> None:
        """Undo the effect of the node, which its output and data tell of."""
        self._answer(ctx, "undone")
        done = ctx.key.removesuffix(UNDO)
        expect(ctx.results.get(ctx.step) == done, "the output is not there:", ctx.step, ctx.results)
        expect(ctx.data.get(ctx.step) == done, "what it changed is not there:", ctx.step, ctx.data)
        ctx.data[ctx.step] = "undone"

    def undo_at_the_second_call(self, ctx: Ctx) -> None:
        """Undo the effect, but be out of order when asked for the first time."""
        self.undo(ctx)
        if self.asked[ctx.key] == 1:
            raise OSError("out of order")

    def undo_when_mended(self, ctx: Ctx) -> None:
        """Undo the effect, unless what does it is broken."""
        self.undo(ctx)
        if not self.in_order:
            raise Fatal("broken")

    def fail(self, ctx: Ctx) -> None:
        """Fail for good."""
        raise Fatal("no")

    def _answer(self, ctx: Ctx, finished: str) -> None:
        self.asked[ctx.key] += 1
        record = self.store.load(ctx.id)
        assert record is not None
        if ctx.step in [entry["name"] for entry in parsed(record.document).get(finished, ())]:
            self.too_late.append(ctx.key)

    @property
    def effects(self) -> set[str]:
        """The nodes that have had their effect."""
        return {key.split("/")[1] for key in self.asked if not key.endswith(UNDO)}

    @property
    def undone(self) -> set[str]:
        """The nodes whose effect was undone."""
        return {key.split("/")[1] for key in self.asked if key.endswith(UNDO)}


def the_run(engine: Engine) -> Run:
    """Return the run as it is stored."""
    run = engine.get(ID)
    assert run is not None
    return run
