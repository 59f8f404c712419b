"""The engine for asynchronous callers: the methods of `Engine`, awaited."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from flux_core._page import Page

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from typing import Self, Unpack

    from flux_core._context import D, I
    from flux_core._effects import Flow
    from flux_core._options import EngineOptions
    from flux_core._result import Result
    from flux_core._run import Run, TickReport
    from flux_core._status import Counts, RunStatus
    from flux_core._workflow import Workflow
    from flux_core.storage import Storage

T = TypeVar("T")


class AsyncEngine:
    """Runs workflows over a store without blocking the event loop. Its methods are those of `Engine`, awaited.

    Handlers that are `def` and have no time-out run inline, on the loop: give one that blocks a `timeout`, and it
    runs in a thread. A store that may block is called in threads.

    Args:
        storage: where runs are kept; a `MemoryStorage` by default.
        options: see `EngineOptions`.
    """

    def __init__(self, storage: Storage | None = None, **options: Unpack[EngineOptions]) -> None:
        from flux_core._async_driver import AsyncDriver  # the machine is loaded by the first engine
        from flux_core._driver import Driver
        from flux_core._flows import Flows
        from flux_core._heart import Heart
        from flux_core._loop import LoopThread

        self._driver = AsyncDriver
        self._flows = Flows(storage, **options)
        self._heart = Heart(self._flows.lease, lambda flow: Driver(self._flows, LoopThread()).run(flow))

    @property
    def storage(self) -> Storage:
        """The store that the engine works on."""
        return self._flows.storage

    async def execute(
        self,
        workflow: Workflow[I, D],
        input: I | Mapping[str, Any],
        *,
        id: str | None = None,
        deadline: float | None = None,
        tags: Iterable[str] | None = None,
        retry_failed: bool = False,
    ) -> Result[D]:
        """Run the workflow until it ends or is suspended; see `Engine.execute`."""
        return await self._drive(
            self._flows.execute(workflow, input, id, deadline, tags, retry_failed=retry_failed)
        )

    async def start(
        self,
        workflow: Workflow[I, D],
        input: I | Mapping[str, Any],
        *,
        id: str | None = None,
        tags: Iterable[str] | None = None,
    ) -> Result[D]:
        """Save a run that the next `tick` will run; see `Engine.start`."""
        return await self._drive(self._flows.start(workflow, input, id, tags))

    async def resume(
        self, workflow: Workflow[I, D], run_id: str, *, deadline: float | None = None
    ) -> Result[D]:
        """Go on with a run that can go on; see `Engine.resume`."""
        return await self._drive(self._flows.resume(workflow, run_id, deadline))

    async def wake(
        self,
        workflow: Workflow[I, D],
        run_id: str,
        *,
        at: float | None = None,
        deadline: float | None = None,
    ) -> Result[D]:
        """Go on with a run that is due; see `Engine.wake`."""
        return await self._drive(self._flows.wake(workflow, run_id, at, deadline))

    async def retry_step(
        self,
        workflow: Workflow[I, D],
        run_id: str,
        step: str,
        *,
        redo_commits: bool = False,
        revision: int | None = None,
        deadline: float | None = None,
    ) -> Result[D]:
        """Go back to before a step of a run that has ended, and run on; see `Engine.retry_step`."""
        return await self._drive(
            self._flows.retry_step(
                workflow, run_id, step, redo_commits=redo_commits, revision=revision, deadline=deadline
            )
        )

    async def signal(
        self,
        workflow: Workflow[I, D],
        run_id: str,
        name: str,
        payload: Any = None,
        *,
        id: str | None = None,
        run: bool = True,
        deadline: float | None = None,
    ) -> Result[D]:
        """Send a run a signal, and go on with the run here if no worker holds it; see `Engine.signal`."""
        return await self._drive(self._flows.signal(workflow, run_id, name, payload, id, run, deadline))

    async def cancel(
        self,
        workflow: Workflow[I, D],
        run_id: str,
        *,
        compensate: bool = False,
        deadline: float | None = None,
    ) -> Result[D]:
        """Cancel a run; see `Engine.cancel`."""
        return await self._drive(
            self._flows.cancel(workflow, run_id, compensate=compensate, deadline=deadline)
        )

    async def pause(self, run_id: str) -> Run:
        """Have a run stand still until `resume`; see `Engine.pause`."""
        return await self._drive(self._flows.pause(run_id))

    async def resolve(
        self,
        workflow: Workflow[I, D],
        run_id: str,
        step: str,
        *,
        output: Any = None,
        run: bool = True,
        deadline: float | None = None,
    ) -> Result[D]:
        """Say that the commit at which a run failed did happen, and go on; see `Engine.resolve`."""
        return await self._drive(self._flows.resolve(workflow, run_id, step, output, run, deadline))

    async def tick(
        self, workflows: Iterable[Workflow[Any, Any]], *, limit: int = 100, deadline: float | None = None
    ) -> TickReport:
        """Go on with what is due; see `Engine.tick`."""
        return await self._drive(self._flows.tick(workflows, limit, deadline))

    async def get(self, run_id: str) -> Run | None:
        """Return the stored run, or None."""
        return await self._drive(self._flows.get(run_id))

    async def list(
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
        """Return a page of runs, newest first; see `Engine.list`."""
        return Page(
            *await self._drive(
                self._flows.list(
                    workflow=workflow,
                    status=status,
                    since=since,
                    until=until,
                    tag=tag,
                    id_prefix=id_prefix,
                    limit=limit,
                    cursor=cursor,
                )
            )
        )

    async def tally(
        self,
        edges: Sequence[float],
        *,
        workflow: str | None = None,
        status: RunStatus | str | Iterable[RunStatus | str] | None = None,
        tag: str | None = None,
        id_prefix: str | None = None,
    ) -> Counts:
        """Return how many runs were created in each slot of time, by status; see `Engine.tally`."""
        return await self._drive(
            self._flows.tally(edges, workflow=workflow, status=status, tag=tag, id_prefix=id_prefix)
        )

    def shown(self, run: Run) -> Run:
        """Return the run as people may see it; see `Engine.shown`."""
        from flux_core._masking import masked_run  # most engines show nothing

        return masked_run(run, self.masked)

    def masked(self, value: Any) -> Any:
        """Return an input, data or an output as people may see it; see `Engine.masked`."""
        return self._flows.listeners.masked(value)

    async def delete(self, run_id: str) -> None:
        """Remove a run that nobody holds; see `Engine.delete`."""
        await self._drive(self._flows.delete(run_id))

    def close(self) -> None:
        """Close the trace sinks and the store."""
        self._heart.close()
        self._flows.listeners.close()
        self._flows.storage.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        self.close()

    async def _drive(self, flow: Flow[T]) -> T:
        return await self._driver(self._flows, self._heart).run(flow)
