"""The line that says how a run is getting on."""

from __future__ import annotations

import pytest

from flux_cli._progress import Progress
from flux_core import TraceEvent
from flux_core.testing import FakeClock

EVENTS = {
    "workflow:start": (TraceEvent("workflow:start", 0, "r1", "order"), "order"),
    "the first attempt": (
        TraceEvent("step:start", 0, "r1", "order", "bake", retries=0, max_retries=3),
        "bake",
    ),
    "a further attempt": (
        TraceEvent("step:start", 0, "r1", "order", "bake", retries=1, max_retries=3),
        "bake · attempt 2 of 4",
    ),
    "a back-off": (
        TraceEvent("step:retry", 0, "r1", "order", "bake", retries=0),
        "bake · waits for attempt 2",
    ),
    "a report": (
        TraceEvent(
            "step:progress", 0, "r1", "order", "bake", meta={"fraction": 0.4, "message": "in the\noven"}
        ),
        "bake · 40% in the oven",
    ),
    "a compensation": (
        TraceEvent("step:compensate", 0, "r1", "order", "bake"),
        "bake · compensation",
    ),
}


@pytest.mark.parametrize(("event", "told"), EVENTS.values(), ids=EVENTS)
def test_the_line_says_what_is_going_on(event: TraceEvent, told: str) -> None:
    """The line names the run, what it does, and for how long it has."""
    clock = FakeClock()
    progress = Progress(clock.monotonic)
    progress.emit(event)
    clock.advance(1.5)
    assert progress.__rich__().plain[2:] == f"r1 · {told} · 1.50 s"


def test_a_report_does_not_begin_the_time_anew() -> None:
    """The time is that of the attempt, however often it reports."""
    clock = FakeClock()
    progress = Progress(clock.monotonic)
    progress.emit(EVENTS["the first attempt"][0])
    clock.advance(2)
    progress.emit(EVENTS["a report"][0])
    assert progress.__rich__().plain.endswith("2.00 s")


def test_before_the_first_event_there_is_only_time() -> None:
    """Until something is known of the run, the line shows the time alone."""
    assert Progress(FakeClock().monotonic).__rich__().plain[2:] == "0 ms"
