"""Every reasonable way to use the public names, as a user's checker sees it: none of it is an error."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypedDict, assert_type

import msgspec
import pydantic

from flux_core import (
    App,
    AsyncEngine,
    Clock,
    Context,
    Engine,
    EngineOptions,
    ErrorInfo,
    Fatal,
    FluxError,
    InvalidInput,
    Node,
    Page,
    Result,
    Retry,
    Run,
    RunBusy,
    RunExists,
    RunStatus,
    StepRecord,
    StepStatus,
    Suspension,
    SystemClock,
    TickReport,
    TraceEvent,
    Waker,
    Workflow,
    sleep,
    wait,
)
from flux_core.storage import (
    MemoryStorage,
    Query,
    Record,
    RecordPage,
    SQLiteStorage,
    Storage,
    open_storage,
)
from flux_core.testing import Replay, record, replay
from flux_core.trace import ConsoleTrace, NDJSONTrace, TraceSink

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

# Types of input and data: dict, TypedDict, dataclass, pydantic model, msgspec struct.


@dataclass
class Item:
    """A part of an input."""

    product_id: str
    qty: int


@dataclass(frozen=True)
class Order:
    """An input."""

    order_id: str
    items: list[Item]


@dataclass
class Progress:
    """Data with defaults."""

    payment_id: str | None = None
    reserved: list[str] = field(default_factory=list)


class Request(TypedDict):
    """An input as a TypedDict."""

    customer: str


class Totals(TypedDict, total=False):
    """Data as a TypedDict."""

    amount: int


class Payment(pydantic.BaseModel):
    """An input as a pydantic model."""

    amount: int


class Receipt(msgspec.Struct):
    """Data as a msgspec struct."""

    number: str = ""


Ctx: TypeAlias = Context[Order, Progress]
PlainCtx: TypeAlias = Context[dict[str, Any], dict[str, Any]]


# Handlers: functions, coroutines, methods, callable objects, partials, lambdas.


class OutOfStock(Fatal):
    """A failure of the user's own that is never retried."""


def validate(ctx: Ctx) -> None:
    """Use the input."""
    assert_type(ctx.input.items[0].qty, int)
    if not ctx.input.items:
        raise OutOfStock(f"out of stock: {ctx.input.order_id}")


async def charge(ctx: Ctx) -> str:
    """Use everything else."""
    assert_type(ctx.data.payment_id, str | None)
    assert_type(ctx.deadline, float | None)
    assert_type(ctx.cancelled, bool)
    assert_type(ctx.attempt, int)
    if ctx.remaining() < 1 or ctx.cancelled:
        raise TimeoutError
    ctx.progress(0.5, f"{ctx.workflow} {ctx.id}")
    ctx.logger.info("charging in %s", ctx.step)
    ctx.data.payment_id = f"pay-{ctx.key}"
    return ctx.data.payment_id


async def refund(ctx: Ctx) -> None:
    """Undo a node."""
    ctx.data.payment_id = None


def was_paid(ctx: Ctx) -> bool:
    """Decide whether a node runs."""
    return ctx.data.payment_id is not None


def any_context(ctx: Context[Any, Any]) -> int:
    """Serve every workflow."""
    return len(ctx.results)


def with_option(ctx: Ctx, *, loud: bool = False) -> str:
    """Have a parameter that the engine does not give."""
    return ctx.input.order_id.upper() if loud else ctx.input.order_id


def cool_off(ctx: Ctx) -> Suspension:
    """Let the run sleep from inside a step."""
    return sleep(60) if ctx.attempt == 1 else sleep(timedelta(hours=1))


async def ask_for_approval(ctx: Ctx) -> Suspension | str:
    """Let the run wait from inside a step, or do not."""
    if ctx.input.items:
        return wait("approved", timeout=timedelta(days=3))
    return "nobody needs to approve nothing"


def until_tomorrow(ctx: Ctx) -> timedelta:
    """Say how long a sleep is."""
    return timedelta(days=len(ctx.input.items))


class Mailer:
    """Handlers that share something."""

    async def notify(self, ctx: Ctx) -> str:
        """Be a bound method."""
        return f"confirmed {ctx.input.order_id}"

    def __call__(self, ctx: Ctx) -> None:
        """Be a callable object."""


def plain(ctx: PlainCtx) -> Any:
    """Use untyped input and data."""
    ctx.data["total"] = ctx.input["price"] * ctx.input["qty"]
    return ctx.results["validate"]


def total(ctx: Context[Request, Totals]) -> int:
    """Use TypedDicts."""
    assert_type(ctx.input["customer"], str)
    ctx.data["amount"] = ctx.data.get("amount", 0) + 1
    return ctx.data["amount"]


def receipt(ctx: Context[Payment, Receipt]) -> None:
    """Use models of other libraries."""
    assert_type(ctx.input.amount, int)
    ctx.data.number = str(ctx.input.amount)


# Workflows.

mailer = Mailer()
order = (
    Workflow("order-fulfillment", input=Order, data=Progress, version="2")
    .step("validate", validate, timeout=timedelta(seconds=5))
    .commit("charge", charge, retries=3, timeout=30, compensate=refund)
    .commit(
        "reserve",
        lambda ctx: ctx.data.reserved.append(ctx.input.order_id),
        retries=Retry(
            2, initial=0.5, factor=3, max=10, jitter="none", retry_on=(OSError,), give_up_on=(KeyError,)
        ),
        compensate=lambda ctx: ctx.data.reserved.clear(),
    )
    .step("count", any_context, timeout=0.5, when=was_paid)
    .step("call", mailer)
    .step("shout", partial(with_option, loud=True))
    .step("whisper", with_option)
    .commit("notify", mailer.notify, when=lambda ctx: ctx.data.payment_id)
)
long_running = (
    Workflow("long-running", input=Order, data=Progress, timeout=timedelta(days=30))
    .step("cool-off", cool_off)
    .step("ask", ask_for_approval, compensate=refund)
    .sleep("nap", 60)
    .sleep("rest", timedelta(hours=1), when=was_paid)
    .sleep("night", until_tomorrow)
    .sleep("moment", lambda ctx: 0.5 * len(ctx.data.reserved), when=lambda ctx: ctx.data.reserved)
    .wait("approved")
    .wait("paid", timeout=3600, on_timeout="skip", when=lambda ctx: ctx.data.payment_id is None)
    .wait("shipped", timeout=timedelta(days=3), on_timeout="fail")
    .commit("charge", charge, once=True, retries=2)
)
untyped = Workflow("plain").step("plain", plain).step("sum", lambda ctx: ctx.data["total"] + 1)
bare_dict = Workflow("bare", input=dict, data=dict).step("plain", plain)
half_typed = Workflow("half", input=Order).step("id", lambda ctx: ctx.input.order_id)
other_half = Workflow("other-half", data=Progress).step("paid", lambda ctx: ctx.data.payment_id)
typed_dicts = Workflow("totals", input=Request, data=Totals).step("total", total)
models = Workflow("models", input=Payment, data=Receipt).commit("receipt", receipt)
prices = Workflow("prices", input=dict[str, int]).step("cheapest", lambda ctx: min(ctx.input.values()))

assert_type(order, Workflow[Order, Progress])
assert_type(untyped, Workflow[dict[str, Any], dict[str, Any]])
assert_type(half_typed, Workflow[Order, dict[str, Any]])
assert_type(other_half, Workflow[dict[str, Any], Progress])
assert_type(typed_dicts, Workflow[Request, Totals])
assert_type(models, Workflow[Payment, Receipt])
assert_type(prices, Workflow[dict[str, int], dict[str, Any]])
assert_type(long_running, Workflow[Order, Progress])
assert_type(long_running.timeout, float | None)
assert_type(order.nodes, tuple[Node, ...])
assert_type(order.nodes[0].once, bool)
assert_type(order.nodes[0].on_timeout, Literal["fail", "skip"])
assert_type(order.index("charge"), int)
assert_type(order.fingerprint, str)
assert_type(order.mermaid(), str)
assert_type(order.describe(), dict[str, Any])


def every_order_starts_so(workflow: Workflow[Order, Progress]) -> Workflow[Order, Progress]:
    """Build a part of a workflow."""
    return workflow.step("validate", validate).commit("charge", charge)


# Ports, filled by the user.


class LoggedStorage:
    """A store that is no subclass of anything."""

    def __init__(self, below: Storage) -> None:
        self.below = below

    def create(self, record: Record) -> None:
        """Store a new run."""
        assert_type(record.status, RunStatus)
        try:
            self.below.create(record)
        except RunExists as error:
            assert_type(error.record, Record)
            raise

    def load(self, run_id: str) -> Record | None:
        """Return the run."""
        return self.below.load(run_id)

    def save(self, record: Record, *, replaces: int) -> None:
        """Replace the run."""
        self.below.save(record, replaces=replaces)

    def find(self, query: Query) -> RecordPage:
        """Return the records."""
        return self.below.find(query)

    def delete(self, run_id: str) -> None:
        """Remove the run."""
        self.below.delete(run_id)

    def put_blob(self, run_id: str, key: str, value: bytes) -> None:
        """Store a value."""
        self.below.put_blob(run_id, key, value)

    def get_blob(self, run_id: str, key: str) -> bytes:
        """Return a value."""
        return self.below.get_blob(run_id, key)

    def delete_blobs(self, run_id: str, *, keep: Collection[str] = ()) -> None:
        """Remove values."""
        self.below.delete_blobs(run_id, keep=keep)

    def close(self) -> None:
        """Release what is held."""
        self.below.close()


class ListTrace:
    """A sink that is no subclass of anything."""

    def __init__(self) -> None:
        self.types: list[str] = []

    def emit(self, event: TraceEvent) -> None:
        """Take an event."""
        assert_type(event.step_name, str | None)
        assert_type(event.to_dict(), dict[str, Any])
        self.types.append(event.type)

    def close(self) -> None:
        """Release what is held."""


class StoppedClock:
    """A clock that is no subclass of anything."""

    def time(self) -> float:
        """Return Unix seconds."""
        return 0.0

    def monotonic(self) -> float:
        """Return seconds."""
        return 0.0

    def sleep(self, seconds: float) -> None:
        """Wait."""

    async def sleep_async(self, seconds: float) -> None:
        """Wait."""


class Queue:
    """A waker that is no subclass of anything."""

    def wake(self, run_id: str, at: float) -> None:
        """Bring the run back."""


stores: list[Storage] = [
    MemoryStorage(),
    SQLiteStorage("orders.db"),
    SQLiteStorage(Path("orders.db"), synchronous="FULL", busy_timeout=5),
    open_storage("sqlite:///orders.db"),
    LoggedStorage(MemoryStorage()),
]
sinks: list[TraceSink] = [ListTrace(), ConsoleTrace(), NDJSONTrace("trace.ndjson")]
clocks: list[Clock] = [SystemClock(), StoppedClock()]
wakers: list[Waker] = [Queue()]


# Engines.


def step_started(step: str, ctx: Context[Any, Any]) -> None:
    """Hear of an attempt."""
    ctx.logger.info("%s", step)


async def step_completed(step: str, ctx: Ctx, result: Any) -> None:
    """Hear of a result, asynchronously, in a context of one type."""
    ctx.logger.info("%s %s %s", step, ctx.data.payment_id, result)


def workflow_failed(ctx: Context[Any, Any], error: Exception) -> None:
    """Hear of a failure."""
    ctx.logger.error("%s", error)


options: EngineOptions = {"default_retries": 2, "default_timeout": 10.0}
engine = Engine()
configured = Engine(
    SQLiteStorage("orders.db"),
    trace=[ConsoleTrace(), ListTrace()],
    on={
        "step_start": step_started,
        "step_complete": step_completed,
        "step_error": lambda step, ctx, error: ctx.logger.warning("%s %s", step, error),
        "workflow_complete": lambda ctx: ctx.logger.info("done"),
        "workflow_error": workflow_failed,
    },
    default_retries=Retry(3),
    default_timeout=None,
    lease=30,
    max_inline_wait=1.5,
    max_interruptions=3,
    checkpoint="commit",
    waker=Queue(),
    redact=("card.number",),
    clock=StoppedClock(),
)
from_options = Engine(storage=LoggedStorage(MemoryStorage()), **options)


def run_one() -> None:
    """Start runs, and look at what they return."""
    result = engine.execute(
        order,
        Order("o_001", [Item("mug", 1)]),
        id="order-o_001",
        deadline=100.0,
        tags=["vip"],
        retry_failed=True,
    )
    assert_type(result, Result[Progress])
    assert_type(result.data, Progress)
    assert_type(result.data.payment_id, str | None)
    assert_type(result.data.reserved, list[str])
    assert_type(result.status, RunStatus)
    assert_type(result.results, dict[str, Any])
    assert_type(result.history, tuple[StepRecord, ...])
    assert_type(result.history[0].status, StepStatus)
    assert_type(result.error, ErrorInfo | None)
    assert_type(result.duration, float)
    assert_type(result.to_dict(), dict[str, Any])
    if result.status == "completed" or result.status in {"failed", "suspended"} or result.status.ended:
        return
    if result.status == RunStatus.PENDING:
        return
    parsed: Mapping[str, Any] = {"order_id": "o_002", "items": []}
    assert_type(engine.execute(order, parsed), Result[Progress])
    assert_type(engine.execute(order, {"order_id": "o_002", "items": []}).data, Progress)
    assert_type(engine.execute(untyped, {"price": 3}), Result[dict[str, Any]])
    assert_type(engine.execute(typed_dicts, {"customer": "c"}).data.get("amount"), int | None)
    assert_type(engine.execute(typed_dicts, Request(customer="c")).data, Totals)
    assert_type(engine.execute(models, Payment(amount=1)).data.number, str)
    assert_type(engine.execute(models, {"amount": 1}).data.number, str)


def control() -> None:
    """Use the engine's other methods."""
    assert_type(engine.start(order, {"order_id": "o_003", "items": []}, tags=("eu",)), Result[Progress])
    assert_type(engine.resume(order, "order-o_001", deadline=None), Result[Progress])
    assert_type(engine.retry_step(order, "order-o_001", "charge", redo_commits=True), Result[Progress])
    assert_type(engine.tick([order, untyped], limit=10), TickReport)
    assert_type(engine.tick((order,)).claimed, int)
    assert_type(engine.storage, Storage)
    run = engine.get("order-o_001")
    assert_type(run, Run | None)
    if run is not None:
        assert_type(run.data, dict[str, Any])
    page = engine.list(workflow=order.name, status=["failed", RunStatus.SUSPENDED], since=datetime.now(UTC))
    assert_type(page, Page)
    assert_type(list(page), list[Run])
    assert_type(engine.list(status="failed", until=5.0, limit=10, cursor=page.cursor).runs, tuple[Run, ...])
    engine.delete("order-o_001")
    engine.close()


def control_what_waits() -> None:
    """Use the methods that reach a run from outside."""
    run_id = "order-o_001"
    assert_type(engine.signal(long_running, run_id, "approved"), Result[Progress])
    assert_type(
        engine.signal(long_running, run_id, "paid", {"by": "Ada"}, id="s-1", run=False, deadline=9.0).data,
        Progress,
    )
    assert_type(engine.cancel(long_running, run_id), Result[Progress])
    assert_type(engine.cancel(untyped, run_id, compensate=True, deadline=None), Result[dict[str, Any]])
    paused = engine.pause(run_id)
    assert_type(paused, Run)
    assert_type(paused.waits_for, str | None)
    assert_type(paused.waits_until, float | None)
    assert_type(paused.expires_at, float | None)
    assert_type(paused.inbox, tuple[str, ...])
    assert_type(paused.compensations, tuple[StepRecord, ...])
    assert_type(engine.resolve(long_running, run_id, "charge", output="pay-1"), Result[Progress])
    assert_type(engine.resolve(long_running, run_id, "charge", run=False, deadline=9.0), Result[Progress])
    assert_type(sleep(1), Suspension)
    assert_type(wait("approved"), Suspension)


def record_and_replay() -> None:
    """Try a stored run on a definition, from wherever it is kept."""
    text = record(engine, "order-o_001")
    assert_type(text, str)
    assert_type([record(app, "r"), record(MemoryStorage(), "r"), record(AsyncEngine(), "r")], list[str])
    seen = replay(text, order)
    assert_type(seen, Replay[Progress])
    assert_type(seen.data.payment_id, str | None)
    assert_type(seen.node, str | None)
    assert_type(seen.position, int)
    assert_type(seen.status, RunStatus)


def context_manager() -> Literal["completed", "failed", "busy"]:
    """Close the engine at the end, and tell errors apart."""
    try:
        with Engine(MemoryStorage()) as inner:
            assert_type(inner, Engine)
            result = inner.execute(order, {"order_id": "o_004", "items": []})
    except InvalidInput as error:
        assert_type(error.path, str)
        return "failed"
    except RunBusy as error:
        assert_type(error.until, float)
        return "busy"
    except FluxError as error:
        assert_type(error.code, str)
        return "failed"
    return "completed" if result.status is RunStatus.COMPLETED else "failed"


async def run_asynchronously() -> None:
    """Use the asynchronous engine."""
    async with AsyncEngine(MemoryStorage(), trace=[ListTrace()], default_retries=1) as inner:
        assert_type(inner, AsyncEngine)
        result = await inner.execute(order, Order("o_005", []), id="order-o_005")
        assert_type(result, Result[Progress])
        assert_type(result.data.payment_id, str | None)
        assert_type(await inner.start(untyped, {}), Result[dict[str, Any]])
        assert_type(await inner.resume(order, "order-o_005"), Result[Progress])
        assert_type(await inner.retry_step(order, "order-o_005", "charge"), Result[Progress])
        assert_type(await inner.tick([order]), TickReport)
        assert_type(await inner.get("order-o_005"), Run | None)
        assert_type([run.id for run in await inner.list(limit=5)], list[str])
        assert_type(await inner.signal(long_running, "r", "approved", 1, id="s-1"), Result[Progress])
        assert_type(await inner.cancel(long_running, "r", compensate=True), Result[Progress])
        assert_type(await inner.pause("r"), Run)
        assert_type(await inner.resolve(long_running, "r", "charge", output="pay-1"), Result[Progress])
        await inner.delete("order-o_005")


# The app.

app = App([order, untyped, models], storage=MemoryStorage(), trace=[ConsoleTrace()], default_retries=1)
deferred = App(workflows=(order,))
order_2 = Workflow("order-fulfillment", input=dict[str, str], version="3").step("validate", any_context)
side_by_side = App([order, order_2], checkpoint="step", waker=Queue())


def serve() -> None:
    """Use the app's methods."""
    assert_type(app.engine, Engine)
    assert_type(app.workflows, tuple[Workflow[Any, Any], ...])
    assert_type(app.execute("order-fulfillment", {"order_id": "o_006", "items": []}), Result[Any])
    assert_type(app.start("plain", {}, id="plain-1"), Result[Any])
    assert_type(app.resume("plain", "plain-1"), Result[Any])
    assert_type(app.tick(limit=5), TickReport)
    assert_type(app.get("plain-1"), Run | None)
    assert_type(app.list(status=RunStatus.FAILED), Page)
    assert_type(app.signal("plain", "plain-1", "approved", [1], id="s-1", run=False), Result[Any])
    assert_type(app.cancel("plain", "plain-1", compensate=True), Result[Any])
    assert_type(app.pause("plain-1"), Run)
    assert_type(app.resolve("plain", "plain-1", "charge", output=None, run=True), Result[Any])
    assert_type(side_by_side.workflow("order-fulfillment"), Workflow[Any, Any])
    with deferred.on(MemoryStorage()) as moved:
        assert_type(moved, App)


def unit_test_of_a_handler() -> None:
    """Call a handler without an engine."""
    ctx = Context(id="r", workflow="order", step="validate", input=Order("o", []), data=Progress())
    assert_type(ctx, Context[Order, Progress])
    validate(ctx)
    validate(Context(id="r", workflow="w", step="s", input=Order("o", []), data=Progress(), attempt=2))
