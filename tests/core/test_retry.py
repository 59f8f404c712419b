"""The retry policy: what it refuses, how long it waits, which errors it covers."""

from __future__ import annotations

from math import nan
from typing import Any

import pytest

from flux_core import Fatal, InvalidWorkflow, NotSerializable, Retry, StepTimeout

LARGEST_DRAW = 1 - 2**-53


class OutOfStock(Fatal):
    """A project's own fatal error."""


@pytest.mark.parametrize("retries", [-1, True, False, 1.0, "1", None])
def test_retries_are_a_whole_number(retries: Any) -> None:
    """Anything but an int of 0 or more is refused."""
    with pytest.raises(InvalidWorkflow, match="retries must be a whole number, 0 or more; got"):
        Retry(retries)


@pytest.mark.parametrize(
    ("option", "value"),
    [("initial", -0.1), ("initial", nan), ("factor", 0.9), ("factor", nan), ("max", -1), ("max", nan)],
)
def test_an_option_out_of_its_range_is_refused(option: str, value: float) -> None:
    """Delays are 0 or more, and do not shrink; the error names the option."""
    options: dict[str, Any] = {option: value}
    with pytest.raises(InvalidWorkflow, match=rf"Retry\({option}=\.\.\.\) must be"):
        Retry(1, **options)


@pytest.mark.parametrize(("option", "value"), [("initial", 0), ("factor", 1), ("max", 0), ("max", 1e300)])
def test_an_option_at_the_edge_of_its_range_is_taken(option: str, value: float) -> None:
    """The bounds themselves are allowed."""
    options: dict[str, Any] = {option: value}
    assert getattr(Retry(0, **options), option) == value


def test_an_unknown_jitter_is_refused() -> None:
    """Jitter is "full" or "none"."""
    jitter: Any = "half"
    with pytest.raises(InvalidWorkflow, match='must be "full" or "none"; got \'half\''):
        Retry(1, jitter=jitter)


@pytest.mark.parametrize(
    ("failures", "delay"), [(1, 1.0), (2, 2.0), (3, 4.0), (6, 32.0), (7, 60.0), (8, 60.0)]
)
def test_the_delay_grows_up_to_its_maximum(failures: int, delay: float) -> None:
    """Each delay is `factor` times the one before, and none is longer than `max`."""
    assert Retry(9, jitter="none").delay(failures, 0.5) == delay


def test_a_first_delay_above_the_maximum_is_cut() -> None:
    """`max` holds for the first delay too."""
    assert Retry(1, initial=90, jitter="none").delay(1, 0.5) == 60


def test_a_draw_of_zero_is_no_delay() -> None:
    """Full jitter begins at 0."""
    assert Retry(1).delay(3, 0.0) == 0.0


def test_a_draw_just_below_one_is_just_below_the_delay() -> None:
    """Full jitter ends before the whole delay."""
    assert 3.999 < Retry(1).delay(3, LARGEST_DRAW) < 4.0


@pytest.mark.parametrize("draw", [0.0, 0.5, LARGEST_DRAW])
def test_without_jitter_the_draw_does_not_count(draw: float) -> None:
    """The delay is waited out exactly."""
    assert Retry(1, jitter="none").delay(2, draw) == 2.0


@pytest.mark.parametrize("failures", [1_024, 1_100, 10**9])
def test_a_huge_count_of_failures_waits_the_maximum(failures: int) -> None:
    """Where the power is too large for a float, the delay is the longest one."""
    assert Retry(10**9, jitter="none").delay(failures, 0.5) == 60.0


@pytest.mark.parametrize("failures", [1, 2, 10**9])
def test_no_initial_delay_is_no_delay_ever(failures: int) -> None:
    """Nothing times any factor is nothing, also where the factor's power is too large for a float."""
    assert Retry(10**9, initial=0, jitter="none").delay(failures, 0.5) == 0.0


@pytest.mark.parametrize("error", [ValueError(), TimeoutError(), StepTimeout()])
def test_any_exception_is_covered_by_default(error: Exception) -> None:
    """A policy that says nothing retries everything that can be retried."""
    assert Retry(1).covers(error)


@pytest.mark.parametrize("error", [Fatal(), OutOfStock(), NotSerializable("no")])
def test_what_cannot_be_helped_is_never_covered(error: Exception) -> None:
    """`Fatal`, its subclasses and what cannot be saved are not retried, even when they are named."""
    assert not Retry(1).covers(error)
    assert not Retry(1, retry_on=(type(error),)).covers(error)


def test_retry_on_names_what_is_covered() -> None:
    """Only the named types and their subclasses are retried."""
    policy = Retry(1, retry_on=(OSError,))
    assert policy.covers(ConnectionError())
    assert not policy.covers(ValueError())


def test_give_up_on_wins_over_retry_on() -> None:
    """An error that is named in both is not retried."""
    policy = Retry(1, retry_on=(OSError,), give_up_on=(FileNotFoundError,))
    assert policy.covers(PermissionError())
    assert not policy.covers(FileNotFoundError())


def test_types_may_come_in_a_list() -> None:
    """The types are kept as a tuple, so that the policy stays a value."""
    types: Any = [OSError]
    assert Retry(1, retry_on=types) == Retry(1, retry_on=(OSError,))


@pytest.mark.parametrize("types", [ValueError, "ValueError", (ValueError, "OSError"), (BaseException,)])
def test_what_is_no_tuple_of_exception_types_is_refused(types: Any) -> None:
    """A bare class, a name or what no handler raises is told from the start."""
    with pytest.raises(InvalidWorkflow, match=r"Retry\(retry_on=...\) must be a tuple of exception types"):
        Retry(1, retry_on=types)
