"""What runs cost, as DynamoDB itself counts it: write units of at most 1 KB, read units of at most 4 KB."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.capacity import Meter, read, written
from flux_core import Context, Engine, Fatal, InputMismatch, RunStatus, Workflow, sleep
from flux_core.storage import Query, Record
from flux_core.testing import FakeClock

if TYPE_CHECKING:
    from flux_aws import DynamoDBStorage

pytestmark = pytest.mark.xdist_group("dynamodb-local")

Ctx = Context[Any, Any]


def work(ctx: Ctx) -> dict[str, str]:
    """Do what a step does."""
    return {"step": ctx.step}


FOUR: Workflow[Any, Any] = (
    Workflow("order").step("check", work).commit("reserve", work).commit("charge", work).step("notify", work)
)
ORDER = {"order_id": "o_001", "items": [{"product": "mug", "qty": 2}], "address": {"city": "Berlin"}}


@pytest.fixture
def meter(storage: DynamoDBStorage) -> Meter:
    """Counts what the store consumes."""
    return Meter(storage)


def test_a_run_of_four_nodes_costs_eight_write_units(storage: DynamoDBStorage, meter: Meter) -> None:
    """Creation and four saves in the table, two index entries made and one removed; nothing is read."""
    Engine(storage).execute(FOUR, ORDER)

    requests = meter.take()
    assert [(request.units, request.in_indexes) for request in requests] == [
        (3, 2),
        (1, 0),
        (1, 0),
        (1, 0),
        (2, 1),
    ]
    assert (written(requests), read(requests)) == (8, 0)


def test_a_run_saved_at_its_commits_costs_seven(storage: DynamoDBStorage, meter: Meter) -> None:
    """With `checkpoint="commit"` the first step is saved with the first commit."""
    Engine(storage, checkpoint="commit").execute(FOUR, ORDER)

    requests = meter.take()
    assert (written(requests), read(requests)) == (7, 0)


def test_a_duplicate_start_reads_nothing(storage: DynamoDBStorage, meter: Meter) -> None:
    """A start with an id that is taken is one refused write, which brings the run back."""
    engine = Engine(storage)
    first = engine.execute(FOUR, ORDER, id="o_001")
    meter.take()

    assert engine.execute(FOUR, ORDER, id="o_001").to_dict() == first.to_dict()
    assert [request.operation for request in meter.take()] == ["PutItem"]


def test_a_start_with_another_input_reads_nothing(storage: DynamoDBStorage, meter: Meter) -> None:
    """The run that comes back with the refusal is whole: its input is there to be compared."""
    engine = Engine(storage)
    engine.execute(FOUR, ORDER, id="o_001")
    meter.take()

    with pytest.raises(InputMismatch):
        engine.execute(FOUR, {"order_id": "o_002"}, id="o_001")
    assert [request.operation for request in meter.take()] == ["PutItem"]


def test_a_step_of_a_long_run_costs_what_one_of_a_short_run_does(
    storage: DynamoDBStorage, meter: Meter
) -> None:
    """A hundred steps cost one write unit each, as four do."""
    long: Workflow[Any, Any] = Workflow("long")
    for number in range(100):
        long = long.step(f"step-{number}", lambda ctx: None)
    Engine(storage).execute(long, {})

    requests = meter.take()
    assert written(requests) <= 1.3 * (100 + 4)
    assert sorted(request.units for request in requests)[98] == 1
    assert read(requests) == 0


def test_a_failed_attempt_costs_one_more(storage: DynamoDBStorage, meter: Meter) -> None:
    """It is saved before the next one begins, and moves nothing in the indexes."""
    failures = iter([ValueError("busy"), ValueError("busy")])

    def twice(ctx: Ctx) -> None:
        for error in failures:
            raise error

    clock = FakeClock(time.time())
    Engine(storage, clock=clock).execute(Workflow("one").step("only", twice, retries=2), {})
    assert written(meter.take()) == 3 + 2 + 2


def test_the_intent_of_a_commit_costs_one_more(storage: DynamoDBStorage, meter: Meter) -> None:
    """A commit with `once=True` is saved before and after it runs."""
    Engine(storage).execute(Workflow("one").commit("only", work, once=True), {})
    assert written(meter.take()) == 3 + 1 + 2


def test_suspending_costs_three(storage: DynamoDBStorage, meter: Meter) -> None:
    """The save moves the run among the due: an entry is removed, one made. Resuming reads it, and moves it again."""
    pause: Workflow[Any, Any] = Workflow("pause").step("rest", lambda ctx: sleep(3600)).step("go", work)
    clock = FakeClock(time.time())
    engine = Engine(storage, clock=clock)
    engine.execute(pause, {}, id="o_001")
    assert [request.units for request in meter.take()] == [3, 3]

    clock.advance(3600)
    assert engine.resume(pause, "o_001").status is RunStatus.COMPLETED
    requests = meter.take()
    assert read(requests) == 1
    assert [request.units for request in requests] == [1, 3, 1, 2]  # read, taken over, rested, ended


def test_a_run_that_fails_stays_in_sight_for_one_more(storage: DynamoDBStorage, meter: Meter) -> None:
    """It is moved from among the live runs to the failed ones, where it is found without a look at any other."""

    def refuse(ctx: Ctx) -> None:
        raise Fatal("declined")

    Engine(storage).execute(Workflow("one").step("only", refuse), {})
    assert [request.units for request in meter.take()] == [3, 3]


@pytest.mark.parametrize("ended", [0, 40])
def test_the_due_are_found_among_the_live_alone(storage: DynamoDBStorage, meter: Meter, ended: int) -> None:
    """What a tick reads does not grow with the runs that have ended: the due run's entry, and the run."""
    engine = Engine(storage)
    for _ in range(ended):
        engine.execute(Workflow("one").step("only", work), {})
    storage.create(Record("due", "one", RunStatus.SUSPENDED, 1, "w", 100.0, 100.0, 100.0, b"{}"))
    meter.take()

    assert [record.id for record in storage.find(Query(wake_before=200.0)).records] == ["due"]
    assert read(meter.take()) == 0.5 + 1
