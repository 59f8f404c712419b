"""A page of runs, as `list` returns it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flux_core._run import Run


class Page:
    """Some of the runs that were asked for; iterate over it. `cursor` asks for the next page, None ends them."""

    __slots__ = ("cursor", "runs")

    def __init__(self, runs: Sequence[Run], cursor: str | None) -> None:
        self.runs = tuple(runs)
        self.cursor = cursor

    def __iter__(self) -> Iterator[Run]:
        return iter(self.runs)

    def __len__(self) -> int:
        return len(self.runs)

    def to_dict(self) -> dict[str, Any]:
        """Return the page as a JSON-able dict: `runs`, each in short, and the `cursor` of the next page or None."""
        return {"runs": [run.summary() for run in self.runs], "cursor": self.cursor}

    def __repr__(self) -> str:
        return f"<Page of {len(self.runs)} runs{', more follow' if self.cursor else ''}>"
