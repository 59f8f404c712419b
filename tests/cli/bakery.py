"""The app that the tests of the command line run; what goes wrong in it is part of each order."""

import time
from dataclasses import dataclass, field
from pathlib import Path

from flux_core import App, Context, Fatal, OutcomeUnknown, Retry, Workflow

DAY = 86_400  # seconds


@dataclass
class Item:
    """What is ordered."""

    product_id: str
    qty: int


@dataclass
class Order:
    """An order, and the trouble that it makes."""

    order_id: str
    items: list[Item] = field(default_factory=list)
    trouble: str = ""


@dataclass
class Progress:
    """What is known of an order so far."""

    payment_id: str | None = None
    baked: list[str] = field(default_factory=list)


Ctx = Context[Order, Progress]


def charge(ctx: Ctx) -> None:
    """Take the money."""
    print("charging", ctx.input.order_id)
    ctx.data.payment_id = f"pay-{ctx.input.order_id}"


def bake(ctx: Ctx) -> list[str]:
    """Bake, or run into the order's trouble as long as there is no file `mended`."""
    if Path("mended").exists():
        if ctx.input.trouble == "cut short":
            raise KeyboardInterrupt
    else:
        if ctx.input.trouble in {"burnt", "cut short"}:
            raise RuntimeError("the oven is too hot")
        if ctx.input.trouble == "cold oven":
            raise TimeoutError("the oven is too cold")
        if ctx.input.trouble == "fatal":
            raise Fatal("no such bread")
        if ctx.input.trouble == "unsavable":
            ctx.data.baked = [Path("bread")]  # type: ignore[list-item]  # what the test is about
    ctx.data.baked = ctx.data.baked or [item.product_id for item in ctx.input.items]
    return ctx.data.baked


def refund(ctx: Ctx) -> None:
    """Give the money back, unless the bank is closed."""
    if ctx.input.trouble == "no refund" and not Path("mended").exists():
        raise RuntimeError("the bank is closed")
    print("refunding", ctx.input.order_id)
    ctx.data.payment_id = None


def send(ctx: Ctx) -> str:
    """Send the cake, or not know whether it was sent."""
    if ctx.input.trouble == "lost parcel":
        raise OutcomeUnknown("the courier does not answer")
    return "sent"


def rest(ctx: Ctx) -> None:
    """Fail the first time, which leaves the run suspended for as long as the retry says."""
    if ctx.input.trouble == "slow dough" and ctx.attempt == 1:
        raise RuntimeError("the dough is not ready")


def wait_for_go(ctx: Context[dict[str, object], dict[str, object]]) -> str:
    """Say that it has begun, and go on when there is a file `go`."""
    ctx.progress(0.5, "half way")
    Path("begun").touch()
    while not Path("go").exists():
        time.sleep(0.01)
    return "gone"


order = (
    Workflow("order", input=Order, data=Progress)
    .step("rest", rest, retries=Retry(1, initial=3600, factor=1, max=3600, jitter="none"))
    .commit("charge", charge)
    .step("bake", bake, retries=Retry(1, initial=0, retry_on=(TimeoutError,)))
    .step("gift", bake, when=lambda ctx: False)
    .commit("deliver", lambda ctx: f"delivered {ctx.input.order_id}")
)

cake = (
    Workflow("cake", input=Order, data=Progress, timeout=30 * DAY)
    .commit("charge", charge, compensate=refund)
    .wait("approved", timeout=7 * DAY)
    .commit("send", send, once=True)
)

patient = Workflow("patient").step("wait", wait_for_go)

app = App([order, cake, patient], lease=0.3)
