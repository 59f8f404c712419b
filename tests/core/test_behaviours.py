"""What users of durable engines rely on, shown over both engines; docs/behaviours.md has a row for each test here."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from random import random
from typing import TYPE_CHECKING, Any

import pytest
from core.conftest import Death, die

from flux_core import (
    App,
    Context,
    DefinitionChanged,
    Fatal,
    Result,
    Retry,
    Workflow,
    run_id_from,
    sleep,
    wait,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from core.conftest import AnyEngine, Clock, MakeEngine

    from flux_core.storage import MemoryStorage, Storage

Ctx = Context[Any, Any]

YEAR = 366 * 86_400


class NotYet(Exception):
    """What a poll waits for is not there yet."""


class Declined(Exception):
    """A payment service says no."""


def one(ctx: Ctx) -> int:
    """Return 1."""
    return 1


def decline(ctx: Ctx) -> None:
    """Fail."""
    raise Declined("the card has expired")


class Calls:
    """Handlers that note that they were called; `fails` of the first calls fail, or `dies` of them die."""

    def __init__(self) -> None:
        self.made: list[str] = []

    def named(self, name: str, *, fails: int = 0, dies: int = 0) -> Callable[[Ctx], str]:
        """Return a handler that notes the name, and returns it."""
        left = [fails, dies]

        def call(ctx: Ctx) -> str:
            self.made.append(name)
            left[:] = [left[0] - 1, left[1] - 1]
            if left[1] >= 0:
                raise Death
            if left[0] >= 0:
                raise Declined(name)
            return name

        return call


@pytest.fixture
def calls() -> Calls:
    """Give handlers that note that they were called."""
    return Calls()


def crash(engine: AnyEngine, workflow: Workflow[Any, Any], clock: Clock) -> None:
    """Start run x, lose its worker, and let its lease end."""
    with pytest.raises(Death):
        engine.execute(workflow, {}, id="x")
    clock.advance(60)


# Steps


def test_a_step_is_known_by_its_name(engine: AnyEngine) -> None:
    """Its context, its output and its record have the name that the workflow gives it."""
    result = engine.execute(Workflow("w").step("weigh", lambda ctx: ctx.step), {})
    assert (result.results, result.history[0].name) == ({"weigh": "weigh"}, "weigh")


def test_nothing_is_an_output_too(make_engine: MakeEngine, any_store: Storage, calls: Calls) -> None:
    """A step that returned None has completed: it has a result, and does not run again in another process."""
    flow = Workflow("w").step("a", lambda ctx: calls.made.append("a")).wait("go")
    make_engine(any_store).execute(flow, {}, id="x")
    result = make_engine(any_store).signal(flow, "x", "go")
    assert (result.results, calls.made) == ({"a": None, "go": None}, ["a"])


def test_a_nested_output_comes_back(make_engine: MakeEngine, any_store: Storage) -> None:
    """Lists in dicts in lists are to a step in another process what they were to the one before."""
    order = {"lines": [{"item": "mug", "sizes": [1, 2, [3]], "gift": {"card": None}}], "total": 9.5}
    flow = Workflow("w").step("a", lambda ctx: order).wait("go").step("b", lambda ctx: ctx.results["a"])
    make_engine(any_store).execute(flow, {}, id="x")
    assert make_engine(any_store).signal(flow, "x", "go").results["b"] == order


def test_a_step_sees_the_outputs_before_it(engine: AnyEngine) -> None:
    """Steps follow one another, each with what those before have returned."""
    flow = Workflow("w").step("a", lambda ctx: "first").step("b", lambda ctx: ctx.results["a"] + "_second")
    assert engine.execute(flow, {}).results["b"] == "first_second"


def test_an_error_keeps_its_type_and_message(make_engine: MakeEngine, any_store: Storage) -> None:
    """Another process that reads the failed run finds what was raised, of the run and of the step."""
    make_engine(any_store).execute(Workflow("w").step("pay", decline), {}, id="x")
    run = make_engine(any_store).run("x")
    assert run.error is not None
    assert (run.error.type, run.error.message) == ("Declined", "the card has expired")
    assert run.history[0].error == run.error


def test_a_handled_error_lets_the_run_go_on(engine: AnyEngine) -> None:
    """A handler that catches what went wrong returns what to do instead; later nodes decide by it."""

    def pay(ctx: Ctx) -> str:
        try:
            decline(ctx)
        except Declined:
            return "by invoice"
        return "by card"

    flow = Workflow("w").step("pay", pay).step("b", one, when=lambda ctx: ctx.results["pay"] == "by invoice")
    result = engine.execute(flow, {})
    assert (result.status, result.results) == ("completed", {"pay": "by invoice", "b": 1})


def test_a_commit_once_is_not_run_again_after_a_crash(
    make_engine: MakeEngine, any_store: Storage, clock: Clock, calls: Calls
) -> None:
    """Nobody knows whether it happened: the run fails as interrupted, and a person decides."""
    flow = Workflow("w").commit("pay", calls.named("pay", dies=1), once=True).step("b", one)
    crash(make_engine(any_store), flow, clock)
    result = make_engine(any_store).resume(flow, "x")
    assert result.error is not None
    assert (result.status, result.error.code, calls.made) == ("failed", "INTERRUPTED", ["pay"])


def test_retries_do_not_run_an_interrupted_commit_once(engine: AnyEngine, clock: Clock, calls: Calls) -> None:
    """Retries are for attempts that say that they failed; one that was cut off says nothing."""
    flow = Workflow("w").commit("pay", calls.named("pay", dies=1), once=True, retries=3)
    crash(engine, flow, clock)
    assert (engine.resume(flow, "x").status, calls.made) == ("failed", ["pay"])


def test_a_commit_once_that_raised_is_retried(engine: AnyEngine, calls: Calls) -> None:
    """An attempt that ended with an error is known not to have happened, and has its retries."""
    flow = Workflow("w").commit("pay", calls.named("pay", fails=1), once=True, retries=1)
    assert (engine.execute(flow, {}).status, calls.made) == ("completed", ["pay", "pay"])


def test_a_person_says_that_an_interrupted_commit_happened(
    engine: AnyEngine, clock: Clock, calls: Calls
) -> None:
    """With what it would have returned the run goes on, and the commit is not run."""
    flow = Workflow("w").commit("pay", calls.named("pay", dies=1), once=True).step("b", one)
    crash(engine, flow, clock)
    engine.resume(flow, "x")
    result = engine.resolve(flow, "x", "pay", output="receipt 7")
    assert (result.status, result.results) == ("completed", {"pay": "receipt 7", "b": 1})
    assert calls.made == ["pay"]


def test_a_person_has_an_interrupted_commit_run_again(engine: AnyEngine, clock: Clock, calls: Calls) -> None:
    """Who has seen that it did not happen retries it, under the same key."""
    pay = calls.named("pay", dies=1)
    flow = Workflow("w").commit("pay", lambda ctx: (pay(ctx), ctx.key), once=True)
    crash(engine, flow, clock)
    engine.resume(flow, "x")
    result = engine.retry_step(flow, "x", "pay")
    assert (result.status, result.results) == ("completed", {"pay": ("pay", "x/pay/1")})


def test_nothing_is_logged_twice(engine: AnyEngine, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """A run that goes on does not repeat the lines of the steps behind it: they are not called again."""
    caplog.set_level("INFO", "flux.w")

    def say(ctx: Ctx) -> None:
        ctx.logger.info("in %s", ctx.step)

    flow = Workflow("w").step("a", say).sleep("nap", 60).step("b", say)
    engine.execute(flow, {}, id="x")
    clock.advance(60)
    engine.resume(flow, "x")
    assert [record.message for record in caplog.records] == ["in a", "in b"]


def test_what_a_step_drew_stays(make_engine: MakeEngine, any_store: Storage) -> None:
    """Handlers may draw random numbers and look at the clock: nothing is replayed, so there is no rule to keep."""
    flow = Workflow("w").step("a", lambda ctx: random()).wait("go").step("b", lambda ctx: ctx.results["a"])
    drawn = make_engine(any_store).execute(flow, {}, id="x").results["a"]
    assert make_engine(any_store).signal(flow, "x", "go").results["b"] == drawn


# Sleeps


def test_a_sleep_suspends_the_run(engine: AnyEngine, clock: Clock, calls: Calls) -> None:
    """Nobody holds it meanwhile, and it is due when the sleep is over."""
    result = engine.execute(Workflow("w").sleep("nap", 60).step("a", calls.named("a")), {}, id="x")
    assert (result.status, result.wake_at) == ("suspended", clock.time() + 60)
    assert (engine.run("x").held_until, calls.made) == (None, [])


@pytest.mark.parametrize(("passed", "due"), [(59.9, 0), (60, 1)])
def test_a_sleep_is_as_long_as_it_says(engine: AnyEngine, clock: Clock, passed: float, due: int) -> None:
    """A tick finds the run from the moment on at which the sleep is over, and not before."""
    flow = Workflow("w").sleep("nap", 60)
    engine.execute(flow, {})
    clock.advance(passed)
    assert engine.tick([flow]).completed == due


def test_an_early_look_does_not_cut_a_sleep_short(engine: AnyEngine, clock: Clock) -> None:
    """Resuming a run that sleeps returns it as it stands."""
    flow = Workflow("w").sleep("nap", 60)
    ends = engine.execute(flow, {}, id="x").wake_at
    clock.advance(30)
    result = engine.resume(flow, "x")
    assert (result.status, result.wake_at) == ("suspended", ends)


def test_a_step_before_a_sleep_is_not_run_again(
    make_engine: MakeEngine, any_store: Storage, clock: Clock, calls: Calls
) -> None:
    """What was done before the sleep stays done, in whichever process the run goes on."""
    flow = Workflow("w").step("a", calls.named("a")).sleep("nap", 60).step("b", calls.named("b"))
    make_engine(any_store).execute(flow, {})
    clock.advance(60)
    make_engine(any_store).tick([flow])
    assert calls.made == ["a", "b"]


def test_sleeps_follow_one_another(engine: AnyEngine, clock: Clock) -> None:
    """Each begins when the one before is over, and has its own record."""
    flow = Workflow("w").sleep("short", 60).sleep("long", 600)
    engine.execute(flow, {}, id="x")
    clock.advance(60)
    assert engine.resume(flow, "x").wake_at == clock.time() + 600
    clock.advance(600)
    result = engine.resume(flow, "x")
    assert [(node.name, node.status) for node in result.history] == [
        ("short", "completed"),
        ("long", "completed"),
    ]


def test_a_sleep_may_last_a_year(make_engine: MakeEngine, any_store: Storage, clock: Clock) -> None:
    """Whichever process ticks when it is over goes on with the run."""
    flow = Workflow("w").sleep("hibernate", timedelta(days=366)).step("a", one)
    make_engine(any_store).execute(flow, {}, id="x")
    clock.advance(YEAR)
    assert make_engine(any_store).tick([flow]).completed == 1


@pytest.mark.parametrize("duration", [90, 90.0, timedelta(minutes=1, seconds=30)])
def test_a_sleep_takes_seconds_or_a_timedelta(
    engine: AnyEngine, clock: Clock, duration: float | timedelta
) -> None:
    """Every unit that a `timedelta` knows means the same time."""
    assert engine.execute(Workflow("w").sleep("nap", duration), {}).wake_at == clock.time() + 90


def test_a_sleep_may_be_computed(engine: AnyEngine, clock: Clock) -> None:
    """A function of the context says how long, once, when the sleep begins."""
    flow = Workflow("w").step("a", lambda ctx: 7).sleep("nap", lambda ctx: 10 * ctx.results["a"])
    assert engine.execute(flow, {}).wake_at == clock.time() + 70


def test_a_sleep_that_is_over_is_not_slept_again(engine: AnyEngine, clock: Clock, calls: Calls) -> None:
    """A worker that is lost behind it does not cost the time once more."""
    flow = Workflow("w").sleep("nap", 600).step("a", calls.named("a", dies=1))
    engine.execute(flow, {}, id="x")
    clock.advance(600)
    with pytest.raises(Death):
        engine.resume(flow, "x")
    clock.advance(60)
    assert engine.resume(flow, "x").status == "completed"


def test_a_step_may_put_its_run_to_sleep(engine: AnyEngine, clock: Clock, calls: Calls) -> None:
    """What returned `sleep(60)` has done its work: it is not called again, its changes count, its output is None."""

    def work(ctx: Ctx) -> object:
        calls.made.append("work")
        ctx.data["sent"] = True
        return sleep(60)

    flow = Workflow("w").step("a", work)
    assert engine.execute(flow, {}, id="x").status == "suspended"
    clock.advance(60)
    result = engine.resume(flow, "x")
    assert (result.results, result.data, calls.made) == ({"a": None}, {"sent": True}, ["work"])


def test_a_sleep_may_be_left_out(engine: AnyEngine) -> None:
    """With `when` a run that need not wait does not."""
    flow = Workflow("w").sleep("nap", 60, when=lambda ctx: False).step("a", one)
    assert engine.execute(flow, {}).status == "completed"


# Signals


def test_a_signal_ends_its_wait(engine: AnyEngine) -> None:
    """The run says what it waits for; the payload is the output of the wait, and the run goes on with the sender."""
    flow = Workflow("w").wait("approved").step("a", lambda ctx: ctx.results["approved"]["by"])
    engine.execute(flow, {}, id="x")
    assert engine.run("x").waits_for == "approved"
    result = engine.signal(flow, "x", "approved", {"by": "Ada"})
    assert (result.status, result.results["a"]) == ("completed", "Ada")


def test_a_signal_may_be_left_for_a_tick(engine: AnyEngine) -> None:
    """A sender with no time only writes it: the run is due at once."""
    flow = Workflow("w").wait("approved")
    engine.execute(flow, {}, id="x")
    assert engine.signal(flow, "x", "approved", run=False).status == "suspended"
    assert engine.tick([flow]).completed == 1


def test_a_signal_may_come_before_its_wait(engine: AnyEngine, clock: Clock) -> None:
    """It is kept, and taken when the run gets there."""
    flow = Workflow("w").sleep("nap", 60).wait("approved")
    engine.execute(flow, {}, id="x")
    assert engine.signal(flow, "x", "approved", "early").status == "suspended"
    clock.advance(60)
    assert engine.resume(flow, "x").results["approved"] == "early"


def test_a_signal_does_not_cut_a_back_off_short(engine: AnyEngine, clock: Clock, calls: Calls) -> None:
    """It wakes the run, which finds that its next attempt is not due yet."""
    flow = (
        Workflow("w")
        .step("a", calls.named("a", fails=1), retries=Retry(1, initial=60, jitter="none"))
        .wait("go")
    )
    due = engine.execute(flow, {}, id="x").wake_at
    result = engine.signal(flow, "x", "go")
    assert (result.status, result.wake_at, calls.made) == ("suspended", due, ["a"])


def test_a_signal_needs_no_payload(engine: AnyEngine) -> None:
    """Without one the output of the wait is None."""
    flow = Workflow("w").wait("approved")
    engine.execute(flow, {}, id="x")
    result = engine.signal(flow, "x", "approved")
    assert (result.status, result.results) == ("completed", {"approved": None})


def test_a_payload_keeps_its_types(make_engine: MakeEngine, any_store: Storage) -> None:
    """Dates, decimals and what is nested in lists and dicts come back as what they were."""
    sent = {"on": date(2024, 2, 29), "sums": [Decimal("9.50"), {"tip": None}], "pair": (1, 2)}
    flow = Workflow("w").wait("approved")
    make_engine(any_store).execute(flow, {}, id="x")
    make_engine(any_store).signal(flow, "x", "approved", sent)
    assert make_engine(any_store).resume(flow, "x").results["approved"] == sent


def test_a_wait_that_takes_too_long_fails_the_run(engine: AnyEngine, clock: Clock, calls: Calls) -> None:
    """A tick finds it when its time is up; nothing behind it runs."""
    flow = Workflow("w").wait("approved", timeout=60).step("a", calls.named("a"))
    engine.execute(flow, {}, id="x")
    clock.advance(60)
    assert engine.tick([flow]).failed == 1
    error = engine.run("x").error
    assert error is not None
    assert (error.code, calls.made) == ("STEP_TIMEOUT", [])


def test_a_wait_that_takes_too_long_may_be_skipped(engine: AnyEngine, clock: Clock) -> None:
    """The nodes behind it see that it has no result, and can do something else instead."""
    flow = (
        Workflow("w")
        .wait("approved", timeout=timedelta(days=3), on_timeout="skip")
        .step("remind", one, when=lambda ctx: "approved" not in ctx.results)
    )
    engine.execute(flow, {}, id="x")
    clock.advance(3 * 86_400)
    result = engine.resume(flow, "x")
    assert (result.status, result.results) == ("completed", {"remind": 1})


def test_a_late_signal_that_is_there_wins(engine: AnyEngine, clock: Clock) -> None:
    """As long as nobody has seen that the time was up, what was sent counts."""
    flow = Workflow("w").wait("approved", timeout=60)
    engine.execute(flow, {}, id="x")
    clock.advance(61)
    assert engine.signal(flow, "x", "approved", "late").results == {"approved": "late"}


def test_a_wait_without_a_time_out_lasts_for_ever(engine: AnyEngine, clock: Clock) -> None:
    """It costs nothing meanwhile: no tick finds it."""
    flow = Workflow("w").wait("approved")
    engine.execute(flow, {}, id="x")
    clock.advance(10 * YEAR)
    assert engine.tick([flow]).due == 0


def test_waits_follow_one_another(engine: AnyEngine) -> None:
    """Each has its own signal, and its own output."""
    flow = Workflow("w").wait("packed").wait("sent")
    engine.execute(flow, {}, id="x")
    assert engine.signal(flow, "x", "packed", 1).status == "suspended"
    assert engine.signal(flow, "x", "sent", 2).results == {"packed": 1, "sent": 2}


def test_signals_may_come_in_another_order_than_their_waits(engine: AnyEngine) -> None:
    """The one that comes too early is kept for its own wait."""
    flow = Workflow("w").wait("packed").wait("sent")
    engine.execute(flow, {}, id="x")
    assert engine.signal(flow, "x", "sent", 2).status == "suspended"
    assert engine.signal(flow, "x", "packed", 1).results == {"packed": 1, "sent": 2}


def test_two_signals_at_once_serve_two_waits(engine: AnyEngine) -> None:
    """Both are kept, and waits of one name take them in the order in which they were sent."""
    flow = Workflow("w").step("a", lambda ctx: wait("vote")).step("b", lambda ctx: wait("vote"))
    engine.execute(flow, {}, id="x")
    engine.signal(flow, "x", "vote", "yes", run=False)
    engine.signal(flow, "x", "vote", "no", run=False)
    assert engine.resume(flow, "x").results == {"a": "yes", "b": "no"}


def test_one_signal_serves_one_wait(engine: AnyEngine) -> None:
    """The next wait of that name needs another."""
    flow = Workflow("w").step("a", lambda ctx: wait("vote")).step("b", lambda ctx: wait("vote"))
    engine.execute(flow, {}, id="x")
    result = engine.signal(flow, "x", "vote", "yes")
    assert (result.status, result.results) == ("suspended", {"a": "yes"})


def test_a_signal_that_is_sent_again_is_one(engine: AnyEngine) -> None:
    """A sender that got no answer sends the same id, and it is delivered once."""
    flow = Workflow("w").step("a", lambda ctx: wait("vote")).step("b", lambda ctx: wait("vote"))
    engine.execute(flow, {}, id="x")
    engine.signal(flow, "x", "vote", "yes", id="letter 1")
    result = engine.signal(flow, "x", "vote", "yes", id="letter 1")
    assert (result.status, result.results) == ("suspended", {"a": "yes"})


def test_a_signal_that_nobody_waits_for_is_kept(engine: AnyEngine) -> None:
    """The run completes all the same, and shows what it was sent."""
    flow = Workflow("w").wait("approved")
    engine.execute(flow, {}, id="x")
    engine.signal(flow, "x", "gossip", run=False)
    assert engine.signal(flow, "x", "approved").status == "completed"
    assert engine.run("x").inbox == ("signal gossip",)


def test_a_refusal_is_a_payload(engine: AnyEngine) -> None:
    """Who is asked and says no says so in the payload; the next step makes it the failure that it is."""

    def check(ctx: Ctx) -> None:
        if not ctx.results["approved"]["yes"]:
            raise Fatal(ctx.results["approved"]["because"])

    flow = Workflow("w").wait("approved").step("check", check)
    engine.execute(flow, {}, id="x")
    result = engine.signal(flow, "x", "approved", {"yes": False, "because": "too dear"})
    assert result.error is not None
    assert (result.status, result.error.message) == ("failed", "too dear")


def test_a_step_asks_and_waits(engine: AnyEngine, calls: Calls) -> None:
    """It tells somebody the run's id and returns `wait(...)`; it is called once, and the answer is its output."""

    def ask(ctx: Ctx) -> object:
        calls.made.append(f"please answer {ctx.id}")
        ctx.data["asked"] = True
        return wait("answer")

    flow = Workflow("w").step("ask", ask)
    engine.execute(flow, {}, id="x")
    result = engine.signal(flow, "x", "answer", "42")
    assert (result.results, result.data) == ({"ask": "42"}, {"asked": True})
    assert calls.made == ["please answer x"]


def test_a_step_that_asked_may_wait_too_long(engine: AnyEngine, clock: Clock) -> None:
    """Its time-out fails it, and what it changed does not count."""

    def ask(ctx: Ctx) -> object:
        ctx.data["asked"] = True
        return wait("answer", timeout=60)

    flow = Workflow("w").step("ask", ask)
    engine.execute(flow, {}, id="x")
    clock.advance(60)
    result = engine.resume(flow, "x")
    assert result.error is not None
    assert (result.status, result.error.code, result.data) == ("failed", "STEP_TIMEOUT", {})


def test_asking_is_retried(engine: AnyEngine, calls: Calls) -> None:
    """Until it could be asked nothing is waited for; after that there is nothing to retry."""
    ask = calls.named("ask", fails=2)

    def ask_and_wait(ctx: Ctx) -> object:
        ask(ctx)
        return wait("answer")

    flow = Workflow("w").step("ask", ask_and_wait, retries=2)
    assert engine.execute(flow, {}, id="x").status == "suspended"
    assert engine.signal(flow, "x", "answer", 42).results == {"ask": 42}
    assert calls.made == ["ask"] * 3


def test_a_step_that_cannot_ask_fails(engine: AnyEngine, calls: Calls) -> None:
    """When its retries are used up the run fails with its error; nothing waits."""
    flow = Workflow("w").step("ask", calls.named("ask", fails=3), retries=2)
    result = engine.execute(flow, {})
    assert result.error is not None
    assert (result.status, result.error.type, len(calls.made)) == ("failed", "Declined", 3)


def test_an_answer_survives_the_worker(
    make_engine: MakeEngine, any_store: Storage, clock: Clock, calls: Calls
) -> None:
    """A worker that is lost behind the wait does not lose the payload: it is not waited for again."""
    died = calls.named("b", dies=1)
    flow = Workflow("w").wait("approved").step("b", lambda ctx: (died(ctx), ctx.results["approved"]))
    make_engine(any_store).execute(flow, {}, id="x")
    with pytest.raises(Death):
        make_engine(any_store).signal(flow, "x", "approved", 42)
    clock.advance(60)
    assert make_engine(any_store).resume(flow, "x").results["b"] == ("b", 42)


def test_steps_sleeps_and_waits_mix(engine: AnyEngine, clock: Clock, calls: Calls) -> None:
    """A run goes through all of them in order, in as many calls as it takes, each step once."""
    flow = (
        Workflow("w")
        .step("a", calls.named("a"))
        .sleep("nap", 60)
        .commit("b", calls.named("b"))
        .wait("approved")
        .step("c", calls.named("c"))
    )
    engine.execute(flow, {}, id="x")
    clock.advance(60)
    engine.tick([flow])
    result = engine.signal(flow, "x", "approved", 42)
    assert (result.status, calls.made) == ("completed", ["a", "b", "c"])
    assert list(result.results) == ["a", "nap", "b", "approved", "c"]


# Polls


def poll(attempts: int, interval: float, *, checks: list[int]) -> Workflow[Any, Any]:
    """Return a workflow whose step looks so often, with so much time between; it finds something the third time."""

    def look(ctx: Ctx) -> str:
        checks.append(ctx.attempt)
        if ctx.attempt < 3:
            raise NotYet
        return "ready"

    every = Retry(attempts - 1, initial=interval, factor=1, jitter="none", retry_on=(NotYet,))
    return Workflow("w").step("look", look, retries=every)


def test_a_poll_is_a_step_that_is_tried_again(engine: AnyEngine, clock: Clock) -> None:
    """It raises until what it looks for is there; between the checks the run is suspended, and no process waits."""
    checks: list[int] = []
    flow = poll(10, 60, checks=checks)
    assert engine.execute(flow, {}, id="x").wake_at == clock.time() + 60
    clock.advance(60)
    assert engine.resume(flow, "x").status == "suspended"
    clock.advance(60)
    result = engine.resume(flow, "x")
    assert (result.results, checks) == ({"look": "ready"}, [1, 2, 3])


def test_a_poll_gives_up(engine: AnyEngine) -> None:
    """After the last check it has failed with what it raised."""
    checks: list[int] = []
    result = engine.execute(poll(2, 1, checks=checks), {})
    assert result.error is not None
    assert (result.status, result.error.type, checks) == ("failed", "NotYet", [1, 2])


def test_a_poll_that_finds_it_at_once_waits_for_nothing(engine: AnyEngine, clock: Clock) -> None:
    """One check, and the run has gone on."""
    flow = Workflow("w").step("look", one, retries=Retry(9, initial=60, retry_on=(NotYet,)))
    assert (engine.execute(flow, {}).status, clock.slept) == ("completed", [])


def test_a_check_that_breaks_ends_the_poll(engine: AnyEngine, calls: Calls) -> None:
    """Only what says "not yet" is looked for again."""
    flow = Workflow("w").step("look", calls.named("look", fails=1), retries=Retry(9, retry_on=(NotYet,)))
    assert (engine.execute(flow, {}).status, calls.made) == ("failed", ["look"])


# Runs that steps start


def outcome(called: Result[Any] | Awaitable[Result[Any]]) -> Any:
    """Return what a run that a step started has come to, or raise what it failed with."""
    if not isinstance(called, Result):

        async def awaited() -> Any:
            return outcome(await called)

        return awaited()
    if called.error is not None:
        raise Declined(called.error.message)
    return called.results


def parent(
    engine: AnyEngine, child: Workflow[Any, Any], after: Callable[[Ctx], object]
) -> Workflow[Any, Any]:
    """Return a workflow whose first step runs the other, under an id that is made of its key."""

    def call(ctx: Ctx) -> Any:
        return outcome(engine.engine.execute(child, {}, id=run_id_from(ctx.key)))

    return Workflow("parent").step("call", call).step("after", after)


def test_a_run_that_a_step_starts_is_one_run(engine: AnyEngine, clock: Clock, calls: Calls) -> None:
    """Under an id made of `ctx.key` it is found again, however often the step runs."""
    child = Workflow("child").step("a", calls.named("a"))
    flow = parent(engine, child, one)
    engine.execute(flow, {}, id="x")
    result = engine.retry_step(flow, "x", "call")
    assert (result.results["call"], calls.made) == ({"a": "a"}, ["a"])


def test_a_child_that_fails_fails_the_step_that_runs_it(engine: AnyEngine) -> None:
    """The parent's error says what the child's was, and the child is there to be looked at."""
    flow = parent(engine, Workflow("child").step("pay", decline), one)
    result = engine.execute(flow, {}, id="x")
    assert result.error is not None
    assert (result.status, result.error.message) == ("failed", "the card has expired")
    assert [run.workflow for run in engine.list(status="failed")] == ["parent", "child"]


# Compensation


def test_a_failure_is_compensated_in_reverse(engine: AnyEngine, calls: Calls) -> None:
    """What has completed is undone, the last first; what failed, and what has no compensation, is left alone."""
    flow = (
        Workflow("w")
        .commit("a", one, compensate=calls.named("undo a"))
        .step("b", one)
        .commit("c", one, compensate=calls.named("undo c"))
        .commit("d", decline, compensate=calls.named("undo d"))
    )
    assert (engine.execute(flow, {}).status, calls.made) == ("rolled_back", ["undo c", "undo a"])


def test_a_rollback_keeps_the_error(engine: AnyEngine, calls: Calls) -> None:
    """The run says what it was rolled back for."""
    flow = Workflow("w").commit("a", one, compensate=calls.named("undo a")).step("pay", decline)
    error = engine.execute(flow, {}).error
    assert error is not None
    assert (error.type, error.message) == ("Declined", "the card has expired")


def test_a_compensation_knows_what_it_undoes(engine: AnyEngine) -> None:
    """It sees the outputs and the data, and has a key of its own for the service that it calls."""
    seen: list[object] = []

    def book(ctx: Ctx) -> str:
        ctx.data["seat"] = "12a"
        return "booking 7"

    def undo(ctx: Ctx) -> None:
        seen.append((ctx.results["book"], ctx.data["seat"], ctx.key))

    engine.execute(Workflow("w").commit("book", book, compensate=undo).step("pay", decline), {}, id="x")
    assert seen == [("booking 7", "12a", "x/book/1/compensate")]


def test_a_compensation_is_retried(engine: AnyEngine, calls: Calls) -> None:
    """Under the retries of its node."""
    undo = calls.named("undo a", fails=2)
    flow = Workflow("w").commit("a", one, compensate=undo, retries=2).step("pay", decline)
    assert (engine.execute(flow, {}).status, calls.made) == ("rolled_back", ["undo a"] * 3)


def test_a_compensation_that_fails_waits_for_a_person(engine: AnyEngine, calls: Calls) -> None:
    """The run says so and stands still; resumed it goes on with that one, and repeats none that is done."""
    flow = (
        Workflow("w")
        .commit("a", one, compensate=calls.named("undo a", fails=1))
        .commit("b", one, compensate=calls.named("undo b"))
        .step("pay", decline)
    )
    assert engine.execute(flow, {}, id="x").status == "compensation_failed"
    assert engine.resume(flow, "x").status == "rolled_back"
    assert calls.made == ["undo b", "undo a", "undo a"]


def test_a_rollback_goes_on_after_a_crash(
    make_engine: MakeEngine, any_store: Storage, clock: Clock, calls: Calls
) -> None:
    """A compensation that has been saved as done is not made again."""
    flow = (
        Workflow("w")
        .commit("a", one, compensate=calls.named("undo a", dies=1))
        .commit("b", one, compensate=calls.named("undo b"))
        .step("pay", decline)
    )
    crash(make_engine(any_store), flow, clock)
    assert make_engine(any_store).resume(flow, "x").status == "rolled_back"
    assert calls.made == ["undo b", "undo a", "undo a"]


# Whole runs


def test_a_workflow_has_a_time_out(engine: AnyEngine, clock: Clock) -> None:
    """It counts over all calls, sleeps and waits; when it is over the run fails."""
    flow = Workflow("w", timeout=timedelta(hours=1)).sleep("nap", 600).wait("approved")
    engine.execute(flow, {}, id="x")
    clock.advance(600)
    engine.tick([flow])
    clock.advance(3000)
    assert engine.tick([flow]).failed == 1
    error = engine.run("x").error
    assert error is not None
    assert error.code == "WORKFLOW_TIMEOUT"


def test_a_cancelled_run_does_nothing_more(engine: AnyEngine, clock: Clock, calls: Calls) -> None:
    """Not when its sleep would have ended, and not when it is resumed; what was done is not undone."""
    flow = (
        Workflow("w")
        .commit("a", one, compensate=calls.named("undo a"))
        .sleep("nap", 60)
        .step("b", calls.named("b"))
    )
    engine.execute(flow, {}, id="x")
    assert engine.cancel(flow, "x").status == "cancelled"
    clock.advance(60)
    assert (engine.tick([flow]).due, engine.resume(flow, "x").status) == (0, "cancelled")
    assert calls.made == []


def test_a_cancelled_run_may_be_rolled_back(engine: AnyEngine, calls: Calls) -> None:
    """With `compensate=True` what has completed is undone."""
    flow = Workflow("w").commit("a", one, compensate=calls.named("undo a")).wait("approved")
    engine.execute(flow, {}, id="x")
    assert engine.cancel(flow, "x", compensate=True).status == "rolled_back"
    assert calls.made == ["undo a"]


def test_a_paused_run_stands_still(engine: AnyEngine, clock: Clock, calls: Calls) -> None:
    """No tick, no signal and no second start moves it; `resume` does."""
    flow = Workflow("w").wait("approved").step("a", calls.named("a"))
    engine.execute(flow, {}, id="x")
    engine.pause("x")
    assert engine.signal(flow, "x", "approved").status == "paused"
    assert (engine.tick([flow]).due, engine.execute(flow, {}, id="x").status) == (0, "paused")
    assert calls.made == []
    assert engine.resume(flow, "x").status == "completed"


def test_a_node_that_became_another_is_refused(engine: AnyEngine, clock: Clock, calls: Calls) -> None:
    """A run that stands at a sleep does not go on where a step of that name now stands; the error says both."""
    engine.execute(Workflow("w").sleep("slot", 60), {}, id="x")
    clock.advance(60)
    with pytest.raises(DefinitionChanged, match=r"ran sleep 'slot' as node 1, .* now has step 'slot'"):
        engine.resume(Workflow("w").step("slot", calls.named("slot")), "x")
    assert calls.made == []


def test_each_run_goes_on_under_its_own_version(store: MemoryStorage, clock: Clock) -> None:
    """Of an app that serves two, the last starts new runs, and each run ends under the one that it began under."""
    old = Workflow("w", version="1").wait("go").step("a", lambda ctx: "old")
    new = Workflow("w", version="2").step("b", one).wait("go").step("a", lambda ctx: "new")
    with App([old], store, clock=clock) as app:
        app.execute("w", {}, id="x")
    with App([old, new], store, clock=clock) as app:
        app.execute("w", {}, id="y")
        assert [app.signal("w", run_id, "go").results["a"] for run_id in "xy"] == ["old", "new"]


def test_the_lost_run_of_an_engine_goes_on_in_another(
    make_engine: MakeEngine, any_store: Storage, clock: Clock
) -> None:
    """Nobody has to say which was lost: the tick of any process finds it when the lease has ended."""
    crash(make_engine(any_store), Workflow("w").step("a", one).step("b", die), clock)
    flow = Workflow("w").step("a", die).step("b", one)
    assert make_engine(any_store).tick([flow]).completed == 1
