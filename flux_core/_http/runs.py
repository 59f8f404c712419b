"""What the API reads runs from: an app, or an index of a trace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from flux_core import Page, Run, RunStatus, Workflow


class Runs(Protocol):
    """Stored runs, and the workflows that are known of them. The methods are those of `App`, and raise what it does."""

    @property
    def workflows(self) -> Sequence[Workflow[Any, Any]]:
        """The workflows whose definitions are at hand, all their versions; none for a trace."""

    def list(
        self,
        *,
        workflow: str | None = None,
        status: RunStatus | str | Iterable[RunStatus | str] | None = None,
        since: datetime | float | None = None,
        until: datetime | float | None = None,
        tag: str | None = None,
        id_prefix: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page:
        """Return a page of runs, newest first; its runs are masked by `shown` before they are written out."""

    def get(self, run_id: str) -> Run | None:
        """Return a run, or None."""

    def shown(self, run: Run) -> Run:
        """Return the run as people may see it, without what is to be masked."""

    def tally(
        self,
        edges: Sequence[float],
        *,
        workflow: str | None = None,
        status: RunStatus | str | Iterable[RunStatus | str] | None = None,
        tag: str | None = None,
        id_prefix: str | None = None,
    ) -> Sequence[dict[RunStatus, int]]:
        """Return how many runs of each status were created between each two neighbouring edges, Unix seconds."""
