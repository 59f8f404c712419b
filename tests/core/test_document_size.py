"""What a save writes does not grow with what a run has behind it, waits to be served or carries along."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from flux_core import Context, Engine, Fatal, RunStatus, Workflow
from flux_core.storage import MemoryStorage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flux_core.storage import Record

Ctx = Context[dict[str, Any], dict[str, Any]]
EIGHT_KB = 8_000
MANY = 100


class Scales(MemoryStorage):
    """A store that weighs what is saved, and may break down."""

    def __init__(self) -> None:
        super().__init__()
        self.weights: list[int] = []
        self.fails_after: int | None = None

    def save(self, record: Record, *, replaces: int) -> None:
        """Save the run, and note what its document weighs."""
        if self.fails_after is not None and len(self.weights) >= self.fails_after:
            raise SystemExit
        super().save(record, replaces=replaces)
        self.weights.append(len(record.document))


@pytest.fixture
def store() -> Iterator[Scales]:
    """Give scales that have weighed nothing."""
    yield (scales := Scales())
    scales.close()


def undo(ctx: Ctx) -> None:
    """Undo what a commit did, with a trace in data."""
    ctx.data["undone"] = ctx.step


def fail(ctx: Ctx) -> None:
    """Fail for good."""
    raise Fatal("no")


def saga() -> Workflow[dict[str, Any], dict[str, Any]]:
    """Return a workflow that does many things, and undoes them all."""
    flow = Workflow("saga")
    for number in range(MANY):
        flow = flow.commit(f"commit{number}", lambda ctx: ctx.step, compensate=undo)
    return flow.step("fail", fail)


def test_compensations_behind_a_run_weigh_nothing(store: Scales) -> None:
    """The last of a hundred is saved for what the first was, give or take a page."""
    result = Engine(store).execute(saga(), {}, id="x")
    back = store.weights[-MANY:]
    assert result.status is RunStatus.ROLLED_BACK
    assert max(back) < 3 * back[0]


def test_paged_compensations_are_read_back(store: Scales) -> None:
    """A worker that comes after a death goes on where the rollback stood, and all of it can be seen."""
    store.fails_after = MANY + 60
    with pytest.raises(SystemExit):
        Engine(store, lease=0.001).execute(saga(), {}, id="x")
    store.fails_after = None
    assert Engine(store).resume(saga(), "x").status is RunStatus.ROLLED_BACK
    run = Engine(store).get("x")
    assert run is not None
    assert [record.name for record in run.compensations] == [f"commit{n}" for n in reversed(range(MANY))]
    assert run.data == {"undone": "commit0"}


def test_signals_that_wait_weigh_little(store: Scales) -> None:
    """What they carry is kept beside the run until a wait takes it."""
    engine, flow = Engine(store), Workflow("w").wait("go").wait("news", timeout=60)
    engine.execute(flow, {}, id="x")
    for number in range(MANY):
        engine.signal(flow, "x", "news", [number, "x" * EIGHT_KB])
    assert max(store.weights) < MANY * 600
    assert engine.signal(flow, "x", "go").results["news"][0] == 0


def test_data_of_many_fields_weighs_little(store: Scales) -> None:
    """Together they are large, though none of them is."""

    def fill(ctx: Ctx) -> None:
        ctx.data.update({f"field{number}": [number, "x" * EIGHT_KB] for number in range(20)})

    flow = Workflow("w").step("fill", fill)
    for number in range(MANY):
        flow = flow.step(f"step{number}", lambda ctx: None)
    result = Engine(store).execute(flow, {}, id="x")
    assert max(store.weights) < EIGHT_KB
    assert result.data["field19"][0] == 19


def test_small_data_stays_in_its_document(store: Scales) -> None:
    """A value is only put aside when there is much of it: each is a write of its own."""
    Engine(store).execute(Workflow("w").step("a", lambda ctx: ctx.data.update(note="x" * 4_000)), {}, id="x")
    assert max(store.weights) > 4_000
