"""The context by itself, as a unit test of a handler makes it."""

from __future__ import annotations

from math import inf, nan
from typing import Any

import pytest

from flux_core import Context


def make(**options: Any) -> Context[Any, Any]:
    """Return a context with what must be given, and the options."""
    given: dict[str, Any] = {
        "id": "x",
        "workflow": "w",
        "step": "a",
        "input": {"k": 1},
        "data": {},
        **options,
    }
    return Context(**given)


def test_a_context_needs_little() -> None:
    """A unit test gives run, workflow, step, input and data; the rest has defaults."""
    ctx = make()
    assert (ctx.id, ctx.workflow, ctx.step, ctx.input, ctx.data) == ("x", "w", "a", {"k": 1}, {})
    assert (ctx.attempt, ctx.results, ctx.key, ctx.deadline, ctx.cancelled) == (1, {}, "x/a/1", None, False)


def test_a_context_takes_what_it_is_given() -> None:
    """Each field may be set."""
    results = {"b": 1}
    ctx = make(attempt=3, results=results, key="k", deadline=9.0)
    assert (ctx.attempt, ctx.results, ctx.key, ctx.deadline) == (3, results, "k", 9.0)


def test_without_a_deadline_time_is_endless() -> None:
    """There is nothing to wait for."""
    assert make().remaining() == inf


@pytest.mark.parametrize(("deadline", "left"), [(12.0, 2.0), (10.0, 0.0), (9.0, -1.0)])
def test_the_time_that_is_left_may_be_less_than_none(deadline: float, left: float) -> None:
    """After the deadline it is negative."""
    assert make(deadline=deadline, monotonic=lambda: 10.0).remaining() == left


def test_without_a_clock_the_computers_own_counts() -> None:
    """A context that was made by hand tells the time too."""
    assert make(deadline=0.0).remaining() < 0


@pytest.mark.parametrize("fraction", [0, 0.5, 1])
def test_progress_is_reported(fraction: float) -> None:
    """With the context, the fraction and the message."""
    told: list[tuple[object, ...]] = []
    ctx = make(report=lambda *arguments: told.append(arguments))
    ctx.progress(fraction, "so far")
    assert told == [(ctx, fraction, "so far")]


@pytest.mark.parametrize("fraction", [-0.01, 1.01, nan, inf])
def test_progress_goes_from_0_to_1(fraction: float) -> None:
    """Anything else is an error, whether or not anybody listens."""
    with pytest.raises(ValueError, match="progress goes from 0 to 1; got"):
        make().progress(fraction)


def test_progress_that_nobody_hears_is_no_error() -> None:
    """A context that was made by hand reports to nobody."""
    make().progress(0.5)


def test_the_logger_carries_the_attempt(caplog: pytest.LogCaptureFixture) -> None:
    """Run, step and attempt are fields of each record."""
    make(attempt=2).logger.error("no")
    (record,) = caplog.records
    fields = vars(record)
    assert record.name == "flux.w"
    assert (fields["run_id"], fields["step"], fields["attempt"]) == ("x", "a", 2)


def test_the_repr_says_which_attempt_it_is() -> None:
    """A debugger shows step, run and attempt."""
    assert repr(make(attempt=2)) == "<Context of 'a' in run 'x', attempt 2>"
