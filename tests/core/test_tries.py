"""What a run keeps of the attempts that failed: when each was, with what error, and what that came from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from core.conftest import Death, die

from flux_core import Context, Fatal, Retry, RunStatus, Workflow
from flux_core._run import Try

if TYPE_CHECKING:
    from core.conftest import AnyEngine, Clock, MakeEngine

    from flux_core.storage import MemoryStorage, Storage

Ctx = Context[Any, Any]
SOON = Retry(2, initial=4.0, factor=1.0, jitter="none")


def failing(clock: Clock, times: int) -> Workflow[Any, Any]:
    """Return a workflow whose step takes two seconds, and fails so many times."""

    def work(ctx: Ctx) -> None:
        clock.advance(2)
        if ctx.attempt <= times:
            raise ValueError(f"no luck at {ctx.attempt}")

    return Workflow("w").step("work", work, retries=SOON)


def test_each_failed_attempt_is_kept_with_its_times(
    make_engine: MakeEngine, any_store: Storage, clock: Clock
) -> None:
    """A node that failed twice tells both attempts, and when the one that succeeded began."""
    make_engine(any_store).execute(failing(clock, 2), {}, id="r")
    (step,) = make_engine(any_store).run("r").history
    began = step.started_at
    assert began is not None
    times = [(tried.started_at - began, tried.ended_at - began, tried.error.message) for tried in step.tries]
    assert times == [(0.0, 2.0, "no luck at 1"), (6.0, 8.0, "no luck at 2")]
    assert step.tried_at == began + 12.0


def test_the_last_attempt_of_a_failed_node_is_kept_too(engine: AnyEngine, clock: Clock) -> None:
    """A node that has failed for good tells all its attempts; none of them carries a traceback."""
    engine.execute(failing(clock, 9), {}, id="r")
    (step,) = engine.run("r").history
    assert [tried.error.message for tried in step.tries] == [f"no luck at {attempt}" for attempt in (1, 2, 3)]
    assert {tried.error.traceback for tried in step.tries} == {None}


def test_a_node_that_succeeds_at_once_keeps_nothing(engine: AnyEngine, clock: Clock) -> None:
    """Without failed attempts there is nothing to tell, and nothing in the document."""
    engine.execute(failing(clock, 0), {}, id="r")
    (step,) = engine.run("r").history
    assert (step.tries, step.tried_at) == ((), None)


def test_the_last_ten_are_kept(engine: AnyEngine, clock: Clock) -> None:
    """A step that fails for hours does not make its document grow."""

    def work(ctx: Ctx) -> None:
        raise ValueError("x" * 3000)

    flow = Workflow("w").step("work", work, retries=Retry(30, initial=1.0, factor=1.0, jitter="none"))
    engine.execute(flow, {}, id="r")
    (step,) = engine.run("r").history
    assert (step.attempts, len(step.tries)) == (31, 10)
    assert {len(tried.error.message) for tried in step.tries} == {500}


def test_compensations_keep_theirs(engine: AnyEngine, clock: Clock) -> None:
    """A compensation that failed once, and then succeeded, tells so."""

    def undo(ctx: Ctx) -> None:
        clock.advance(1)
        if ctx.attempt == 1:
            raise ConnectionError("not yet")

    flow = (
        Workflow("w")
        .commit("pay", lambda _: None, compensate=undo, retries=SOON)
        .step("check", lambda _: fail(Fatal("no")))
    )
    assert engine.execute(flow, {}, id="r").status is RunStatus.ROLLED_BACK
    (undone,) = engine.run("r").compensations
    (tried,) = undone.tries
    assert isinstance(tried, Try)
    assert (tried.ended_at - tried.started_at, tried.error.message) == (1.0, "not yet")
    assert undone.tried_at == tried.ended_at + 4.0


def test_a_condition_that_fails_is_a_try_of_its_own_time(engine: AnyEngine, clock: Clock) -> None:
    """What a condition took is not counted from the node before it."""

    def refuse(ctx: Ctx) -> bool:
        clock.advance(1)
        raise ValueError("no")

    flow = Workflow("w").step("rest", lambda _: clock.advance(3)).step("work", lambda _: None, when=refuse)
    engine.execute(flow, {}, id="r")
    (tried,) = engine.run("r").history[1].tries
    assert tried.ended_at - tried.started_at == 1.0


def test_an_attempt_after_an_interruption_tells_when_it_began(
    make_engine: MakeEngine, store: MemoryStorage, clock: Clock
) -> None:
    """A node whose worker was lost, and that then completed, tells when that was tried."""
    dying = Workflow("w").step("work", die)
    with pytest.raises(Death):
        make_engine(store).execute(dying, {}, id="r")
    clock.advance(100)
    make_engine(store).tick([Workflow("w").step("work", lambda _: None)])
    (step,) = make_engine(store).run("r").history
    assert (step.attempts, step.tries) == (2, ())
    assert step.tried_at is not None
    assert step.started_at is not None
    assert step.tried_at - step.started_at == 100.0


def test_an_older_flux_reads_an_error_with_a_cause(engine: AnyEngine, store: MemoryStorage) -> None:
    """The cause stands beside the error, whose fields are those that every Flux knows; newer ones are passed over."""
    engine.execute(Workflow("w").step("work", lambda _: raised_from()), {}, id="r")
    record = store.load("r")
    assert record is not None
    document = json.loads(record.document)
    assert document["error"].keys() == {"type", "message", "code", "retryable", "traceback"}
    assert (
        document["cause"]
        == document["current"]["cause"]
        == "ConnectionError: refused ← OSError: no route to host"
    )
    document["error"]["severity"] = "of a newer Flux"
    newer = record._replace(revision=record.revision + 1, document=json.dumps(document).encode())
    store.save(newer, replaces=record.revision)
    error = engine.run("r").error
    assert error is not None
    assert (error.message, error.cause) == ("no answer", document["cause"])


def test_they_are_shown_as_json(engine: AnyEngine, clock: Clock) -> None:
    """`Run.to_dict` gives the attempts with ISO times."""
    engine.execute(failing(clock, 1), {}, id="r")
    (step,) = engine.run("r").to_dict()["history"]
    (tried,) = step["tries"]
    assert tried["started_at"] == "1970-01-12T13:46:40.000000Z"
    assert tried["error"] == {
        "type": "ValueError",
        "message": "no luck at 1",
        "code": "STEP_FAILED",
        "retryable": True,
    }


def fail(error: Exception) -> None:
    """Raise the error."""
    raise error


def raised_from() -> None:
    """Raise an error that has two causes."""
    try:
        try:
            fail(OSError("no route to host\nat all"))
        except OSError as lowest:
            raise ConnectionError("refused") from lowest
    except ConnectionError as lower:
        raise ValueError("no answer") from lower


def raised_while_handling() -> None:
    """Raise an error while another is handled."""
    try:
        fail(KeyError("order"))
    except KeyError:
        raise ValueError("broken order")  # noqa: B904 (that is the case)


def raised_from_none() -> None:
    """Raise an error that hides what was before it."""
    try:
        fail(KeyError("order"))
    except KeyError:
        raise ValueError("broken order") from None


def raised_in_a_circle() -> None:
    """Raise an error that is its own cause."""
    first, second = ValueError("first"), KeyError()
    first.__cause__, second.__cause__ = second, first
    raise first


class Unhashable(Exception):
    """An error that has an equality, and so no hash."""

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]  # that is the case


class Empty(Exception):
    """An error that counts as false, and says nothing."""

    def __len__(self) -> int:
        return 0


def raised_from_unhashable() -> None:
    """Raise an error that cannot be hashed from one that cannot either."""
    raise Unhashable("first") from Unhashable("second")


def raised_from_what_counts_as_false() -> None:
    """Raise an error whose cause counts as false."""
    raise ValueError("no") from Empty()


def raised_from_many() -> None:
    """Raise an error with more causes than anybody reads."""
    error = ValueError("0")
    for depth in range(1, 9):
        above = ValueError(str(depth))
        above.__cause__ = error
        error = above
    raise error


@pytest.mark.parametrize(
    ("handler", "cause"),
    [
        (raised_from, "ConnectionError: refused ← OSError: no route to host"),
        (raised_while_handling, "KeyError: 'order'"),
        (raised_from_none, None),
        (raised_in_a_circle, "KeyError"),
        (raised_from_unhashable, "Unhashable: second"),
        (raised_from_what_counts_as_false, "Empty"),
        (raised_from_many, " ← ".join(f"ValueError: {depth}" for depth in (7, 6, 5, 4, 3))),
    ],
)
def test_an_error_tells_its_causes(engine: AnyEngine, handler: Any, cause: str | None) -> None:
    """The chain of what an error was raised from is one line, each cause without its further lines."""
    result = engine.execute(Workflow("w").step("work", lambda _: handler()), {})
    assert result.error is not None
    assert result.error.cause == cause
    assert result.error.to_dict().get("cause") == cause
