"""Tick: finding what is due and going on with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from core.conftest import Death, die, steal

from flux_core import Context, Retry, TickReport, Workflow
from flux_core.storage import MemoryStorage

if TYPE_CHECKING:
    from core.conftest import AnyEngine, Clock, MakeEngine

    from flux_core.storage import Query, Record, RecordPage, Storage

Ctx = Context[Any, Any]


def one(ctx: Ctx) -> int:
    """Return 1."""
    return 1


def by_input(ctx: Ctx) -> None:
    """Fail, suspend or complete, as the input says."""
    if ctx.input["then"] == "fail":
        raise TypeError
    if ctx.input["then"] == "suspend":
        raise ValueError


VARIED = Workflow("w").step(
    "a", by_input, retries=Retry(1, initial=60, jitter="none", give_up_on=(TypeError,))
)


def start(engine: AnyEngine, workflow: Workflow[Any, Any], count: int) -> None:
    """Start so many runs, called 0, 1, 2 ..."""
    for index in range(count):
        engine.start(workflow, {}, id=str(index))


def test_a_tick_reports_what_it_did(make_engine: MakeEngine, any_store: Storage) -> None:
    """Due runs are counted by what became of them."""
    engine = make_engine(any_store)
    for index, then in enumerate(["complete", "complete", "complete", "suspend", "suspend", "fail"]):
        engine.start(VARIED, {"then": then}, id=str(index))
    assert engine.tick([VARIED]) == TickReport(
        due=6, claimed=6, completed=3, suspended=2, failed=1, skipped=0
    )


def test_a_tick_with_nothing_due_does_nothing(engine: AnyEngine) -> None:
    """The report is all zeros."""
    engine.execute(Workflow("w").step("a", one), {})
    assert engine.tick([Workflow("w").step("a", one)]) == TickReport()


def test_a_tick_leaves_other_workflows_alone(engine: AnyEngine) -> None:
    """Only runs of the workflows that it is given are due to it."""
    start(engine, Workflow("w").step("a", one), 1)
    assert engine.tick([Workflow("v").step("a", one)]).due == 0


def test_a_tick_serves_several_workflows(engine: AnyEngine) -> None:
    """Each one's due runs go on."""
    first, second = Workflow("v").step("a", one), Workflow("w").step("a", one)
    engine.start(first, {}, id="x")
    engine.start(second, {}, id="y")
    assert engine.tick([first, second]).completed == 2


@pytest.mark.parametrize(("limit", "claimed"), [(0, 0), (1, 1), (3, 3), (9, 5)])
def test_a_tick_claims_no_more_than_its_limit(engine: AnyEngine, limit: int, claimed: int) -> None:
    """The rest stays due."""
    workflow = Workflow("w").step("a", one)
    start(engine, workflow, 5)
    assert engine.tick([workflow], limit=limit).claimed == claimed
    assert engine.tick([workflow]).claimed == 5 - claimed


def test_the_limit_counts_over_all_workflows(engine: AnyEngine) -> None:
    """A tick of two workflows does not do twice as much."""
    workflows = [Workflow("v").step("a", one), Workflow("w").step("a", one)]
    for workflow in workflows:
        for index in range(3):
            engine.start(workflow, {}, id=f"{workflow.name}{index}")
    assert engine.tick(workflows, limit=4).claimed == 4


def test_a_tick_goes_on_to_the_next_page(make_engine: MakeEngine, any_store: Storage) -> None:
    """More due runs than the store gives at a time are all done."""
    workflow = Workflow("w").step("a", one)
    engine = make_engine(any_store)
    start(engine, workflow, 205)
    assert engine.tick([workflow], limit=1_000) == TickReport(due=205, claimed=205, completed=205)


def test_runs_are_taken_in_no_fixed_order(engine: AnyEngine) -> None:
    """Two ticks at once would not meet at every run."""
    order: list[str] = []
    workflow = Workflow("w").step("a", lambda ctx: order.append(ctx.id))
    start(engine, workflow, 50)
    engine.tick([workflow])
    assert order != sorted(order, key=int)
    assert sorted(order, key=int) == [str(index) for index in range(50)]


class Found(MemoryStorage):
    """A store that finds runs which are held by now."""

    def find(self, query: Query) -> RecordPage:
        """Find everything of the workflow."""
        return super().find(query._replace(wake_before=2.0**60))


def test_a_tick_skips_what_another_worker_holds(make_engine: MakeEngine) -> None:
    """A run that was claimed between the search and the claim is counted, and left alone."""
    engine = make_engine(Found())
    workflow = Workflow("w").step("a", die)
    with pytest.raises(Death):
        engine.execute(workflow, {}, id="x")
    assert engine.tick([workflow]) == TickReport(due=1, skipped=1)


def test_a_tick_skips_what_another_worker_takes_over(make_engine: MakeEngine, clock: Clock) -> None:
    """A worker that loses a run while it works on it does not stop the tick."""
    store = MemoryStorage()

    engine = make_engine(store)
    workflow = Workflow("w").step("a", lambda ctx: steal(store, ctx.id) if ctx.id == "0" else None)
    start(engine, workflow, 2)
    report = engine.tick([workflow])
    assert (report.due, report.skipped, report.completed) == (2, 1, 1)


def test_a_run_of_a_changed_definition_is_logged_and_skipped(
    engine: AnyEngine, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """The log names the run and says why, without a traceback, and once while the run stands as it does."""
    old = Workflow("w").step("a", one).step("b", by_input, retries=Retry(1, initial=60, jitter="none"))
    engine.execute(old, {"then": "suspend"}, id="x")
    clock.advance(60)
    new = Workflow("w").step("z", one).step("b", one)
    engine.start(new, {}, id="y")
    assert engine.tick([new]) == TickReport(due=2, claimed=1, completed=1, skipped=1)
    assert engine.tick([new]) == TickReport(due=1, skipped=1)
    (record,) = caplog.records
    assert (record.name, record.levelname, record.exc_info) == ("flux", "ERROR", None)
    assert "run 'x' failed: DefinitionChanged: " in record.message


def test_what_cannot_be_gone_on_with_is_not_remembered_for_ever(
    engine: AnyEngine, clock: Clock, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of many such runs only the last are remembered; the others are told of again."""
    monkeypatch.setattr("flux_core._flows.MOST_REPORTED", 1)
    old = Workflow("w").step("a", one).step("b", by_input, retries=Retry(1, initial=60, jitter="none"))
    for run_id in ("x", "y"):
        engine.execute(old, {"then": "suspend"}, id=run_id)
    clock.advance(60)
    for _ in range(2):
        engine.tick([Workflow("w").step("z", one)])
    assert len(caplog.records) > 2


def test_a_run_that_cannot_be_read_is_logged_and_skipped(
    make_engine: MakeEngine, store: MemoryStorage, caplog: pytest.LogCaptureFixture
) -> None:
    """A broken document stops no other run."""
    engine = make_engine(store)
    workflow = Workflow("w").step("a", one)
    start(engine, workflow, 2)
    store._records["0"] = store._records["0"]._replace(document=b"{")
    assert engine.tick([workflow]) == TickReport(due=2, claimed=1, completed=1, skipped=1)
    assert "run '0'" in caplog.text


def test_a_tick_stops_at_its_deadline(engine: AnyEngine, clock: Clock) -> None:
    """Runs for which no time is left are not claimed: they stay due, as they were."""
    workflow = Workflow("w").step("a", lambda ctx: clock.advance(4))
    start(engine, workflow, 9)
    assert engine.tick([workflow], deadline=clock.monotonic() + 10) == TickReport(
        due=3, claimed=3, completed=3
    )
    assert len(engine.list(status="pending")) == 6


def test_a_tick_gives_its_runs_its_deadline(engine: AnyEngine, clock: Clock) -> None:
    """A run that does not end in time is suspended, for the next tick."""
    workflow = Workflow("w").step("a", lambda ctx: clock.advance(9.75)).step("b", one)
    start(engine, workflow, 1)
    assert engine.tick([workflow], deadline=clock.monotonic() + 10).suspended == 1
    assert engine.tick([workflow]).completed == 1


def test_a_step_longer_than_an_invocation_is_not_begun_late_in_a_tick(
    engine: AnyEngine, clock: Clock
) -> None:
    """What the runs before have used of the invocation is gone for those after."""
    workflow = Workflow("w").step("a", lambda ctx: clock.advance(8), timeout=300)
    start(engine, workflow, 2)
    report = engine.tick([workflow], deadline=clock.monotonic() + 10)
    assert (report.claimed, report.completed, report.suspended) == (2, 1, 1)


def test_a_tick_recovers_a_lost_run(make_engine: MakeEngine, any_store: Storage, clock: Clock) -> None:
    """A run whose lease has ended is due."""
    with pytest.raises(Death):
        make_engine(any_store).execute(Workflow("w").step("a", die), {}, id="x")
    workflow = Workflow("w").step("a", one)
    engine = make_engine(any_store)
    clock.advance(59)
    assert engine.tick([workflow]).due == 0
    clock.advance(1)
    assert engine.tick([workflow]).completed == 1


def test_a_tick_ends_a_run_that_loses_its_worker_again_and_again(
    make_engine: MakeEngine, clock: Clock
) -> None:
    """A run that crashes whoever takes it fails visibly, and is due no more."""
    engine = make_engine()
    workflow = Workflow("w").step("a", die)
    engine.start(workflow, {}, id="x")
    for _ in range(5):
        with pytest.raises(Death):
            engine.tick([workflow])
        clock.advance(60)
    assert engine.tick([workflow]) == TickReport(due=1, claimed=1, failed=1)
    assert engine.tick([workflow]).due == 0


def test_a_record_is_claimed_as_it_was_found(make_engine: MakeEngine, store: MemoryStorage) -> None:
    """A tick does not load what its search gave it."""
    loads: list[str] = []

    class Counting(MemoryStorage):
        def load(self, run_id: str) -> Record | None:
            loads.append(run_id)
            return super().load(run_id)

    engine = make_engine(Counting())
    workflow = Workflow("w").step("a", one)
    start(engine, workflow, 3)
    engine.tick([workflow])
    assert loads == []
