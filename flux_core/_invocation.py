"""The invocation of a function that is being served: what a store, a waker and a trace want to know of it."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any, Final, NamedTuple


class Invocation(NamedTuple):
    """One call of the function."""

    event: Any
    """What the platform delivered."""
    deadline: float | None = None
    """When the function is killed, in `time.monotonic()` seconds; None if nobody says."""
    request_id: str | None = None
    context: Any = None
    """What the platform says of the call, as the platform says it."""


CURRENT: Final[ContextVar[Invocation | None]] = ContextVar("flux_invocation", default=None)
"""Set by an adapter for as long as it serves an event; None outside of a function."""
