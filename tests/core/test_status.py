"""The table of legal changes of a run's status."""

from __future__ import annotations

from itertools import product

import pytest

from flux_core import RunStatus, StepStatus
from flux_core._entry import Origin
from flux_core._state import RunState

LEGAL = {
    ("pending", "running"),
    ("running", "suspended"),
    ("running", "completed"),
    ("running", "failed"),
    ("suspended", "running"),
    ("paused", "running"),
    ("completed", "running"),
    ("failed", "running"),
    ("compensation_failed", "rolling_back"),
    ("rolling_back", "rolled_back"),
    ("rolling_back", "compensation_failed"),
    ("rolling_back", "paused"),
    *product(("pending", "running", "suspended"), ("paused", "cancelled", "rolling_back")),
    ("paused", "cancelled"),
    ("paused", "rolling_back"),
}


def state(status: RunStatus) -> RunState:
    """Return a run with the status."""
    made = RunState(Origin("x", "w", "1", "f", "{}", {}, (), 0.0))
    made.status = status
    return made


@pytest.mark.parametrize(("before", "after"), list(product(RunStatus, RunStatus)))
def test_a_change_goes_through_the_table(before: RunStatus, after: RunStatus) -> None:
    """A legal change is made; any other is a bug in the machine, and changes nothing."""
    run = state(before)
    if (before, after) in LEGAL:
        run.change_status(after)
        assert run.status is after
    else:
        with pytest.raises(AssertionError, match=f"run 'x' cannot go from {before} to {after}"):
            run.change_status(after)
        assert run.status is before


@pytest.mark.parametrize("status", list(RunStatus))
def test_a_run_has_ended_when_nothing_more_happens_by_itself(status: RunStatus) -> None:
    """Whatever else a person may still ask for."""
    ended = {"completed", "failed", "cancelled", "rolled_back", "compensation_failed"}
    assert status.ended is (status in ended)


def test_statuses_are_text() -> None:
    """They can be compared with what JSON says, and say it themselves."""
    assert (str(RunStatus.FAILED), f"{StepStatus.SKIPPED}") == ("failed", "skipped")
