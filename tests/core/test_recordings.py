"""A stored run is a text that tells, without doing anything, whether the run goes on under another definition."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from core.conftest import Death, die

from flux_core import (
    App,
    AsyncEngine,
    Context,
    DefinitionChanged,
    Engine,
    InvalidInput,
    Retry,
    RunNotFound,
    StoreError,
    Workflow,
    sleep,
    wait,
)
from flux_core.storage import MemoryStorage
from flux_core.testing import FakeClock, record, replay
from flux_core.testing._stepping import SteppingEngine

if TYPE_CHECKING:
    from flux_core.storage import Storage

Ctx = Context[Any, Any]


@dataclass
class Order:
    """An input."""

    order_id: str


@dataclass
class Progress:
    """Data."""

    paid: int = 0
    notes: list[str] = field(default_factory=list)


def one(ctx: Ctx) -> int:
    """Return 1."""
    return 1


def pay(ctx: Context[Order, Progress]) -> str:
    """Change data."""
    ctx.data.paid += 5
    return f"pay-{ctx.input.order_id}"


def fail(ctx: Ctx) -> None:
    """Fail."""
    raise ValueError("no")


def forbidden(ctx: Ctx) -> None:
    """Be what a replay must not call."""
    raise AssertionError(f"{ctx.step} was called")


def order(then: Any = one) -> Workflow[Order, Progress]:
    """Return a workflow whose runs wait for an approval after they have paid."""
    return (
        Workflow("order", input=Order, data=Progress).commit("pay", pay).wait("approved").step("then", then)
    )


@pytest.fixture
def clock() -> FakeClock:
    """Give a clock that stands still."""
    return FakeClock(1_000_000.0)


@pytest.fixture
def engine(clock: FakeClock) -> Engine:
    """Give an engine over a store in memory."""
    return Engine(MemoryStorage(), clock=clock)


def recorded(engine: Engine, workflow: Workflow[Any, Any], given: Any = None) -> str:
    """Run the workflow as far as it goes, and return a recording of the run."""
    with suppress(Death):
        engine.execute(workflow, given or {}, id="x")
    return record(engine, "x")


# The text.


def test_a_recording_is_readable_json(engine: Engine) -> None:
    """It holds the record's columns, and the document as an object; it ends as a text file does."""
    text = recorded(engine, order(), {"order_id": "o_1"})

    whole = json.loads(text)
    assert (whole["run"]["id"], whole["run"]["status"]) == ("x", "suspended")
    assert whole["document"]["input"] == {"order_id": "o_1"}
    assert text == f"{json.dumps(whole, indent=2)}\n"


def test_a_recording_is_the_same_each_time(engine: Engine) -> None:
    """A run that nobody saves gives the same text, wherever it is taken from."""
    app = App([order()], engine.storage)
    text = recorded(engine, order(), {"order_id": "o_1"})

    assert {record(engine.storage, "x"), record(app, "x"), record(AsyncEngine(engine.storage), "x")} == {text}


def test_a_run_that_is_not_there_cannot_be_recorded(engine: Engine) -> None:
    """The error is that of any other call."""
    with pytest.raises(RunNotFound, match="no run 'x'"):
        record(engine, "x")


def test_a_long_run_with_large_values_is_recorded_whole(any_store: Storage) -> None:
    """What the store keeps beside the document is in the recording too."""
    flow: Workflow[Any, Any] = Workflow("w")
    for number in range(40):
        flow = flow.step(f"s{number}", lambda ctx: ctx.data.update({ctx.step: "x" * 9000}))
    flow = flow.wait("approved")
    Engine(any_store).execute(flow, {"large": "y" * 9000}, id="x")
    text = record(any_store, "x")

    seen = replay(text, flow)
    assert (len(json.loads(text)["blobs"]) > 2, seen.position, seen.node) == (True, 40, "approved")
    assert seen.data == {f"s{number}": "x" * 9000 for number in range(40)}


# How the run would go on.


def test_a_run_that_waits_stands_at_its_wait(engine: Engine) -> None:
    """The replay tells where the run stands, under its own definition."""
    text = recorded(engine, order(), {"order_id": "o_1"})

    assert replay(text, order()) == ("x", "suspended", 1, "approved", Progress(paid=5))


def test_no_handler_is_called(engine: Engine) -> None:
    """Neither those of the nodes that ran nor the one that stands next."""
    ran = Workflow("w").step("a", one).commit("b", one).step("c", die)
    text = recorded(engine, ran)
    now = Workflow("w").step("a", forbidden).commit("b", forbidden, compensate=forbidden).step("c", forbidden)

    assert replay(text, now).node == "c"


def test_a_run_that_is_held_is_taken_as_if_nobody_held_it(engine: Engine) -> None:
    """A recording may be made while a worker works on the run; it counts as no interruption."""
    flow = Workflow("w").step("a", one).step("b", die)
    text = recorded(Engine(engine.storage, clock=engine._flows.clock, max_interruptions=1), flow)

    assert replay(text, flow)[1:4] == ("running", 1, "b")


def test_the_recorded_run_is_left_as_it_was(engine: Engine) -> None:
    """A replay has no effect on the store that the run was recorded from."""
    text = recorded(engine, order(), {"order_id": "o_1"})
    replay(text, order())

    assert record(engine, "x") == text


def test_nodes_ahead_whose_condition_does_not_hold_are_passed_over(engine: Engine) -> None:
    """The next node is the first that would do something, with data as it stands by then."""
    text = recorded(engine, Workflow("w").step("a", one).step("b", die))
    now = (
        Workflow("w")
        .step("a", one)
        .step("b", forbidden, when=lambda ctx: ctx.results["a"] > 1)
        .step("c", forbidden)
    )

    assert replay(text, now)[2:4] == (1, "c")


def test_a_run_that_has_ended_has_no_next_node(engine: Engine) -> None:
    """Its data is as it ended."""
    flow = Workflow("w", data=Progress, input=Order).commit("pay", pay)
    text = recorded(engine, flow, Order("o_1"))

    assert replay(text, flow)[1:] == ("completed", 1, None, Progress(paid=5))


def test_a_run_that_would_complete_has_no_next_node(engine: Engine) -> None:
    """A definition that has become shorter leaves nothing to run."""
    text = recorded(engine, Workflow("w").step("a", one).step("b", die))

    assert replay(text, Workflow("w").step("a", one))[1:4] == ("running", 1, None)


def test_a_failed_run_is_retried(engine: Engine) -> None:
    """It goes on at the step that failed, and asks that step's condition anew."""
    text = recorded(engine, Workflow("w").step("a", one).step("b", fail))
    same = Workflow("w").step("a", one).step("b", forbidden)
    skipping = Workflow("w").step("a", one).step("b", forbidden, when=lambda ctx: False).step("c", forbidden)

    assert (replay(text, same)[1:4], replay(text, skipping).node) == (("failed", 1, "b"), "c")


def test_a_failed_run_whose_commit_is_resolved_goes_on_behind_it(engine: Engine) -> None:
    """What somebody has said of the commit counts, under the types of the definition."""
    flow = Workflow("w").commit("a", fail).step("b", one)
    engine.execute(flow, {}, id="x")
    engine.resolve(flow, "x", "a", output=7, run=False)
    text = record(engine, "x")
    now = Workflow("w").commit("a", one).step("b", forbidden, when=lambda ctx: ctx.results["a"] == 7)

    assert replay(text, now).node == "b"
    with pytest.raises(DefinitionChanged, match=r"what run 'x' has saved .*expected str, got int"):
        replay(text, Workflow("w").commit("a", says_text).step("b", one))


def test_a_paused_run_is_taken_as_resumed(engine: Engine) -> None:
    """It stands where it would go on."""
    flow = Workflow("w").step("a", one).step("b", one)
    engine.start(flow, {}, id="x")
    engine.pause("x")

    assert replay(record(engine, "x"), flow)[1:4] == ("paused", 0, "a")


def test_a_run_that_is_to_pause_is_taken_as_resumed(engine: Engine) -> None:
    """A pause that the worker has not heard yet changes nothing."""
    flow = Workflow("w").step("a", die)
    recorded(engine, flow)
    engine.pause("x")

    assert replay(record(engine, "x"), flow)[1:4] == ("running", 0, "a")


def test_a_run_that_is_to_be_cancelled_has_no_next_node(engine: Engine) -> None:
    """A cancel in the inbox is heard."""
    flow = Workflow("w").step("a", die)
    recorded(engine, flow)
    engine.cancel(flow, "x")

    assert replay(record(engine, "x"), flow)[1:4] == ("running", 0, None)


def test_a_run_that_is_to_be_rolled_back_goes_on_with_a_compensation(engine: Engine) -> None:
    """The next node is the one whose compensation would be called."""
    flow = Workflow("w").step("a", one, compensate=forbidden).step("b", die, compensate=forbidden)
    recorded(engine, flow)
    engine.cancel(flow, "x", compensate=True)

    assert replay(record(engine, "x"), flow)[1:4] == ("running", 1, "a")


def test_a_rollback_that_failed_goes_on_where_it_stands(engine: Engine) -> None:
    """The compensation that failed is the one that would be called again."""
    flow = Workflow("w").step("a", one, compensate=fail).step("b", one, compensate=one).step("c", fail)
    text = recorded(engine, flow)
    now = (
        Workflow("w")
        .step("a", one, compensate=forbidden)
        .step("b", one, compensate=forbidden)
        .step("c", fail)
    )

    assert replay(text, now)[1:4] == ("compensation_failed", 2, "a")


def test_a_rollback_that_backs_off_stands_at_its_compensation(engine: Engine) -> None:
    """Nothing is called before its time has come."""
    again = Retry(1, initial=60, jitter="none")
    flow = Workflow("w").step("a", one, compensate=fail, retries=again).step("b", fail)
    text = recorded(engine, flow)

    assert replay(text, flow)[1:4] == ("rolling_back", 1, "a")


def test_a_compensation_that_went_is_named(engine: Engine) -> None:
    """A rollback that stands at a compensation needs it in the definition."""
    text = recorded(engine, Workflow("w").step("a", one, compensate=fail).step("b", fail))

    with pytest.raises(DefinitionChanged, match="the compensation of 'a', which workflow 'w' no longer has"):
        replay(text, Workflow("w").step("a", one).step("b", fail))


def test_an_interrupted_once_commit_has_no_next_node(engine: Engine) -> None:
    """Nobody knows whether it happened, so a person decides."""
    flow = Workflow("w").commit("a", die, once=True)
    text = recorded(engine, flow)

    assert replay(text, flow)[1:4] == ("running", 0, None)


def test_a_signal_in_the_inbox_is_taken(engine: Engine) -> None:
    """A run whose wait is answered already stands behind it."""
    flow = order(then=forbidden)
    engine.execute(flow, {"order_id": "o_1"}, id="x")
    engine.signal(flow, "x", "approved", "yes", run=False)

    assert replay(record(engine, "x"), flow)[1:4] == ("suspended", 1, "then")


@pytest.mark.parametrize("compensate", [None, forbidden])
def test_a_signal_in_the_inbox_that_does_not_fit_is_named(engine: Engine, compensate: Any) -> None:
    """The run would fail by it, or turn back."""
    flow = Workflow("w").step("a", one, compensate=compensate).step("b", lambda ctx: wait("approved"))
    engine.execute(flow, {}, id="x")
    engine.signal(flow, "x", "approved", "yes", run=False)
    now = Workflow("w").step("a", one, compensate=compensate).step("b", one)

    with pytest.raises(DefinitionChanged, match="run 'x' would fail: expected int, got str"):
        replay(record(engine, "x"), now)


def test_an_outcome_in_the_inbox_that_does_not_fit_is_named(engine: Engine) -> None:
    """What a worker that was lost has told of its commit is read under the new types."""
    flow = Workflow("order", input=Order, data=Progress).commit("pay", pay).step("b", one)
    failing = Workflow("order", input=Order, data=Progress).commit("pay", fail).step("b", one)
    engine.execute(failing, {"order_id": "o_1"}, id="x")
    engine.resolve(failing, "x", "pay", output="pay-o_1", run=False)
    whole = json.loads(record(engine, "x"))
    whole["document"]["inbox"][0]["changes"] = {"paid": "much"}

    with pytest.raises(DefinitionChanged, match=r"'x' has saved in its inbox does not fit .*paid: expected"):
        replay(json.dumps(whole), flow)


def test_a_run_that_backs_off_stands_at_its_step(engine: Engine) -> None:
    """The step whose next attempt is due later is next."""
    flow = Workflow("w").step("a", fail, retries=Retry(1, initial=60, jitter="none"))
    text = recorded(engine, flow)

    assert replay(text, flow)[1:4] == ("suspended", 0, "a")


def test_a_run_that_sleeps_stands_at_its_sleep(engine: Engine) -> None:
    """No time passes in a replay: neither in a sleep of its own nor in one that a step has returned."""
    flow = Workflow("w").sleep("nap", lambda ctx: 60).step("b", forbidden)
    text = recorded(engine, flow)
    inner = Workflow("v").step("doze", lambda ctx: sleep(60)).step("b", forbidden)
    engine.execute(inner, {}, id="y")

    assert (replay(text, flow).node, replay(record(engine, "y"), inner).node) == ("nap", "doze")


def test_a_sleep_ahead_is_asked_for_its_duration(engine: Engine) -> None:
    """It is asked as the engine would, with the results so far."""
    text = recorded(engine, Workflow("w").step("a", one).step("b", die))
    now = Workflow("w").step("a", one).sleep("nap", lambda ctx: ctx.results["a"] * 60).step("b", forbidden)

    assert replay(text, now).node == "nap"


def test_completed_commits_that_a_retry_went_back_over_count_again(engine: Engine) -> None:
    """They are applied as the engine would: their changes are in the data of what comes behind them."""
    flow = (
        Workflow("order", input=Order, data=Progress)
        .step("a", one)
        .commit("pay", pay, when=lambda ctx: ctx.results["a"] == 1)
        .step("b", one)
    )
    engine.execute(flow, {"order_id": "o_1"}, id="x")
    dying = (
        Workflow("order", input=Order, data=Progress).step("a", die).commit("pay", forbidden).step("b", one)
    )
    with pytest.raises(Death):
        engine.retry_step(dying, "x", "a")
    text = record(engine, "x")
    shorter = Workflow("order", input=Order, data=Progress).step(
        "a", forbidden, when=lambda ctx: ctx.data.paid
    )
    now = shorter.commit("pay", forbidden).step("b", forbidden)

    assert replay(text, now) == ("x", "running", 0, "b", Progress(paid=5))


def test_a_time_out_that_is_over_is_no_change(engine: Engine, clock: FakeClock) -> None:
    """A run that fails because its time is up would do so under any definition."""
    flow = Workflow("w").wait("approved", timeout=60)
    engine.execute(flow, {}, id="x")
    clock.advance(61)
    engine.pause("x")

    assert replay(record(engine, "x"), flow)[1:4] == ("paused", 0, None)


def test_a_run_goes_on_under_its_own_definition_wherever_it_stands(clock: FakeClock) -> None:
    """Whichever effect it is stopped before, there and back again, nothing is said to have changed."""
    flow = (
        Workflow("w", timeout=1000)
        .step("a", one, when=lambda ctx: not ctx.results, compensate=one)
        .step("b", one, when=lambda ctx: ctx.results["a"] > 1)
        .commit("c", one, once=True, retries=1, compensate=one)
        .sleep("d", lambda ctx: ctx.results["c"] * 60)
        .wait("e", timeout=600, when=lambda ctx: "c" in ctx.results)
        .step("f", fail)
    )
    store = MemoryStorage()
    engine = SteppingEngine(store, clock=clock)
    calls: list[Any] = [
        lambda: engine.execute(flow, {}, id="x"),
        lambda: engine.resume(flow, "x"),
        lambda: engine.signal(flow, "x", "e", "yes"),
    ]
    nodes: list[str | None] = []
    for begin in calls:
        call = begin()
        while call.next is not None:
            call.step()
            if store.load("x") is not None:
                nodes.append(replay(record(store, "x"), flow).node)
        clock.advance(60)

    assert list(dict.fromkeys(nodes)) == ["a", "c", None, "d", "e", "f"]
    assert nodes[-1] is None


# What has run must stand as it did.


@pytest.mark.parametrize("ended", [False, True])
@pytest.mark.parametrize(
    ("workflow", "reason"),
    [
        (Workflow("w").step("z", one).commit("b", one), r"ran step 'a' as node 1, where .* now has step 'z'"),
        (
            Workflow("w").step("a", one).step("n", one).commit("b", one),
            r"commit 'b' as node 2, .* step 'n'",
        ),
        (Workflow("w").step("a", one), r"ran commit 'b' as node 2, where .* has no node"),
    ],
    ids=["renamed", "inserted", "removed"],
)
def test_a_node_that_does_not_stand_where_it_ran_is_named(
    engine: Engine, workflow: Workflow[Any, Any], reason: str, *, ended: bool
) -> None:
    """It is the engine's own check, made of runs that have ended too."""
    text = recorded(engine, Workflow("w").step("a", one).commit("b", one).step("c", one if ended else die))

    with pytest.raises(DefinitionChanged, match=reason):
        replay(text, workflow)


def test_a_run_of_another_workflow_is_refused(engine: Engine) -> None:
    """The error says of which it is one."""
    text = recorded(engine, Workflow("w").step("a", one))

    with pytest.raises(RunNotFound, match="one of workflow 'w', not of 'v'"):
        replay(text, Workflow("v").step("a", one))


def says_text(ctx: Ctx) -> str:
    """Return a text."""
    return "1"


@dataclass
class Renumbered:
    """An input whose field is of another type."""

    order_id: int


@dataclass
class Priced:
    """Data in which one field is of another type, with another default."""

    paid: str = "no"
    notes: list[str] = field(default_factory=list)


@dataclass
class Noted:
    """Data in which the other field is of another type."""

    paid: int = 0
    notes: list[int] = field(default_factory=list)


def note(ctx: Context[Order, Progress]) -> None:
    """Change data for a while."""
    ctx.data.notes = ["paid"]


def forget(ctx: Context[Order, Progress]) -> None:
    """Take that back."""
    ctx.data.notes = []


@pytest.mark.parametrize(
    ("types", "pay_now", "reason"),
    [
        (
            {"input": Renumbered, "data": Progress},
            pay,
            r"saved as its input does not .*order_id: expected int",
        ),
        ({"input": Order, "data": Priced}, pay, r"saved as data before its first node does not .*paid: "),
        ({"input": Order, "data": Noted}, pay, r"saved as data after step 'note' does not .*notes\[0\]: "),
        ({"input": Order, "data": Progress}, one, r"as the output of commit 'pay' does not .*expected int"),
    ],
    ids=["input", "first data", "data between", "output"],
)
def test_a_value_that_no_longer_fits_is_named(
    engine: Engine, types: dict[str, Any], pay_now: Any, reason: str
) -> None:
    """Input, outputs, and data at every node are read under the types of the definition."""

    def flow(**options: Any) -> Workflow[Any, Any]:
        return Workflow("order", **options)

    ran = flow(input=Order, data=Progress).step("note", note).step("forget", forget).commit("pay", pay)
    text = recorded(engine, ran.wait("approved"), {"order_id": "o_1"})
    now = flow(**types).step("note", note).step("forget", forget).commit("pay", pay_now).wait("approved")

    with pytest.raises(DefinitionChanged, match=reason):
        replay(text, now)


@pytest.mark.parametrize(
    ("data", "pay_now", "reason"),
    [
        (Progress, one, r"saved as the output of commit 'pay' does not .*expected int, got str"),
        (Noted, pay, r"saved as data after commit 'pay' does not .*notes\[0\]: "),
    ],
)
def test_a_commit_that_a_retry_went_back_over_must_still_fit(
    engine: Engine, data: Any, pay_now: Any, reason: str
) -> None:
    """It is not run again, so what it did is read under the new types."""

    def pay_and_note(ctx: Context[Order, Progress]) -> str:
        ctx.data.notes.append("paid")
        return "paid"

    ran = Workflow("order", input=Order, data=Progress).step("a", one).commit("pay", pay_and_note)
    engine.execute(ran, {"order_id": "o_1"}, id="x")
    with pytest.raises(Death):
        engine.retry_step(
            Workflow("order", input=Order, data=Progress).step("a", die).commit("pay", pay_and_note), "x", "a"
        )
    text = record(engine, "x")

    with pytest.raises(DefinitionChanged, match=reason):
        replay(
            text, Workflow[Any, Any]("order", input=Order, data=data).step("a", one).commit("pay", pay_now)
        )


def test_data_that_a_compensation_left_must_still_fit(engine: Engine) -> None:
    """It stands in no node's record."""

    def leave_note(ctx: Context[Order, Progress]) -> None:
        ctx.data.notes.append("refunded")

    ran = Workflow("order", input=Order, data=Progress).commit("pay", one, compensate=leave_note)
    text = recorded(engine, ran.step("b", fail), {"order_id": "o_1"})

    with pytest.raises(DefinitionChanged, match=r"saved as its data does not .*notes\[0\]"):
        replay(text, Workflow("order", input=Order, data=Noted).commit("pay", one).step("b", fail))


# Conditions and durations are asked again.


def test_a_condition_is_asked_with_what_there_was(engine: Engine) -> None:
    """It sees the data before its node, the results so far, and the key that the node had."""
    seen: list[Any] = []

    def look(ctx: Context[Order, Progress]) -> bool:
        seen.append((ctx.step, ctx.data.paid, dict(ctx.results), ctx.input.order_id, ctx.key, ctx.attempt))
        ctx.data.paid = 100
        ctx.results["pay"] = "changed"
        return True

    def flow(when: Any) -> Workflow[Order, Progress]:
        start = Workflow("order", input=Order, data=Progress).commit("pay", pay, when=when)
        return start.commit("again", pay, when=when).wait("approved", when=when)

    text = recorded(engine, flow(None), {"order_id": "o_1"})
    left = replay(text, flow(look))

    assert seen == [
        ("pay", 0, {}, "o_1", "x/pay/1", 1),
        ("again", 5, {"pay": "pay-o_1"}, "o_1", "x/again/1", 1),
        ("approved", 10, {"pay": "pay-o_1", "again": "pay-o_1"}, "o_1", "x/approved/1", 1),
    ]
    assert left.data == Progress(paid=10)


async def never(ctx: Ctx) -> bool:
    """Be a condition that is awaited."""
    return False


@pytest.mark.parametrize(
    ("when", "reason"),
    [
        (lambda ctx: False, "run 'x' ran step 'a', which workflow 'w' would now skip, given the same data"),
        (never, "run 'x' ran step 'a', which workflow 'w' would now skip"),
        (lambda ctx: 1 / 0, "the condition of step 'a' cannot be told for run 'x': ZeroDivisionError: "),
    ],
)
def test_a_condition_that_lets_a_node_run_no_longer_is_named(engine: Engine, when: Any, reason: str) -> None:
    """The run has what the node did, and would not have it."""
    text = recorded(engine, Workflow("w").step("a", one).step("b", die))

    with pytest.raises(DefinitionChanged, match=reason):
        replay(text, Workflow("w").step("a", one, when=when).step("b", one))


@pytest.mark.parametrize("when", [None, lambda ctx: True])
def test_a_condition_that_skips_a_node_no_longer_is_named(engine: Engine, when: Any) -> None:
    """The run lacks what the node does; so it does if there is no condition any more."""
    text = recorded(engine, Workflow("w").step("a", one, when=lambda ctx: False).step("b", die))

    with pytest.raises(DefinitionChanged, match="skipped step 'a', which workflow 'w' would now run"):
        replay(text, Workflow("w").step("a", one, when=when).step("b", one))


def test_a_condition_that_skips_a_node_still_is_right(engine: Engine) -> None:
    """Another way to say the same is no change."""
    text = recorded(engine, Workflow("w").step("a", one, when=lambda ctx: False).step("b", die))

    assert replay(text, Workflow("w").step("a", one, when=lambda ctx: []).step("b", one)).node == "b"


class Unclear:
    """What has no truth."""

    def __bool__(self) -> bool:
        """Fail, as an array does."""
        raise ValueError("which of them?")


def test_a_condition_ahead_that_cannot_be_told_is_named(engine: Engine) -> None:
    """The run would fail there."""
    text = recorded(engine, Workflow("w").step("a", one).step("b", die))

    with pytest.raises(DefinitionChanged, match=r"condition of step 'b' .* ValueError: which of them\?"):
        replay(text, Workflow("w").step("a", one).step("b", one, when=lambda ctx: Unclear()))


@pytest.mark.parametrize(
    "open_node",
    [
        Workflow("w").wait("a"),
        Workflow("w").step("a", lambda ctx: wait("signal")),
        Workflow("w").step("a", fail, retries=Retry(1, initial=60, jitter="none")),
        Workflow("w").commit("a", die, once=True),
    ],
    ids=["waits", "suspended", "backs off", "intended"],
)
def test_the_condition_of_a_node_that_was_begun_must_still_hold(
    engine: Engine, open_node: Workflow[Any, Any]
) -> None:
    """The node would not be begun now."""
    text = recorded(engine, open_node)
    node = open_node.nodes[0]._replace(when=lambda ctx: False)
    now: Workflow[Any, Any] = Workflow("w")._with(node)

    with pytest.raises(DefinitionChanged, match=rf"ran {node.kind} 'a', which workflow 'w' would now skip"):
        replay(text, now)


def test_a_wait_that_was_skipped_when_its_time_was_up_has_decided_nothing(
    engine: Engine, clock: FakeClock
) -> None:
    """Its condition held, or did not: the record does not tell."""
    flow = Workflow("w").wait("a", timeout=60, on_timeout="skip").step("b", die)
    engine.execute(flow, {}, id="x")
    clock.advance(60)
    with pytest.raises(Death):
        engine.resume(flow, "x")

    assert replay(record(engine, "x"), flow)[1:4] == ("running", 1, "b")


def test_a_commit_that_a_retry_passed_is_not_asked_again(engine: Engine, clock: FakeClock) -> None:
    """Its condition held when it ran; the engine has not asked it since, and data may be other now."""

    def count(ctx: Context[Order, Progress]) -> None:
        ctx.data.paid = int(clock.time())
        clock.advance(1)

    first = clock.time()
    flow = (
        Workflow("order", input=Order, data=Progress)
        .step("a", count)
        .commit("b", one, when=lambda ctx: ctx.data.paid == first)
        .wait("c")
    )
    engine.execute(flow.step("d", one), {"order_id": "o_1"}, id="x")
    engine.signal(flow.step("d", one), "x", "c")
    engine.retry_step(flow.step("d", one), "x", "a")

    assert replay(record(engine, "x"), flow)[1:4] == ("suspended", 2, "c")


@pytest.mark.parametrize(
    ("duration", "reason"),
    [
        (lambda ctx: ctx.results["nothing"], "duration of sleep 'nap' cannot be told for run 'x': KeyError"),
        (lambda ctx: -1, "duration of sleep 'nap' .*: expected a finite time of 0 .*; got -1"),
    ],
)
@pytest.mark.parametrize("behind", [False, True])
def test_a_duration_that_cannot_be_told_is_named(
    engine: Engine, clock: FakeClock, duration: Any, reason: str, *, behind: bool
) -> None:
    """Whether the run is in the sleep or has it behind."""
    flow = Workflow("w").sleep("nap", 60).wait("b")
    engine.execute(flow, {}, id="x")
    if behind:
        clock.advance(60)
        engine.resume(flow, "x")

    with pytest.raises(DefinitionChanged, match=reason):
        replay(record(engine, "x"), Workflow("w").sleep("nap", duration).wait("b"))


def test_a_sleep_that_was_skipped_is_not_asked(engine: Engine) -> None:
    """It had no duration then."""
    flow = Workflow("w").sleep("nap", 60, when=lambda ctx: False).wait("b")
    text = recorded(engine, flow)

    assert replay(text, Workflow("w").sleep("nap", fail, when=lambda ctx: 0).wait("b")).node == "b"  # type: ignore[arg-type]


# Recordings that are none.


def changed(text: str, *path: str, to: Any) -> str:
    """Return the recording with another value at the path."""
    whole = json.loads(text)
    *outer, last = path
    inner = whole
    for part in outer:
        inner = inner[part]
    inner[last] = to
    return json.dumps(whole)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "^recording: expected JSON, as record"),
        ("{", "^recording: expected JSON"),
        ("[" * 100_000, "^recording: expected JSON"),
        (None, "^recording: expected JSON"),
        ("[]", "^recording: expected .*, got list"),
        ("{}", "^recording: missing field"),
        ('{"recording": 2, "runs": []}', r"^recording: made by another Flux \(format 2; this one knows 1\)"),
    ],
)
def test_a_text_that_is_no_recording_is_refused(text: Any, message: str) -> None:
    """The error says what is expected."""
    with pytest.raises(InvalidInput, match=message):
        replay(text, order())


@pytest.mark.parametrize(
    ("path", "to", "message"),
    [
        (("run", "revision"), "1", r"^recording\.run\.revision: expected int, got str"),
        (("run", "tags"), [1], r"^recording\.run\.tags\[0\]: expected str"),
        (("blobs",), [], r"^recording\.blobs: expected"),
        (("more",), 1, r"^recording: unknown field 'more'"),
        (("run", "id"), "no id", "the run id 'no id'"),
    ],
)
def test_a_recording_with_a_broken_part_is_refused(
    engine: Engine, path: tuple[str, ...], to: Any, message: str
) -> None:
    """The error names the part."""
    text = recorded(engine, order(), {"order_id": "o_1"})

    with pytest.raises(ValueError, match=message):
        replay(changed(text, *path, to=to), order())


@pytest.mark.parametrize(
    ("path", "to", "message"),
    [
        (("document", "format"), 2, "written by another Flux .*upgrade"),
        (("run", "status"), "dreaming", "written by another Flux .*dreaming"),
        (("document", "history"), 5, "document of run 'x' cannot be read"),
        (("document", "inbox"), 5, "document of run 'x' cannot be read"),
        (("document", "inbox"), [5], "document of run 'x' cannot be read"),
        (("document", "data"), [], "document of run 'x' cannot be read"),
        (("document", "input"), {"$": "blob", "v": "gone"}, "run 'x' cannot be read: .*no blob 'gone'"),
    ],
)
def test_a_run_that_cannot_be_read_is_a_store_error(
    engine: Engine, path: tuple[str, ...], to: Any, message: str
) -> None:
    """It is the error of the same run in a store."""
    text = recorded(engine, order(), {"order_id": "o_1"})

    with pytest.raises(StoreError, match=message):
        replay(changed(text, *path, to=to), order())
