"""Running a workflow from its first node to its end, under the engine and under its async twin."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from math import inf
from typing import TYPE_CHECKING, Any, TypedDict
from uuid import UUID

import pytest

from flux_core import (
    App,
    AsyncEngine,
    Context,
    Engine,
    InvalidId,
    InvalidInput,
    InvalidWorkflow,
    RunStatus,
    Workflow,
)
from flux_core.storage import MemoryStorage

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.conftest import AnyEngine, Clock, MakeEngine

    from flux_core.storage import Storage

Ctx = Context[Any, Any]

CALLER: ContextVar[str] = ContextVar("CALLER", default="nobody")


class Size(Enum):
    """A size."""

    SMALL = "s"
    LARGE = "l"


@dataclass
class Item:
    """A line of an order."""

    sku: str
    qty: int = 1


@dataclass
class Order:
    """What starts a run."""

    id: str
    items: list[Item]


@dataclass
class Progress:
    """What the nodes share."""

    paid: Decimal = Decimal(0)
    items: list[Item] = field(default_factory=list)
    size: Size = Size.SMALL


class Ticket(TypedDict):
    """What starts a run, as a dict."""

    seat: int


def one(ctx: Ctx) -> int:
    """Return 1."""
    return 1


LOOSE: Any = Engine  # to call as no checker would allow
ONE: Any = Workflow("one").step("a", one)


async def two(ctx: Ctx) -> int:
    """Return 2."""
    return 2


def test_a_run_completes(make_engine: MakeEngine, any_store: Storage) -> None:
    """Nodes run in order, sync and async ones mixed, and their outputs are the results."""
    workflow = Workflow("w").step("a", one).commit("b", two).step("c", one, timeout=5).step("d", two)
    result = make_engine(any_store).execute(workflow, {}, id="x")
    assert (result.id, result.status, result.results) == (
        "x",
        RunStatus.COMPLETED,
        {"a": 1, "b": 2, "c": 1, "d": 2},
    )


def test_a_completed_run_is_stored_whole(make_engine: MakeEngine, any_store: Storage, clock: Clock) -> None:
    """What a later process reads is what happened."""

    def work(ctx: Ctx) -> str:
        clock.advance(2)
        ctx.data["n"] = 3
        return "done"

    engine = make_engine(any_store)
    engine.execute(Workflow("w", version="7").commit("a", work), {"k": 1}, id="x", tags=["t"])
    run = engine.run("x")
    begun = clock.time() - 2
    assert (run.id, run.workflow, run.version, run.status) == ("x", "w", "7", RunStatus.COMPLETED)
    assert (run.input, run.data, run.tags, run.error) == ({"k": 1}, {"n": 3}, ("t",), None)
    assert (run.held_until, run.wake_at, run.interruptions) == (None, None, 0)
    assert (run.created_at, run.updated_at) == (begun, begun + 2)
    assert [record._asdict() for record in run.history] == [
        {
            "name": "a",
            "kind": "commit",
            "status": "completed",
            "attempts": 1,
            "started_at": begun,
            "completed_at": begun + 2,
            "output": "done",
            "error": None,
            "changes": {"n": 3},
            "tries": (),
            "tried_at": None,
        }
    ]


def test_a_run_is_stored_before_its_first_handler_is_called(
    make_engine: MakeEngine, any_store: Storage
) -> None:
    """A crash in the very first step leaves a run that can be taken over."""
    statuses = []

    def look(ctx: Ctx) -> None:
        stored = any_store.load("x")
        statuses.append(stored and stored.status)

    make_engine(any_store).execute(Workflow("w").step("a", look), {}, id="x")
    assert statuses == [RunStatus.RUNNING]


def test_each_node_is_saved(make_engine: MakeEngine, any_store: Storage) -> None:
    """A save a node, beside the creation; the last one ends the run."""
    engine = make_engine(any_store)
    engine.execute(Workflow("w").step("a", one).step("b", two).step("c", one), {}, id="x")
    assert engine.run("x").revision == 4


def test_an_id_is_made_when_none_is_given(engine: AnyEngine, clock: Clock) -> None:
    """Ids that the engine makes sort by the time at which they were made."""
    workflow = Workflow("w").step("a", one)
    ids = []
    for _ in range(3):
        ids.append(engine.execute(workflow, {}).id)
        clock.advance(0.001)
    assert sorted(set(ids)) == ids


def test_nodes_share_data(engine: AnyEngine) -> None:
    """What one node changes, the next one sees, and the result has."""

    def add(ctx: Ctx) -> None:
        ctx.data["seen"] = [*ctx.data.get("seen", ()), ctx.step]

    result = engine.execute(Workflow("w").step("a", add).step("b", add), {})
    assert result.data == {"seen": ["a", "b"]}


def test_a_key_that_a_node_removed_stays_removed(engine: AnyEngine) -> None:
    """Removing from data is a change like any other."""
    workflow = (
        Workflow("w")
        .step("a", lambda ctx: ctx.data.update(k=1, m=2))
        .step("b", lambda ctx: ctx.data.pop("k"))
        .step("c", one)
    )
    engine.execute(workflow, {}, id="x")
    run = engine.run("x")
    assert run.data == {"m": 2}
    assert [dict(record.changes) for record in run.history] == [{"k": 1, "m": 2}, {"k": None}, {}]


def test_typed_data_survives_the_store(make_engine: MakeEngine, any_store: Storage) -> None:
    """Dataclasses, Decimals and Enums come back as what they were, in another engine."""

    def pay(ctx: Context[Order, Progress]) -> None:
        ctx.data.paid = Decimal("9.90")
        ctx.data.items = ctx.input.items
        ctx.data.size = Size.LARGE

    workflow = Workflow("w", input=Order, data=Progress).step("a", pay)
    given = {"id": "o_1", "items": [{"sku": "mug"}, {"sku": "cup", "qty": 2}]}
    make_engine(any_store).execute(workflow, given, id="x")
    assert make_engine(any_store).resume(workflow, "x").data == Progress(
        Decimal("9.90"), [Item("mug"), Item("cup", 2)], Size.LARGE
    )


def test_untyped_data_keeps_its_types(make_engine: MakeEngine, any_store: Storage) -> None:
    """A dict may hold every supported type."""
    values = {
        "datetime": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        "date": date(2026, 1, 2),
        "timedelta": timedelta(seconds=1.5),
        "decimal": Decimal("1.10"),
        "uuid": UUID(int=1),
        "bytes": b"\x00\xff",
        "tuple": (1, "2"),
        "set": {1, 2},
        "float": inf,
        "none": None,
        "int keys": {1: "a"},
    }
    workflow = Workflow("w").step("a", lambda ctx: ctx.data.update(values))
    make_engine(any_store).execute(workflow, {}, id="x")
    assert make_engine(any_store).resume(workflow, "x").data == values


def test_input_is_given_as_its_type(engine: AnyEngine) -> None:
    """Parsed JSON becomes the input's type."""
    seen = []
    workflow = Workflow("w", input=Order).step("a", lambda ctx: seen.append(ctx.input))
    engine.execute(workflow, {"id": "o_1", "items": []})
    assert seen == [Order("o_1", [])]


def test_input_may_be_an_instance_of_its_type(engine: AnyEngine) -> None:
    """A caller with the value at hand passes it as it is."""
    seen = []
    workflow = Workflow("w", input=Order).step("a", lambda ctx: seen.append(ctx.input))
    engine.execute(workflow, Order("o_1", [Item("mug")]))
    assert seen == [Order("o_1", [Item("mug")])]


def test_input_may_be_a_typed_dict(engine: AnyEngine) -> None:
    """A TypedDict is checked, and stays a dict."""
    workflow = Workflow("w", input=Ticket).step("a", lambda ctx: ctx.input["seat"])
    assert engine.execute(workflow, {"seat": 4}).results == {"a": 4}


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"id": "o", "items": [{"sku": "mug", "qty": "1"}]}, "items[0].qty"),
        ({"id": "o"}, ""),
        ({"id": "o", "items": [{"sku": "mug", "colour": 1}]}, "items[0]"),
        ([], ""),
    ],
)
def test_input_that_does_not_fit_is_refused(
    engine: AnyEngine, store: MemoryStorage, given: object, path: str
) -> None:
    """The error names the path, and nothing is saved."""
    with pytest.raises(InvalidInput) as caught:
        engine.execute(Workflow("w", input=Order).step("a", one), given, id="x")
    assert (caught.value.path, store.load("x")) == (path, None)


def test_untyped_input_that_cannot_be_saved_is_refused(engine: AnyEngine, store: MemoryStorage) -> None:
    """The error is about the input, names the path, and nothing is saved."""
    with pytest.raises(InvalidInput) as caught:
        engine.execute(Workflow("w").step("a", one), {"k": [object()]}, id="x")
    assert (caught.value.path, store.load("x")) == ("k[0]", None)


@pytest.mark.parametrize("id", ["", "x" * 129, "a/b", "a b", "ä", "a\n", 3, b"x"])
@pytest.mark.parametrize("method", ["execute", "start"])
def test_an_id_outside_the_alphabet_is_refused(engine: AnyEngine, method: str, id: object) -> None:
    """A run id is 1 to 128 of the allowed characters."""
    with pytest.raises(InvalidId, match="is not 1 to 128 characters of"):
        getattr(engine, method)(Workflow("w").step("a", one), {}, id=id)


@pytest.mark.parametrize("id", ["x" * 128, "AZaz09._:@-"])
def test_an_id_of_the_alphabet_is_taken(engine: AnyEngine, id: str) -> None:
    """The longest id and every allowed character are taken as they are."""
    assert engine.execute(Workflow("w").step("a", one), {}, id=id).id == id


def test_tags_are_kept_once_and_in_order(engine: AnyEngine) -> None:
    """A tag that is given twice is one tag."""
    engine.execute(Workflow("w").step("a", one), {}, id="x", tags=["b", "a", "b"])
    assert engine.run("x").tags == ("b", "a")


@pytest.mark.parametrize(
    ("tags", "path"), [("tag", "tags"), (["a", ""], "tags[1]"), ([1], "tags[0]"), ([None], "tags[0]")]
)
def test_tags_are_non_empty_strings(engine: AnyEngine, store: MemoryStorage, tags: object, path: str) -> None:
    """One str instead of several, an empty tag and a number are refused; nothing is saved."""
    with pytest.raises(InvalidInput) as caught:
        engine.execute(Workflow("w").step("a", one), {}, id="x", tags=tags)
    assert (caught.value.path, store.load("x")) == (path, None)


def test_the_context_says_what_runs(engine: AnyEngine) -> None:
    """A handler knows its run, its node, its attempt, and the results before it."""
    seen: list[Ctx] = []

    def look(ctx: Ctx) -> None:
        seen.append(ctx)
        assert (ctx.deadline, ctx.remaining(), ctx.cancelled) == (None, inf, False)
        assert ctx.results == {"a": 1}

    engine.execute(Workflow("w").step("a", one).commit("b", look), {"k": 1}, id="x")
    ctx = seen[0]
    assert (ctx.id, ctx.workflow, ctx.step, ctx.attempt) == ("x", "w", "b", 1)
    assert (ctx.input, ctx.data, ctx.key) == ({"k": 1}, {}, "x/b/1")


def test_the_context_tells_the_time_that_is_left(engine: AnyEngine, clock: Clock) -> None:
    """With a time-out the attempt has a deadline on the engine's monotonic clock."""
    seen = []

    def look(ctx: Ctx) -> None:
        clock.advance(12)
        seen.append((ctx.deadline, ctx.remaining()))

    begun = clock.monotonic()
    engine.execute(Workflow("w").step("a", look, timeout=30), {})
    assert seen == [(begun + 30, 18.0)]


def test_the_earlier_of_time_out_and_deadline_counts(engine: AnyEngine, clock: Clock) -> None:
    """The context's deadline is that of the attempt or that of the invocation."""
    seen = []
    workflow = (
        Workflow("w")
        .step("a", lambda ctx: seen.append(ctx.remaining()), timeout=5)
        .step("b", lambda ctx: seen.append(ctx.remaining()))
    )
    engine.execute(workflow, {}, deadline=clock.monotonic() + 20)
    assert seen == [5.0, 20.0]


def test_the_context_logs_with_the_run(engine: AnyEngine, caplog: pytest.LogCaptureFixture) -> None:
    """Records carry run, step and attempt, under the workflow's logger."""

    def log(ctx: Ctx) -> None:
        ctx.logger.warning("careful")
        assert ctx.logger is ctx.logger

    with caplog.at_level(logging.WARNING):
        engine.execute(Workflow("w").step("a", log), {}, id="x")
    (record,) = caplog.records
    found = vars(record)
    assert (record.name, record.message) == ("flux.w", "careful")
    assert (found["run_id"], found["step"], found["attempt"]) == ("x", "a", 1)


def hear(ctx: Ctx) -> str:
    """Return who calls."""
    return CALLER.get()


async def hear_async(ctx: Ctx) -> str:
    """Return who calls."""
    return CALLER.get()


@pytest.mark.parametrize("handler", [hear, hear_async])
@pytest.mark.parametrize("timeout", [None, 5])
def test_context_variables_follow(
    engine: AnyEngine, handler: Callable[[Ctx], Any], timeout: float | None
) -> None:
    """A handler sees the caller's context variables, inline, in a thread and on a loop."""
    token = CALLER.set("me")
    try:
        result = engine.execute(Workflow("w").step("a", handler, timeout=timeout), {})
    finally:
        CALLER.reset(token)
    assert result.results == {"a": "me"}


@pytest.mark.parametrize("timeout", [None, 5])
def test_what_a_plain_handler_returns_is_awaited(engine: AnyEngine, timeout: float | None) -> None:
    """A `def` that returns a coroutine, such as a lambda around one, is as good as an `async def`."""
    result = engine.execute(Workflow("w").step("a", lambda ctx: two(ctx), timeout=timeout), {})  # noqa: PLW0108
    assert result.results == {"a": 2}


def test_a_condition_that_holds_lets_its_node_run(engine: AnyEngine) -> None:
    """`when` is given the context."""
    workflow = Workflow("w").step("a", one).step("b", one, when=lambda ctx: ctx.results["a"] == 1)
    assert engine.execute(workflow, {}).results == {"a": 1, "b": 1}


def test_a_condition_that_does_not_hold_skips_its_node(engine: AnyEngine, clock: Clock) -> None:
    """A skipped node has no result, and the run goes on."""
    workflow = Workflow("w").step("a", one, when=lambda ctx: 0).step("b", one)
    result = engine.execute(workflow, {})
    assert (result.status, result.results) == (RunStatus.COMPLETED, {"b": 1})
    skipped = result.history[0]
    assert (skipped.status, skipped.attempts, skipped.completed_at) == ("skipped", 0, clock.time())


def test_a_condition_that_raises_fails_its_node(engine: AnyEngine) -> None:
    """It is not retried, and the handler is not called."""
    asked: list[int] = []
    called: list[Ctx] = []

    def broken(ctx: Ctx) -> bool:
        asked.append(1)
        raise KeyError("k")

    result = engine.execute(Workflow("w").step("a", called.append, when=broken, retries=3).step("b", one), {})
    assert (result.status, asked, called) == (RunStatus.FAILED, [1], [])
    assert result.error is not None
    assert (result.error.type, result.history[0].status) == ("KeyError", "failed")


def test_the_last_node_may_be_skipped(engine: AnyEngine) -> None:
    """The run completes, and is stored as completed."""
    workflow = Workflow("w").step("a", one).step("b", one, when=lambda ctx: False)
    engine.execute(workflow, {}, id="x")
    run = engine.run("x")
    assert (run.status, [record.status for record in run.history]) == (
        RunStatus.COMPLETED,
        ["completed", "skipped"],
    )


def test_every_node_may_be_skipped(engine: AnyEngine) -> None:
    """A run in which nothing is to be done completes."""
    workflow = Workflow("w").step("a", one, when=lambda ctx: None).step("b", one, when=lambda ctx: "")
    result = engine.execute(workflow, {}, id="x")
    assert (result.status, result.results) == (RunStatus.COMPLETED, {})


def test_an_async_condition_is_awaited(engine: AnyEngine) -> None:
    """A condition may be `async def`; what it returns counts, not that it returned a coroutine."""

    async def never(ctx: Ctx) -> bool:
        return False

    assert engine.execute(Workflow("w").step("a", one, when=never), {}).results == {}


def test_an_output_that_cannot_be_saved_fails_the_step(engine: AnyEngine) -> None:
    """The error names step and path, is not retried, and nothing of the attempt is saved."""
    calls = []

    def work(ctx: Ctx) -> object:
        calls.append(1)
        ctx.data["n"] = 1
        return {"k": [object()]}

    result = engine.execute(Workflow("w").step("a", work, retries=3), {}, id="x")
    assert (result.status, calls, result.data) == (RunStatus.FAILED, [1], {})
    assert result.error is not None
    assert (result.error.code, result.error.retryable) == ("NOT_SERIALIZABLE", False)
    assert "step 'a'" in result.error.message
    assert "k[0]" in result.error.message
    assert engine.run("x").data == {}


def test_data_that_cannot_be_saved_fails_the_step(engine: AnyEngine) -> None:
    """The step that put it there is named, with the path; data is as it was before."""

    def work(ctx: Ctx) -> None:
        ctx.data["n"] = 2
        ctx.data["bad"] = {"lock": open}

    workflow = (
        Workflow("w").step("a", lambda ctx: ctx.data.update(n=1)).step("b", work, retries=3).step("c", one)
    )
    result = engine.execute(workflow, {}, id="x")
    assert (result.status, result.data) == (RunStatus.FAILED, {"n": 1})
    assert result.error is not None
    assert "step 'b'" in result.error.message
    assert "bad.lock" in result.error.message
    assert engine.run("x").history[1].attempts == 1


def test_typed_data_of_the_wrong_type_fails_the_step(engine: AnyEngine) -> None:
    """A field that is set to another type is found when it would be saved."""
    wrong: Any = "much"
    workflow = Workflow("w", data=Progress).step("a", lambda ctx: setattr(ctx.data, "paid", wrong))
    result = engine.execute(workflow, {})
    assert result.error is not None
    assert "paid" in result.error.message


def test_large_values_come_back(make_engine: MakeEngine, any_store: Storage) -> None:
    """Input, data and output that go out to blobs are what they were, in another engine."""
    large = "x" * 20_000

    def work(ctx: Ctx) -> str:
        ctx.data["large"] = [ctx.input["large"]]
        ctx.data["small"] = 1
        return large + "output"

    workflow = Workflow("w").step("a", work).step("b", one)
    make_engine(any_store).execute(workflow, {"large": large}, id="x")
    engine = make_engine(any_store)
    result = engine.resume(workflow, "x")
    assert (result.data, result.results["a"]) == ({"large": [large], "small": 1}, large + "output")
    assert engine.run("x").input == {"large": large}


def test_large_values_stand_beside_the_document(make_engine: MakeEngine, store: MemoryStorage) -> None:
    """What each save writes does not grow with a large value; the same value is stored once."""
    large = "x" * 20_000
    workflow = Workflow("w").step("a", lambda ctx: ctx.data.update(v=large)).step("b", lambda ctx: large)
    make_engine(store).execute(workflow, {}, id="x")
    record = store.load("x")
    assert record is not None
    assert len(record.document) < 2_000
    assert [json.loads(blob) for blob in store._blobs["x"].values()] == [large]


def test_a_long_history_comes_back_whole(make_engine: MakeEngine, any_store: Storage) -> None:
    """Nodes that were moved out in pages are there in another engine, in order."""
    workflow = Workflow("w")
    for index in range(100):
        workflow = workflow.step(f"s{index}", lambda ctx: len(ctx.results))
    make_engine(any_store).execute(workflow, {}, id="x")
    result = make_engine(any_store).resume(workflow, "x")
    assert result.results == {f"s{index}": index for index in range(100)}
    assert [record.name for record in result.history] == [f"s{index}" for index in range(100)]


def test_a_save_does_not_grow_with_the_steps_behind_it(make_engine: MakeEngine, store: MemoryStorage) -> None:
    """The document of a run of 100 nodes is no longer than that of one of 20."""
    sizes = []

    def look(ctx: Ctx) -> str:
        record = store.load("x")
        assert record is not None
        sizes.append(len(record.document))
        return "x" * 200

    workflow = Workflow("w")
    for index in range(100):
        workflow = workflow.step(f"s{index}", look)
    make_engine(store).execute(workflow, {}, id="x")
    assert max(sizes[50:]) <= max(sizes[:50]) + 100


def test_an_engine_has_a_store_in_memory_by_default(make_engine: MakeEngine) -> None:
    """Without a store, runs live as long as the engine."""
    engine = make_engine()
    engine.execute(Workflow("w").step("a", one), {}, id="x")
    assert isinstance(engine.engine.storage, MemoryStorage)
    assert engine.run("x").status == "completed"


def test_an_engine_may_be_used_without_a_clock() -> None:
    """The computer's own clock is the default."""
    with Engine() as engine:
        result = engine.execute(Workflow("w").step("a", one), {})
    assert 0 <= result.duration < 60


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("default_timeout", 0),
        ("default_timeout", "30"),
        ("lease", "60"),
        ("max_inline_wait", None),
        ("max_interruptions", True),
        ("default_timeout", -1),
        ("lease", 0),
        ("lease", float("nan")),
        ("lease", inf),
        ("max_inline_wait", -1),
        ("max_interruptions", 0),
        ("default_retries", -1),
        ("default_retries", 1.5),
        ("redact", "card.number"),
    ],
)
def test_an_option_out_of_its_range_is_refused(make_engine: MakeEngine, option: str, value: object) -> None:
    """The error names the option."""
    options: dict[str, Any] = {option: value}
    with pytest.raises(InvalidInput) as caught:
        make_engine(**options)
    assert caught.value.path == option


def test_a_deadline_that_never_comes_is_none(make_engine: MakeEngine, store: MemoryStorage) -> None:
    """An infinite deadline leaves a run that can be read, held for no longer than a lease."""
    held = []

    def look(ctx: Ctx) -> None:
        record = store.load("x")
        held.append(record and record.wake_at)

    make_engine(store).execute(Workflow("w").step("a", look), {}, id="x", deadline=inf)
    assert held == [1_000_060.0]


def test_an_engine_refuses_to_block_a_running_loop() -> None:
    """Inside a running event loop the error points to the async engine."""
    import asyncio

    async def main() -> None:
        Engine().execute(Workflow("w").step("a", one), {})

    with pytest.raises(RuntimeError, match="await an AsyncEngine there"):
        asyncio.run(main())


def test_closing_an_engine_closes_what_it_holds(make_engine: MakeEngine, recorder: Any) -> None:
    """The sinks and the store are closed."""
    closed = []

    class Store(MemoryStorage):
        def close(self) -> None:
            closed.append("store")

    make_engine(Store(), trace=[recorder]).engine.close()
    assert (recorder.closed, closed) == (1, ["store"])


def test_an_engine_closes_itself_after_a_with_block(recorder: Any) -> None:
    """`with Engine(...)` is enough."""
    with Engine(trace=[recorder]) as engine:
        engine.execute(Workflow("w").step("a", two), {})
    assert recorder.closed == 1


async def _use_async_engine(recorder: Any) -> None:
    async with AsyncEngine(trace=[recorder]) as engine:
        await engine.execute(Workflow("w").step("a", two), {})


def test_an_async_engine_closes_itself_after_a_with_block(recorder: Any) -> None:
    """`async with AsyncEngine(...)` is enough."""
    import asyncio

    asyncio.run(_use_async_engine(recorder))
    assert recorder.closed == 1


def test_a_condition_changes_nothing(engine: AnyEngine) -> None:
    """What `when` does to data is gone, for the first attempt as for a retry."""

    def meddle(ctx: Any) -> bool:
        ctx.data["meddled"] = True
        return True

    result = engine.execute(Workflow("w").step("a", lambda ctx: dict(ctx.data), when=meddle), {})
    assert (result.results, result.data) == ({"a": {}}, {})


def test_data_that_cannot_be_made_is_refused_with_the_definition() -> None:
    """An app does not wait for the first run to find out."""

    @dataclass
    class Needy:
        name: str

    with pytest.raises(InvalidWorkflow, match="give every field a default"):
        App([Workflow("w", data=Needy).step("a", one)])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: LOOSE(retries=3),
            "retries: an engine has no option 'retries'; there are: storage, trace, on, ",
        ),
        (lambda: LOOSE("sqlite:///x.db"), "storage: expected a store; open_storage"),
        (lambda: LOOSE().execute("w", {}), "workflow: expected a Workflow, got 'w'; an App takes names"),
        (lambda: LOOSE().execute(ONE, {}, deadline="soon"), "deadline: expected time.monotonic"),
        (
            lambda: LOOSE().execute(ONE, {}, tags=["\ud800"]),
            r"tags\[0\]: expected a non-empty str of printable",
        ),
        (lambda: LOOSE().list(limit="5"), "limit: expected 1 to 10000, got '5'"),
        (lambda: LOOSE().list(since="2024-01-01"), "since: expected Unix seconds or a datetime"),
        (lambda: LOOSE().list(status=5), "status: no run status is called 5"),
    ],
)
def test_a_call_that_cannot_be_meant_is_refused(call: Callable[[], object], message: str) -> None:
    """The error names the argument, what was expected and what came."""
    with pytest.raises(InvalidInput, match=message):
        call()


def test_an_app_of_one_workflow_is_a_list_of_one() -> None:
    """The error says how it is written."""
    bare: Any = ONE
    with pytest.raises(InvalidWorkflow, match=r"App\(\[workflow\]\)"):
        App(bare)


def test_no_tags_are_none(engine: AnyEngine) -> None:
    """None means none."""
    assert engine.run(engine.execute(ONE, {}, tags=None).id).tags == ()


def test_a_hook_that_awaits_what_was_cancelled_breaks_no_run(make_engine: MakeEngine) -> None:
    """Only the caller's own cancellation ends the call."""

    async def hook(step: str, ctx: Any) -> None:
        task = asyncio.ensure_future(asyncio.sleep(5))
        task.cancel()
        await task

    assert make_engine(on={"step_start": hook}).execute(ONE, {}).status == "completed"


def test_a_handler_whose_caller_was_cancelled_is_told() -> None:
    """Its thread goes on, and sees `ctx.cancelled`."""
    begun, seen = threading.Event(), threading.Event()

    def work(ctx: Any) -> None:
        begun.set()
        while not ctx.cancelled:
            begun.wait(0.001)
        seen.set()

    async def call() -> None:
        task = asyncio.ensure_future(AsyncEngine().execute(Workflow("w").step("a", work, timeout=30), {}))
        await asyncio.to_thread(begun.wait, 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(call())
    assert seen.wait(5)


def test_a_hook_whose_caller_was_cancelled_lets_it_go() -> None:
    """A hook that is awaited when the call is cancelled does not swallow that."""
    begun = threading.Event()

    async def hook(step: str, ctx: Any) -> None:
        begun.set()
        await asyncio.sleep(5)

    async def call() -> None:
        task = asyncio.ensure_future(AsyncEngine(on={"step_start": hook}).execute(ONE, {}))
        await asyncio.to_thread(begun.wait, 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(call())
