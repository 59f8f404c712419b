"""When a run goes that has ended."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from flux_core._errors import InvalidInput
from flux_core._status import RunStatus

if TYPE_CHECKING:
    from flux_core.storage import Record

DAY: Final = 86400  # seconds
SHORTEST_TTL: Final = timedelta(days=14).total_seconds()  # for as long, a redelivery is known for what it is
FINAL: Final = frozenset({RunStatus.COMPLETED, RunStatus.ROLLED_BACK, RunStatus.CANCELLED})
"""The statuses of runs that may go; a failed one waits for a person."""


def seconds_of(ttl: timedelta | float | None) -> float | None:
    """Return how long ended runs are kept, in seconds; None for ever.

    Raises:
        InvalidInput: it is not as long as a redelivery must be recognised.
    """
    seconds = ttl.total_seconds() if isinstance(ttl, timedelta) else ttl
    if seconds is None:
        return None
    if not isinstance(seconds, int | float):
        raise InvalidInput(f"is a timedelta or seconds, or None to keep every run; not {ttl!r}", path="ttl")
    if SHORTEST_TTL <= seconds < math.inf:
        return seconds
    raise InvalidInput(
        "is at least 14 days, for so long a redelivery is recognised, or None to keep every run;"
        f" not {seconds / DAY:g} days",
        path="ttl",
    )


def goes_at(record: Record, ttl: float | None) -> int | None:
    """Return when the run may go, in Unix seconds; None if somebody may still have to do with it."""
    if ttl is None or record.wake_at is not None or record.status not in FINAL:
        return None
    return int(record.updated_at + ttl)
