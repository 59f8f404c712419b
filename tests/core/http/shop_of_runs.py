"""A shop with runs in every state; it needs Flux alone, so that a function on any platform can serve it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from flux_core import App, Context, Fatal, OutcomeUnknown, Retry, Workflow
from flux_core.storage import MemoryStorage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flux_core.storage import Storage

READ: Final = "token-to-look-at-runs"
OPERATE: Final = "token-to-act-on-runs-too"
TOKENS: Final = {READ: "read", OPERATE: "operate"}
AS_OPERATOR: Final = {"Authorization": f"Bearer {OPERATE}"}


class Death(BaseException):
    """The death of a worker, which nothing in it survives."""


@dataclass
class Order:
    """An order, which says what goes wrong with it: `fail`, `fatal`, `unknown` or `die`, by node."""

    order_id: str = "o"
    at: dict[str, str] = field(default_factory=dict)
    waits: bool = False
    sleeps: bool = False


@dataclass
class Progress:
    """What its run has done."""

    payment_id: str | None = None
    notes: list[str] = field(default_factory=list)
    card: str = "4111"


Ctx: TypeAlias = Context[Order, Progress]
WRONG: Final[Mapping[str, Callable[[], BaseException]]] = {
    "fail": lambda: ValueError("the shop is out of boxes"),
    "fatal": lambda: Fatal("that is not sold"),
    "unknown": lambda: OutcomeUnknown("nobody answers"),
    "die": Death,
}


def _go(ctx: Ctx, name: str) -> str:
    if wrong := WRONG.get(ctx.input.at.get(name, "")):
        raise wrong()
    ctx.data.notes = [*ctx.data.notes, name]
    return f"{name} is done"


def _charge(ctx: Ctx) -> str:
    ctx.data.payment_id = f"pay-{ctx.input.order_id}"
    return _go(ctx, "charge")


def _refund(ctx: Ctx) -> None:
    _go(ctx, "refund")


ORDER: Final = (
    Workflow("order", input=Order, data=Progress)
    .step("check", lambda ctx: _go(ctx, "check"))
    .commit("charge", _charge, compensate=_refund)
    .wait("approved", when=lambda ctx: ctx.input.waits)
    .sleep("pack", 3600, when=lambda ctx: ctx.input.sleeps)
    .step("ship", lambda ctx: _go(ctx, "ship"))
)
REPORT: Final = (
    Workflow("report", input=Order, data=Progress, version="2")
    .step("read", lambda ctx: _go(ctx, "read"), retries=Retry(2, initial=600, jitter="none"))
    .commit("send", lambda ctx: _go(ctx, "send"), once=True)
)
OLD_REPORT: Final = Workflow("report", input=Order, data=Progress, version="1").step("read", lambda ctx: 1)

MADE: Final[Mapping[str, tuple[str, Mapping[str, Any]]]] = {
    "completed": ("order", {}),
    "failed": ("order", {"at": {"check": "fail"}}),
    "refused": ("order", {"at": {"check": "fatal"}}),
    "waiting": ("order", {"waits": True}),
    "sleeping": ("order", {"sleeps": True}),
    "backing-off": ("report", {"at": {"read": "fail"}}),
    "interrupted": ("report", {"at": {"send": "unknown"}}),
    "rolled-back": ("order", {"at": {"ship": "fail"}}),
    "compensation-failed": ("order", {"at": {"ship": "fail", "refund": "fail"}}),
    "running": ("order", {"at": {"check": "die"}}),
    "rolling-back": ("order", {"at": {"ship": "fail", "refund": "die"}}),
}
"""The runs that are executed, by id: their workflow, and what is odd about their input."""
STARTED: Final = ("pending", "paused", "cancelled")
"""Ids of orders that are only started, and then paused or cancelled."""
IDS: Final = (*MADE, *STARTED)
WORKFLOWS: Final = ("order", "report")


def shop(storage: Storage | None = None, **options: Any) -> App:
    """Return the app of a shop in which runs stand in every state there is; `IDS` are their ids."""
    app = App([OLD_REPORT, ORDER, REPORT], storage or MemoryStorage(), **options)
    for run_id, (workflow, odd) in MADE.items():
        try:
            app.execute(workflow, {"order_id": run_id, **odd}, id=run_id, tags=["made", run_id])
        except Death:
            continue
    for run_id in STARTED:
        app.start("order", {"order_id": run_id}, id=run_id)
    app.pause("paused")
    app.cancel("order", "cancelled")
    return app
