"""Runs that an engine made, of an order that can go wrong in every way."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

from flux_core import Context, Engine, Retry, Run, Workflow
from flux_core.storage import MemoryStorage
from flux_core.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable

BEGAN = 1_763_900_000.0


class Shop:
    """An engine over a clock that moves when a handler takes its time."""

    def __init__(self) -> None:
        self.clock = FakeClock(BEGAN)
        self.engine = Engine(storage=MemoryStorage(), clock=self.clock, max_inline_wait=0)

    def takes(self, seconds: float, fails: int = 0) -> Callable[[Context[Any, Any]], None]:
        """Return a handler that takes so long, and fails so often."""
        calls = count()

        def handler(ctx: Context[Any, Any]) -> None:
            self.clock.advance(seconds)
            if next(calls) < fails:
                raise ConnectionError("refused <by> the card service")

        return handler

    def order(self, *, charge: int = 0, ship: int = 0) -> Workflow[Any, Any]:
        """Return an order whose steps fail so often."""
        retry = Retry(3, initial=2, jitter="none")
        return (
            Workflow("order")
            .step("validate", self.takes(1))
            .commit("charge", self.takes(1, charge), retries=retry, compensate=self.takes(0.5))
            .step("gift-wrap", print, when=lambda ctx: False)
            .wait("approved", timeout=7 * 86_400)
            .commit("ship", self.takes(2, ship), when=lambda ctx: True)
        )

    def run(self, workflow: Workflow[Any, Any], *, approve: bool = True, rounds: int = 9) -> Run:
        """Return a run that has gone on, whenever it was due, up to so many times."""
        self.engine.execute(workflow, {}, id="r")
        for _ in range(rounds):
            run = self.stored()
            if run.status not in {"suspended", "rolling_back"} or (run.waits_for and not approve):
                break
            if run.waits_for:
                self.clock.advance(86_400)
                self.engine.signal(workflow, "r", run.waits_for)
            else:
                self.clock.advance(max(0.0, (run.wake_at or 0) - self.clock.time()))
                self.engine.resume(workflow, "r")
        return self.stored()

    def stored(self) -> Run:
        """Return the run as it stands."""
        run = self.engine.get("r")
        assert run is not None
        return run
