"""A store may say how long a value it takes: a longer one fails what brings it, and nothing hangs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from flux_core import Context, Fatal, InvalidInput, Workflow
from flux_core.storage import MemoryStorage

if TYPE_CHECKING:
    from core.conftest import AnyEngine, MakeEngine

Ctx = Context[Any, Any]
LARGEST = 10_000
TOO_LONG = "x" * LARGEST  # and two quotes
WHY = "a value of 10,002 characters, and the store takes 10,000 at most"


class Small(MemoryStorage):
    """A store that takes no value of more than that."""

    largest = LARGEST

    def put_blob(self, run_id: str, key: str, value: bytes) -> None:
        """Refuse what is too large, as a store does that has a limit."""
        assert len(value) <= LARGEST, "the engine has let it through"
        super().put_blob(run_id, key, value)


@pytest.fixture
def engine(make_engine: MakeEngine) -> AnyEngine:
    """Give an engine over such a store."""
    return make_engine(Small())


def grow(ctx: Ctx) -> None:
    """Let data grow out of bounds."""
    ctx.data["much"] = TOO_LONG


@pytest.mark.parametrize("handler", [lambda ctx: TOO_LONG, grow], ids=["output", "data"])
def test_a_step_that_leaves_more_has_failed(engine: AnyEngine, handler: Any) -> None:
    """Not the store: the run says which step it was, how much, and what to do; trying again would not help."""
    result = engine.execute(Workflow("w").step("a", handler, retries=3), {}, id="x")
    assert result.status == "failed"
    assert result.error is not None
    assert (result.error.code, result.error.retryable) == ("NOT_SERIALIZABLE", False)
    assert result.error.message.startswith(f"step 'a' left what cannot be saved: {WHY}")
    assert engine.run("x").data == {}


def test_a_compensation_that_leaves_more_has_failed(engine: AnyEngine) -> None:
    """So it is on the way back."""

    def fail(ctx: Ctx) -> None:
        raise Fatal("no")

    flow = Workflow("w").commit("a", lambda ctx: None, compensate=grow).step("b", fail)
    assert engine.execute(flow, {}, id="x").status == "compensation_failed"
    error = engine.run("x").compensations[0].error
    assert error is not None
    assert WHY in error.message


def test_a_larger_input_is_refused(engine: AnyEngine) -> None:
    """Before anything is saved."""
    with pytest.raises(InvalidInput, match="the store takes 10,000 at most"):
        engine.execute(Workflow("w").step("a", lambda ctx: None), {"text": TOO_LONG}, id="x")
    assert engine.get("x") is None


def test_a_larger_signal_is_refused(engine: AnyEngine) -> None:
    """The run waits on."""
    flow = Workflow("w").wait("go")
    engine.execute(flow, {}, id="x")
    with pytest.raises(InvalidInput, match=f"payload: {WHY}"):
        engine.signal(flow, "x", "go", TOO_LONG)
    assert engine.run("x").inbox == ()


def test_as_much_as_that_is_taken(engine: AnyEngine) -> None:
    """The limit itself is within it."""
    result = engine.execute(Workflow("w").step("a", lambda ctx: TOO_LONG[2:]), {})
    assert result.status == "completed"
