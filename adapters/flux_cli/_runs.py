"""What the commands need of what they work on: an app over its store, here, or a function that has both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flux_core import ErrorInfo, Page, Run, RunStatus, TickReport, Workflow


class Standing(Protocol):
    """How a run stood when a call that worked on it returned."""

    @property
    def id(self) -> str:
        """The run's id."""
        ...

    @property
    def status(self) -> RunStatus:
        """Where the run stands."""
        ...

    @property
    def error(self) -> ErrorInfo | None:
        """What the run failed with."""
        ...


class Runs(Protocol):
    """Runs to read and to work on; its methods are those of `App`, which is one."""

    @property
    def workflows(self) -> tuple[Workflow[Any, Any], ...] | None:
        """The workflows that are served, all their versions; None if that is not known here."""
        ...

    def execute(
        self, workflow: str, input: Any, *, id: str | None = None, tags: Iterable[str] | None = None
    ) -> Standing:
        """Run the workflow until it ends or is suspended."""
        ...

    def resume(self, workflow: str, run_id: str) -> Standing:
        """Go on with a run that can go on."""
        ...

    def retry_step(self, workflow: str, run_id: str, step: str, *, redo_commits: bool = False) -> Standing:
        """Go back to before a step of a run that has ended, and run on."""
        ...

    def signal(
        self,
        workflow: str,
        run_id: str,
        name: str,
        payload: Any = None,
        *,
        id: str | None = None,
        run: bool = True,
    ) -> Standing:
        """Send a run a signal."""
        ...

    def cancel(self, workflow: str, run_id: str, *, compensate: bool = False) -> Standing:
        """Cancel a run."""
        ...

    def pause(self, run_id: str) -> Standing:
        """Have a run stand still until `resume`."""
        ...

    def resolve(
        self, workflow: str, run_id: str, step: str, *, output: Any = None, run: bool = True
    ) -> Standing:
        """Say that the commit at which a run failed did happen, and go on."""
        ...

    def tick(self, *, limit: int = 100) -> TickReport:
        """Go on with what is due."""
        ...

    def get(self, run_id: str) -> Run | None:
        """Return the stored run, or None."""
        ...

    def shown(self, run: Run) -> Run:
        """Return the run as people may see it."""
        ...

    def list(
        self,
        *,
        workflow: str | None = None,
        status: tuple[str, ...] | None = None,
        since: float | None = None,
        until: float | None = None,
        tag: str | None = None,
        id_prefix: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page:
        """Return a page of runs, newest first."""
        ...

    def delete(self, run_id: str) -> None:
        """Remove a run that nobody holds."""
        ...
