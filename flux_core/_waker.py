"""The waker port: what brings a run back at a given time, promptly."""

from __future__ import annotations

from typing import Protocol


class Waker(Protocol):
    """Brings runs back, such as by a message that comes at a given time and makes a function go on with the run.

    It is a hint that makes things prompt: a message that is lost, late or delivered twice does no harm, and what is
    due is found by `tick` in any case. What it raises is logged, and changes nothing.
    """

    def wake(self, run_id: str, at: float) -> None:
        """Have somebody call `Engine.wake(..., at=at)` for the run at that time (Unix seconds), or at once."""


def message(run_id: str, at: float) -> str:
    """Return the control command that makes a front go on with the run, if it is due, as JSON.

    It says for which moment it was asked, by which one that has become pointless is known.
    """
    import json  # most functions have no waker

    return json.dumps({"flux": {"action": "wake", "id": run_id, "at": at}})
