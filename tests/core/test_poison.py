"""What cannot be read, saved or decided fails where it stands, and stops nothing else."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from flux_core import Context, DefinitionChanged, Fatal, RunBusy, StoreError, Workflow
from flux_core.storage import MemoryStorage, SQLiteStorage
from flux_core.testing._stepping import Call, SteppingEngine

if TYPE_CHECKING:
    from pathlib import Path

    from core.conftest import AnyEngine, Clock, MakeEngine

Ctx = Context[Any, Any]


@dataclass
class Small:
    """Data that refuses to be large."""

    n: int = 0

    def __post_init__(self) -> None:
        if self.n > 3:
            raise ValueError("n is at most 3")


def one(ctx: Ctx) -> int:
    """Return 1."""
    return 1


def spoil(store: MemoryStorage, run_id: str, **changes: Any) -> None:
    """Change a stored record behind the engine's back."""
    store._records[run_id] = store._records[run_id]._replace(**changes)


def test_data_that_could_not_be_restored_fails_the_step_that_left_it(engine: AnyEngine) -> None:
    """A class that checks itself is asked when it is saved, not when it is too late."""

    def grow(ctx: Context[Any, Small]) -> None:
        ctx.data.n = 5

    result = engine.execute(Workflow("w", data=Small).step("a", grow).step("b", one), {})
    assert result.error is not None
    assert (result.status, result.error.type) == ("failed", "NotSerializable")
    assert "could not be restored from it: n is at most 3" in result.error.message


def test_a_condition_without_a_truth_fails_its_node(engine: AnyEngine) -> None:
    """An array, for one, is neither true nor false."""

    class Array:
        def __bool__(self) -> bool:
            raise ValueError("the truth of an array is ambiguous")

    result = engine.execute(Workflow("w").step("a", one, when=lambda ctx: Array()), {})
    assert result.error is not None
    assert (result.status, result.error.message) == ("failed", "the truth of an array is ambiguous")


def test_a_return_annotation_that_is_no_type_says_nothing(engine: AnyEngine) -> None:
    """An annotation may be any text; what the handler returns decides."""

    def odd(ctx: Ctx) -> Any:
        return 1

    odd.__annotations__["return"] = "not a type!"
    assert engine.execute(Workflow("w").commit("a", odd), {}).results == {"a": 1}


def test_an_error_may_have_any_code(engine: AnyEngine) -> None:
    """What a user's error calls its code is kept as text."""

    class Odd(Fatal):
        code: ClassVar[Any] = b"x"

    def fail(ctx: Ctx) -> None:
        raise Odd("no")

    result = engine.execute(Workflow("w").step("a", fail), {})
    assert result.error is not None
    assert result.error.code == "b'x'"


@pytest.mark.parametrize("document", [b"no json", b'{"format":1}', b'{"format":9}'])
def test_a_document_that_cannot_be_read_stops_no_other_run(
    document: bytes, make_engine: MakeEngine, store: MemoryStorage, caplog: pytest.LogCaptureFixture
) -> None:
    """Tick goes on with the others and says which one it cannot; so does list."""
    engine = make_engine(store)
    flow = Workflow("w").step("a", one)
    for run_id in ("x", "y"):
        engine.start(flow, {}, id=run_id)
    spoil(store, "x", document=document)
    report = engine.tick([flow])
    assert (report.due, report.completed, report.skipped) == (2, 1, 1)
    assert [run.id for run in engine.list()] == ["y"]
    assert caplog.text.count("run 'x'") >= 2
    with pytest.raises(StoreError):
        engine.get("x")


def test_a_status_of_a_newer_flux_stops_no_other_run(make_engine: MakeEngine, tmp_path: Path) -> None:
    """A rolling deploy may leave statuses that this Flux does not know yet."""
    store = SQLiteStorage(tmp_path / "flux.db")
    engine = make_engine(store)
    flow = Workflow("w").step("a", one)
    for run_id in ("x", "y"):
        engine.start(flow, {}, id=run_id)
    with closing(sqlite3.connect(store.path)) as newer, newer:
        newer.execute("UPDATE flux_runs SET status = 'frozen' WHERE id = 'x'")
    assert engine.tick([flow]).completed == 1
    with pytest.raises(StoreError, match="status frozen"):
        engine.get("x")
    store.close()


def test_a_definition_that_went_forward_and_back_is_looked_at(make_engine: MakeEngine, clock: Clock) -> None:
    """A node that ran under the definition in between is not passed over: no other is lost for it."""
    from core.conftest import Death, die

    store = MemoryStorage()
    engine = make_engine(store)

    def flow(*nodes: str, last: Any = one) -> Workflow[Any, Any]:
        workflow: Workflow[Any, Any] = Workflow("w")
        for name in nodes[:-1]:
            workflow = workflow.step(name, one)
        return workflow.step(nodes[-1], last)

    with pytest.raises(Death):
        engine.execute(flow("a", "b", last=die), {}, id="x")
    clock.advance(61)
    with pytest.raises(Death):
        engine.resume(flow("a", "x", "b", last=die), "x")
    clock.advance(61)
    with pytest.raises(DefinitionChanged, match="ran step 'x' as node 2"):
        engine.resume(flow("a", "b"), "x")


def test_an_output_is_what_was_saved(engine: AnyEngine) -> None:
    """What is done later to a list that a step returned does not count, as it would not after a resume."""

    def share(ctx: Ctx) -> Any:
        ctx.data["items"] = [1]
        return ctx.data["items"]

    def append(ctx: Ctx) -> Any:
        ctx.data["items"].append(2)
        return list(ctx.results["share"])

    result = engine.execute(Workflow("w").step("share", share).step("append", append), {})
    assert result.results == {"share": [1], "append": [1]}


def test_what_a_failed_attempt_does_to_results_and_input_is_gone(engine: AnyEngine) -> None:
    """Each attempt sees what was saved."""

    def meddle(ctx: Ctx) -> Any:
        seen = [*ctx.results["a"], *ctx.input["list"]]
        ctx.results["a"].append(99)
        ctx.input["list"].append(99)
        if ctx.attempt == 1:
            raise OSError("again")
        return seen

    flow = Workflow("w").step("a", lambda ctx: [1]).step("b", meddle, retries=1)
    assert engine.execute(flow, {"list": [2]}).results["b"] == [1, 2]


def test_an_input_that_is_not_equal_to_itself_is_still_the_same(engine: AnyEngine) -> None:
    """NaN is unlike NaN; the order that carries it is the same order."""
    flow = Workflow("w").step("a", one)
    first = engine.execute(flow, {"x": float("nan")}, id="x")
    assert engine.execute(flow, {"x": float("nan")}, id="x").status == first.status == "completed"


def test_a_run_that_is_being_deleted_is_held(make_engine: MakeEngine, store: MemoryStorage) -> None:
    """Between the last look and the deletion nobody begins to work on it."""
    engine = make_engine(store)
    flow = Workflow("w").step("a", one)
    engine.start(flow, {}, id="x")
    delete: Any = SteppingEngine(store).delete
    call = delete("x")
    assert isinstance(call, Call)
    while type(call.next).__name__ != "Delete":
        call.step()
    with pytest.raises(RunBusy):
        engine.resume(flow, "x")
    call.finish()
    assert engine.get("x") is None


def test_what_cannot_be_read_can_be_deleted(engine: AnyEngine, store: MemoryStorage) -> None:
    """Nobody can work on it."""
    engine.start(Workflow("w").step("a", one), {}, id="x")
    spoil(store, "x", document=b"no json")
    engine.delete("x")
    assert store.load("x") is None
