"""What callers ask stored runs for, checked and put as a store is asked."""

from __future__ import annotations

from itertools import pairwise
from math import isfinite
from typing import TYPE_CHECKING, Final

from flux_core._errors import InvalidInput
from flux_core._status import RunStatus
from flux_core.storage import Query

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

FARTHEST: Final = 1e18  # seconds from 1970 that every store can compare
LARGEST_PAGE: Final = 10_000  # runs


def query_of(
    *,
    workflow: str | None = None,
    status: RunStatus | str | Iterable[RunStatus | str] | None = None,
    since: datetime | float | None = None,
    until: datetime | float | None = None,
    tag: str | None = None,
    id_prefix: str | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> Query:
    """Return the query; the arguments are those of `Engine.list`.

    Raises:
        InvalidInput: one of them is not what it must be.
    """
    for path, text in (("workflow", workflow), ("tag", tag), ("id_prefix", id_prefix)):
        given: object = text
        if given is not None and not isinstance(given, str):
            raise InvalidInput(f"expected a str, got {given!r}", path=path)
    if type(limit) is not int or not 1 <= limit <= LARGEST_PAGE:
        raise InvalidInput(f"expected 1 to {LARGEST_PAGE}, got {limit!r}", path="limit")
    return Query(
        workflow=workflow,
        statuses=_statuses(status),
        created_since=_seconds(since, "since"),
        created_until=_seconds(until, "until"),
        id_prefix=id_prefix,
        tag=tag,
        limit=limit,
        cursor=cursor,
    )


def checked_edges(edges: Sequence[float]) -> Sequence[float]:
    """Return where slots of time begin and end.

    Raises:
        InvalidInput: they are less than two, or are no moments in their order.
    """
    given: object = edges
    if (
        not isinstance(given, list | tuple)
        or len(given) < 2  # noqa: PLR2004 (a slot has two)
        or not all(isinstance(edge, int | float) and isfinite(edge) for edge in given)
        or any(later < edge for edge, later in pairwise(given))
    ):
        raise InvalidInput("expected Unix seconds in their order, two at least", path="edges")
    return edges


def _statuses(status: RunStatus | str | Iterable[RunStatus | str] | None) -> frozenset[RunStatus] | None:
    if status is None:
        return None
    try:
        return frozenset(map(RunStatus, [status] if isinstance(status, str) else status))
    except (ValueError, TypeError):
        known = ", ".join(RunStatus)
        raise InvalidInput(f"no run status is called {status!r}; there are: {known}", path="status") from None


def _seconds(moment: datetime | float | None, path: str) -> float | None:
    if moment is None:
        return None
    seconds: object = moment.timestamp() if hasattr(moment, "timestamp") else moment
    if isinstance(seconds, int | float) and abs(seconds) < FARTHEST:
        return float(seconds)
    raise InvalidInput(f"expected Unix seconds or a datetime, got {moment!r}", path=path)
