"""The newest runs, a few at a time: each may be long, and of many of them nobody wants to hold more than a few."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flux_core import Page, Run
    from flux_core._http.runs import Runs

PAGE: Final = 25
"""How many runs are held at a time."""


def newest(runs: Runs, count: int, **filters: Any) -> Iterator[Run]:
    """Give so many runs, the newest first, or all there are."""
    for page in pages(runs, count, **filters):
        yield from page


def pages(runs: Runs, count: int, *, cursor: str | None = None, **filters: Any) -> Iterator[Page]:
    """Give the pages that make up one of so many runs; the cursor of the last one is that of the page.

    Args:
        runs: where they are.
        count: how many are asked for; what cannot be read counts too.
        cursor: as for `Runs.list`.
        filters: as for `Runs.list`.
    """
    while count > 0:
        page = runs.list(limit=min(PAGE, count), cursor=cursor, **filters)
        count, cursor = count - PAGE, page.cursor
        yield page
        if cursor is None:
            return
