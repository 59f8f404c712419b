"""The invocation of a function that is being served: what a store, a waker and a trace want to know of it."""

from __future__ import annotations

import time
from contextvars import ContextVar
from typing import Any, Final, NamedTuple

SHORTEST: Final = 0.5
"""Seconds that a call of a service is given, however late it is: the result of a step that took too long is to be saved
all the same."""


class Invocation(NamedTuple):
    """One call of the function."""

    event: Any
    """What the platform delivered."""
    deadline: float | None = None
    """When the function is killed, in `time.monotonic()` seconds; None if nobody says."""
    request_id: str | None = None
    context: Any = None
    """What the platform says of the call, as the platform says it."""
    traceparent: str | None = None
    """The trace that the call belongs to, as W3C's Trace Context writes it."""


CURRENT: Final[ContextVar[Invocation | None]] = ContextVar("flux_invocation", default=None)
"""Set by an adapter for as long as it serves an event; None outside of a function."""


def seconds_for_a_call(most: float) -> float:
    """Return how long one call of a service may take that is made now.

    It is not to outlast the invocation that is being served; if less than `SHORTEST` is left of that, it has as much.

    Args:
        most: the seconds that the call may take where no deadline is near.
    """
    invocation = CURRENT.get()
    if invocation is None or invocation.deadline is None:
        return most
    return min(most, max(SHORTEST, invocation.deadline - time.monotonic()))
