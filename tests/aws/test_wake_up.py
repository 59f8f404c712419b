"""A waker's message goes on with a run that is due, and with no other."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from aws import events
from aws.events import failures, message, sqs
from clouds.shop import Order, Progress, order_id

import flux_aws
from flux_core import App, Fatal, InvalidInput, RunBusy, StoreError, Workflow
from flux_core.storage import MemoryStorage

if TYPE_CHECKING:
    from collections.abc import Callable

    from clouds.shop import Shop

OWN = "arn:aws:sqs:us-east-1:123456789012:wake-ups"


class Calls:
    """A waker that keeps what it was asked for; its queue is `OWN`."""

    queue_arn = OWN

    def __init__(self) -> None:
        self.asked: list[tuple[str, float]] = []

    def wake(self, run_id: str, at: float) -> None:
        """Keep it."""
        self.asked.append((run_id, at))


class Broken(MemoryStorage):
    """A store that cannot be read."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    def load(self, run_id: str) -> Any:
        """Fail."""
        raise self._error


@pytest.fixture
def waker() -> Calls:
    """A waker that was asked for nothing yet."""
    return Calls()


def wake(run_id: str, *, arn: str = OWN) -> dict[str, Any]:
    """The batch that a waker's message is."""
    return sqs(message({"flux": {"action": "wake", "id": run_id}}, "m-1") | {"eventSourceARN": arn})


def sleeping(waker: Calls) -> App:
    """Return an app in which run `r-1` sleeps."""
    nap = Workflow("nap").sleep("sleep", 3600).step("step", lambda ctx: 1)
    app = App([nap], MemoryStorage(), waker=waker)
    app.execute("nap", {}, id="r-1")
    return app


def test_a_run_that_is_due_is_gone_on_with(waker: Calls) -> None:
    """The message is done when the run is."""
    app = App([Workflow("one").step("step", lambda ctx: 1)], MemoryStorage(), waker=waker)
    app.start("one", {}, id="r-1")

    assert flux_aws.handler(app)(wake("r-1"), events.Context()) == failures()
    assert [run.status for run in app.list()] == ["completed"]


def test_a_run_of_any_workflow_is_woken(waker: Calls) -> None:
    """The message names the run alone; the store knows its workflow."""
    two = [Workflow(name).step("step", lambda ctx: 1) for name in ("one", "two")]
    app = App(two, MemoryStorage(), waker=waker)
    app.start("two", {}, id="r-1")
    flux_aws.handler(app, workflow="one")(wake("r-1"), events.Context())

    assert [(run.workflow, run.status) for run in app.list()] == [("two", "completed")]


def test_a_wake_up_that_comes_early_is_handed_on(waker: Calls) -> None:
    """A queue cannot delay as long as a run may sleep, so the waker is asked again, once, for the same time."""
    app = sleeping(waker)
    del waker.asked[:]
    answer = flux_aws.handler(app)(wake("r-1"), events.Context())
    run = app.get("r-1")

    assert run is not None
    assert (answer, run.status) == (failures(), "suspended")
    assert waker.asked == [("r-1", run.wake_at)]


def test_a_wake_up_leaves_a_paused_run_alone(waker: Calls) -> None:
    """Who paused the run goes on with it; the message of the sleep that it was in does not."""
    app = sleeping(waker)
    app.pause("r-1")
    answer = flux_aws.handler(app)(wake("r-1"), events.Context())

    assert (answer, [run.status for run in app.list()]) == (failures(), ["paused"])


def test_a_wake_up_leaves_a_failed_rollback_alone(shop: Shop, waker: Calls) -> None:
    """A person looks at it first."""
    app = shop.approvals(waker=waker)
    app.execute("approval", {"order_id": "o_1"}, id="o_1")
    shop.declined = {"ship o_1": Fatal("no such street"), "refund o_1": ConnectionError("payment service")}
    app.signal("approval", "o_1", "approved")
    shop.declined.clear()
    flux_aws.handler(app)(wake("o_1"), events.Context())

    assert (shop.refunded, [run.status for run in app.list()]) == ([], ["compensation_failed"])


def test_a_wake_up_of_a_run_that_is_gone_is_acknowledged(
    waker: Calls, caplog: pytest.LogCaptureFixture
) -> None:
    """A run that was deleted is not looked for again and again."""
    app = App([Workflow("one").step("step", lambda ctx: 1)], MemoryStorage(), waker=waker)

    assert flux_aws.handler(app)(wake("r-1"), events.Context()) == failures()
    assert "run r-1 is to be woken, and is not in the store" in caplog.text


def test_a_wake_up_of_a_run_that_is_held_is_acknowledged(shop: Shop, waker: Calls) -> None:
    """Whoever holds the run has it woken when that is due again; if that worker is lost, a tick finds the run."""
    app = shop.app(waker=waker)
    shop.declined["o_1"] = SystemExit("the process ends")
    handler = flux_aws.handler(app, key=order_id)
    with pytest.raises(SystemExit):
        handler({"order_id": "o_1"}, events.Context())
    before = app.get("o_1")

    assert handler(wake("o_1"), events.Context()) == failures()
    assert app.get("o_1") == before


def test_a_run_that_another_worker_is_faster_to_take_comes_again(
    waker: Calls, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Between the look at the run and the claim of it another may have come; the message waits for that one."""

    def busy(*arguments: object, **options: object) -> None:
        raise RunBusy("run 'r-1' is held by another worker", until=time.time() + 10)

    app = sleeping(waker)
    monkeypatch.setattr(app, "wake", busy)

    assert flux_aws.handler(app)(wake("r-1"), events.Context()) == failures("m-1")
    assert "message m-1 is to come again: RunBusy" in caplog.text


@pytest.mark.parametrize("error", [StoreError("the table does not answer"), ZeroDivisionError()])
def test_a_store_that_fails_has_the_message_come_again(waker: Calls, error: Exception) -> None:
    """What passes, passes; what is unexpected is not lost."""
    app = App([Workflow("one").step("step", lambda ctx: 1)], Broken(error), waker=waker)

    assert flux_aws.handler(app)(wake("r-1"), events.Context()) == failures("m-1")


def test_a_command_that_cannot_be_obeyed_is_acknowledged(
    waker: Calls, caplog: pytest.LogCaptureFixture
) -> None:
    """It could not be obeyed the next time either."""
    app = App([Workflow("one").step("step", lambda ctx: 1)], MemoryStorage(), waker=waker)
    batch = sqs(message({"flux": {"action": "explode"}}, "m-1") | {"eventSourceARN": OWN})

    assert flux_aws.handler(app)(batch, events.Context()) == failures()
    assert "message m-1 is acknowledged, and nothing done: InvalidInput: flux.action" in caplog.text


def test_in_any_other_queue_a_command_is_an_input(waker: Calls) -> None:
    """Who may send orders may not steer runs."""
    app = App([Workflow("any").step("step", lambda ctx: ctx.input)], MemoryStorage(), waker=waker)
    app.start("any", {}, id="r-1")
    flux_aws.handler(app)(wake("r-1", arn=f"{OWN}-of-others"), events.Context())
    statuses = {run.id: run.status for run in app.list()}

    assert statuses == {"r-1": "pending", "m-1": "completed"}


@pytest.mark.parametrize("queue_arn", [{}, {"queue_arn": None}])
def test_without_a_queue_of_its_own_no_message_is_a_command(queue_arn: dict[str, Any]) -> None:
    """A waker may have no queue at all."""
    waker = type("Waker", (), {"wake": lambda self, run_id, at: None, **queue_arn})()
    app = App([Workflow("any").step("step", lambda ctx: ctx.input)], MemoryStorage(), waker=waker)
    app.start("any", {}, id="r-1")
    batch = wake("r-1")
    del batch["Records"][0]["eventSourceARN"]
    flux_aws.handler(app)(batch, events.Context())

    assert {run.id: run.status for run in app.list()} == {"r-1": "pending", "m-1": "completed"}


@pytest.mark.parametrize("body", ["{", "[1]", '{"flux": "capacitor"}', '{"flux": {}, "and": 1}'])
def test_what_is_no_command_is_an_input_in_the_wakers_queue_too(waker: Calls, body: str) -> None:
    """A message that is neither is refused as an input is."""
    typed = Workflow("typed", input=Order, data=Progress).step("step", lambda ctx: 1)
    batch = sqs(message(body, "m-1") | {"eventSourceARN": OWN})
    handler = flux_aws.handler(App([typed], MemoryStorage(), waker=waker))

    assert handler(batch, events.Context()) == failures("m-1")


def test_a_run_out_of_time_is_left_to_the_waker(waker: Calls) -> None:
    """The waker brings it on at once, so its message need not come again."""

    def slow(ctx: Any) -> None:
        time.sleep(0.7)

    app = App([Workflow("slow").step("a", slow).step("b", slow)], MemoryStorage(), waker=waker)
    answer = flux_aws.handler(app)(sqs(message({}, "m-1")), events.Context(remaining=1.1))

    assert (answer, [run.status for run in app.list()]) == (failures(), ["suspended"])
    assert [run_id for run_id, _ in waker.asked] == ["m-1"]


def test_a_direct_wake_up_answers_how_the_run_stands(waker: Calls) -> None:
    """A schedule and an asynchronous invocation send the same words, and nobody reads the answer but a person."""
    app = sleeping(waker)
    handler = flux_aws.handler(app)
    answer = handler({"flux": {"action": "wake", "id": "r-1"}}, events.Context())

    assert answer == {"status": "suspended", "id": "r-1", "data": {}}
    assert handler({"flux": {"action": "wake", "id": "gone"}}, None) == {"id": "gone", "status": None}


def test_without_a_waker_an_early_wake_up_does_nothing() -> None:
    """A tick finds the run when it is due."""
    nap = Workflow("nap").sleep("sleep", 3600).step("step", lambda ctx: 1)
    app = App([nap], MemoryStorage())
    app.execute("nap", {}, id="r-1")

    assert flux_aws.handler(app)({"flux": {"action": "wake", "id": "r-1"}}, None)["status"] == "suspended"


def test_a_wake_up_takes_no_other_field(waker: Calls) -> None:
    """A slip in a command shows."""
    with pytest.raises(InvalidInput, match=r"^flux\.when: unknown field; wake takes id, at$"):
        flux_aws.handler(sleeping(waker))({"flux": {"action": "wake", "id": "r-1", "when": 7}}, None)


@pytest.mark.parametrize("at", ["soon", True, None, float("nan")])
def test_the_moment_of_a_wake_up_is_in_seconds(waker: Calls, at: object) -> None:
    """Anything else is refused before the run is looked at."""
    with pytest.raises(InvalidInput, match=r"^flux\.at: expected Unix seconds, got "):
        flux_aws.handler(sleeping(waker))({"flux": {"action": "wake", "id": "r-1", "at": at}}, None)


@pytest.mark.parametrize(
    ("off", "handed_on"), [(0.0, 1), (0.9, 1), (-0.9, 1), (1.1, 0), (-1.1, 0), (-600.0, 0)]
)
def test_an_early_wake_up_is_handed_on_if_it_is_the_one_that_is_awaited(
    waker: Calls, off: float, handed_on: int
) -> None:
    """One for a moment that is no longer the run's ends, as another is on its way for the new one."""
    app = sleeping(waker)
    ((_, wake_at),) = waker.asked
    del waker.asked[:]
    command = {"action": "wake", "id": "r-1", "at": wake_at + off}
    answer = flux_aws.handler(app)({"flux": command}, events.Context())

    assert (answer["id"], answer["status"]) == ("r-1", "suspended")
    assert waker.asked == [("r-1", wake_at)] * handed_on


def test_one_open_wait_has_one_wake_up_on_its_way(waker: Calls) -> None:
    """Those for waits that were answered in time come to an end, however often they were handed on before."""
    asking = Workflow("ask")
    for number in range(6):
        asking = asking.wait(f"answer-{number}", timeout=86_400.0 + 60 * number)
    app = App([asking], MemoryStorage(), waker=waker)
    handler = flux_aws.handler(app)
    app.execute("ask", {}, id="r-1")
    for number in range(5):
        app.signal("ask", "r-1", f"answer-{number}")
    assert len(waker.asked) == 6
    for _ in range(2):  # each stage of 15 minutes
        arriving, waker.asked = waker.asked, []
        for run_id, at in arriving:
            handler({"flux": {"action": "wake", "id": run_id, "at": at}}, events.Context())

    run = app.get("r-1")
    assert run is not None
    assert waker.asked == [("r-1", run.wake_at)]


def test_a_run_that_is_due_is_gone_on_with_whatever_was_asked_for(waker: Calls) -> None:
    """A wake-up for another moment that finds its run due does what any other would."""
    app = App([Workflow("one").step("step", lambda ctx: 1)], MemoryStorage(), waker=waker)
    app.start("one", {}, id="r-1")
    command = {"action": "wake", "id": "r-1", "at": time.time() + 3600}

    assert flux_aws.handler(app)({"flux": command}, events.Context())["status"] == "completed"


def test_a_wake_up_reads_the_run_as_often_in_an_app_of_many_workflows(
    waker: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which workflow it is of is read with whether it is due, and its history is read once, by the engine."""
    many = [Workflow("nap").step("note", lambda ctx: "long " * 9000).sleep("sleep", 3600)]
    many += [Workflow(name).step("step", lambda ctx: 1) for name in ("one", "two")]
    storage = MemoryStorage()
    app = App(many, storage, waker=waker)
    app.execute("nap", {}, id="r-1")
    read = Counter[str]()

    def counted(method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            read[method.__name__] += 1
            return method(*arguments)

        return call

    for name in ("load", "get_blob"):
        monkeypatch.setattr(storage, name, counted(getattr(storage, name)))
    flux_aws.handler(app, workflow="one")(wake("r-1"), events.Context())

    assert read == {"load": 2, "get_blob": 1}
