"""How long a call may take, as the environment says it."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from flux_core import InvalidInput
from flux_core._invocation import CURRENT, SHORTEST, seconds_for_a_call
from flux_gcp._invocation import invocation_of, seconds_of_a_call

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def serving(seconds: float | None) -> Iterator[None]:
    """Serve an invocation that has so many seconds left; None if nobody says."""
    before = CURRENT.set(invocation_of({}, {}, seconds))
    yield
    CURRENT.reset(before)


def test_flux_own_variable_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the deployment says is believed before what the platform sets."""
    monkeypatch.setenv("CLOUD_RUN_TIMEOUT_SECONDS", "300")
    monkeypatch.setenv("FLUX_FUNCTION_TIMEOUT", "540")

    assert seconds_of_a_call() == 540


@pytest.mark.parametrize("variable", ["CLOUD_RUN_TIMEOUT_SECONDS", "FUNCTION_TIMEOUT_SEC"])
def test_the_platforms_variables_are_known(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """Without Flux's own, those of both generations of functions are read."""
    monkeypatch.setenv(variable, "300")

    assert seconds_of_a_call() == 300


def test_on_google_cloud_a_function_has_a_minute_if_nothing_says_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is what a function has that was deployed without a time-out."""
    monkeypatch.setenv("K_SERVICE", "orders")

    assert seconds_of_a_call() == 60


def test_elsewhere_a_function_has_all_the_time() -> None:
    """On a laptop nobody ends a call."""
    assert seconds_of_a_call() is None
    assert invocation_of({}, {}, None).deadline is None


@pytest.mark.parametrize("said", ["a minute", "0", "-1", "inf", "nan"])
def test_what_is_no_number_of_seconds_is_refused(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    """The error names the variable and what it says."""
    monkeypatch.setenv("FLUX_FUNCTION_TIMEOUT", said)

    with pytest.raises(InvalidInput, match=f"FLUX_FUNCTION_TIMEOUT: expected .* seconds, got '{said}'"):
        seconds_of_a_call()


def test_a_call_ends_so_many_seconds_from_now() -> None:
    """The deadline is one of the monotonic clock."""
    deadline = invocation_of({}, {}, 30.0).deadline

    assert deadline is not None
    assert deadline - time.monotonic() == pytest.approx(30, abs=1)


def test_a_call_of_a_service_ends_with_the_invocation() -> None:
    """It is given what is left, and no more than it may take at most."""
    with serving(3.0):
        assert seconds_for_a_call(5.0) == pytest.approx(3, abs=0.5)
        assert seconds_for_a_call(2.0) == 2.0


@pytest.mark.parametrize("left", [SHORTEST / 2, 0.0, -60.0])
def test_a_call_of_a_service_that_comes_late_has_a_moment(left: float) -> None:
    """What took too long is saved all the same."""
    with serving(left):
        assert seconds_for_a_call(5.0) == SHORTEST


def test_a_call_of_a_service_has_all_its_time_without_a_deadline() -> None:
    """Outside of a function, and in one whose time-out nobody says, nothing cuts it short."""
    assert seconds_for_a_call(5.0) == 5.0
    with serving(None):
        assert seconds_for_a_call(5.0) == 5.0
