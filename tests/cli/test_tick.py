"""`flux tick`."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import pytest
from cli.bakery import order

from flux_cli._ticking import Stop
from flux_core import App, Retry, Workflow
from flux_core.storage import SQLiteStorage
from flux_core.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result


@pytest.fixture
def two_started(folder: Path) -> None:
    """Two orders that nobody has begun to work on; one of them will fail."""
    with App([order], SQLiteStorage("flux.db")) as app:
        app.start("order", {"order_id": "o1"}, id="good")
        app.start("order", {"order_id": "o2", "trouble": "fatal"}, id="bad")


@pytest.mark.usefixtures("two_started")
def test_tick_goes_on_with_what_is_due(flux: Callable[..., Result]) -> None:
    """A tick runs what is due and says what came of it; a failed run does not make it fail."""
    result = flux("tick")
    assert (result.exit_code, result.stdout) == (0, "2 due: 2 claimed, 1 completed, 1 failed\n")


@pytest.mark.usefixtures("two_started")
def test_tick_runs_no_more_than_the_limit(flux: Callable[..., Result]) -> None:
    """`--limit` bounds the runs of one tick."""
    assert json.loads(flux("tick", "--limit", "1", "--json").stdout)["claimed"] == 1


def test_tick_with_nothing_due(flux: Callable[..., Result]) -> None:
    """A tick over a new store finds nothing."""
    assert flux("tick").stdout == "0 due\n"


def test_watch_ticks_until_it_is_stopped(
    flux: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--watch` ticks again after each rest in which nobody stopped it, resting as long as `--every` says."""
    rests = []

    def rest(self: Stop, seconds: float) -> bool:
        rests.append(seconds)
        return len(rests) == 2

    monkeypatch.setattr(Stop, "rest", rest)
    result = flux("tick", "--watch", "--every", "7")
    assert (result.exit_code, result.stdout, rests) == (0, "0 due\n" * 2, [7.0, 7.0])


def test_a_signal_in_a_rest_ends_it() -> None:
    """A rest in which a signal comes ends at once, and says to stop."""
    stop = Stop()
    before = signal.signal(signal.SIGALRM, stop)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        assert stop.rest(60)
    finally:
        signal.signal(signal.SIGALRM, before)


def test_a_first_signal_outside_a_rest_is_kept() -> None:
    """A signal that comes while work goes on does not interrupt it; the next rest does not begin."""
    stop = Stop()
    stop(signal.SIGINT, None)
    assert stop.rest(60)


def test_a_second_signal_interrupts() -> None:
    """A second signal interrupts what is going on."""
    stop = Stop()
    stop(signal.SIGINT, None)
    with pytest.raises(KeyboardInterrupt):
        stop(signal.SIGINT, None)


def test_a_rest_without_a_signal_says_to_go_on() -> None:
    """A rest that ends by itself is no reason to stop."""
    assert not Stop().rest(0.001)


@pytest.fixture
def fifty_one_waiting(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs that back off, on 2100-01-01 at 12:00:00Z: more than a page of them, the oldest due first, in an hour.

    One of another app's is due before any of them.
    """
    clock = FakeClock(4_102_488_000)
    theirs = Workflow("theirs").step("s", lambda ctx: 1 / 0, retries=Retry(1, initial=60, jitter="none"))
    with App([order, theirs], SQLiteStorage("flux.db"), clock=clock) as app:
        for number in range(51):
            app.execute("order", {"order_id": "o1", "trouble": "slow dough"}, id=f"slow-{number}")
            clock.advance(1)
        app.execute("theirs", {})
    monkeypatch.setattr("time.time", lambda: 4_102_488_000 + 60)


@pytest.mark.usefixtures("fifty_one_waiting")
def test_tick_says_when_the_next_run_is_due(flux: Callable[..., Result]) -> None:
    """Where nothing is due but runs wait, the tick says when the first of them will be."""
    assert flux("tick").stdout == "0 due; next at 13:00:00Z\n"


@pytest.mark.usefixtures("fifty_one_waiting")
def test_tick_says_the_day_if_it_is_another(
    flux: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A moment of another day is said with its date."""
    monkeypatch.setattr("time.time", lambda: 4_102_488_000 - 86_400)
    assert flux("tick").stdout == "0 due; next at 2100-01-01 13:00:00Z\n"
