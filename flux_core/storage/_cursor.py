"""Paging, the same in every store: where a page begins and ends, and the opaque cursor in between."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from flux_core._errors import InvalidInput
from flux_core.storage._port import RecordPage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flux_core.storage._port import Query, Record


class Position(NamedTuple):
    """The sort key of a record: `wake_at` among due runs, `created_at` among all others; ties by id."""

    at: float
    id: str


def position(query: Query, record: Record) -> Position:
    """Return where the record stands in the query's order."""
    return Position(_instant(query, record), record.id)


def start(query: Query) -> Position | None:
    """Return the position that the query's page comes after, None for the first page.

    Raises:
        InvalidInput: the limit is below 1, or the cursor was not given for such a query.
    """
    if query.limit < 1:
        raise InvalidInput(f"a page holds 1 record or more, not {query.limit}", path="limit")
    return None if query.cursor is None else decode(_order(query), query.cursor)


def page(query: Query, found: Sequence[Record]) -> RecordPage:
    """Make the page of the records found in order: one more than the query's limit, if there are more."""
    if len(found) <= query.limit:
        return RecordPage(found, None)
    records = found[: query.limit]
    return RecordPage(records, encode(_order(query), position(query, records[-1])))


def encode(order: str, after: Position) -> str:
    """Return the cursor of the page that comes after a position in an order."""
    from base64 import urlsafe_b64encode  # most pages are the last, and have no cursor

    text = json.dumps([order, float(after.at), after.id], separators=(",", ":"), ensure_ascii=False)
    return urlsafe_b64encode(text.encode()).decode()


def decode(order: str, cursor: str) -> Position:
    """Return the position that `encode` made the cursor of.

    Raises:
        InvalidInput: `encode` never gave this cursor, or gave it for another order.
    """
    from base64 import urlsafe_b64decode  # as in encode

    refusal = InvalidInput("this is not the cursor of any page; pass it on as it came", path="cursor")
    try:
        kind, at, run_id = json.loads(urlsafe_b64decode(cursor))
        after = Position(at, run_id)
        genuine = isinstance(at, float) and isinstance(run_id, str) and encode(kind, after) == cursor
    except (TypeError, ValueError, RecursionError):
        raise refusal from None
    if not genuine:
        raise refusal
    if kind != order:
        raise InvalidInput(f"this cursor is for {kind} runs, the query for {order} ones", path="cursor")
    return after


def _order(query: Query) -> str:
    return "newest" if query.wake_before is None else "due"


def _instant(query: Query, record: Record) -> float:
    if query.wake_before is None or record.wake_at is None:
        return record.created_at
    return record.wake_at
