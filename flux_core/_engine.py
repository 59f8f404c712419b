"""The engine for synchronous callers: the public methods, each of them a flow that a driver performs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from flux_core._loop import LoopThread, refuse_running_loop
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


class Engine:
    """Runs workflows over a store, and blocks while it does. Safe to use from many threads.

    A failing step makes a failed `Result`, not an exception. Exceptions are for wrong use and for what cannot be
    decided: `InvalidInput`, `InvalidId`, `InputMismatch`, `RunBusy`, `LeaseLost`, `DefinitionChanged`,
    `StoreError`. While a call without a deadline works on a run, a thread renews its lease.

    Args:
        storage: where runs are kept; a `MemoryStorage` by default.
        options: see `EngineOptions`.
    """

    def __init__(self, storage: Storage | None = None, **options: Unpack[EngineOptions]) -> None:
        from flux_core._driver import Driver  # the machine is loaded by the first engine
        from flux_core._flows import Flows
        from flux_core._heart import Heart

        self._driver = Driver
        self._flows = Flows(storage, **options)
        self._loop = LoopThread()
        self._heart = Heart(self._flows.lease, lambda flow: Driver(self._flows, self._loop).run(flow))

    @property
    def storage(self) -> Storage:
        """The store that the engine works on."""
        return self._flows.storage

    def execute(
        self,
        workflow: Workflow[I, D],
        input: I | Mapping[str, Any],
        *,
        id: str | None = None,
        deadline: float | None = None,
        tags: Iterable[str] | None = None,
        retry_failed: bool = False,
    ) -> Result[D]:
        """Run the workflow until it ends or is suspended.

        The same id twice, anywhere and at any time, is one run: the second call goes on with it if it can, and
        otherwise returns it as it stands.

        Args:
            workflow: the definition.
            input: of the workflow's input type, or the parsed JSON of one.
            id: the run's id, 1 to 128 of `A-Z a-z 0-9 . _ : @ -`; a new one by default.
            deadline: the moment, in `time.monotonic()` seconds, by which the call should have returned.
            tags: to find the run by.
            retry_failed: for sources that deliver an event again when it failed: if the run is there and has
                failed with an error that is worth it, retry the failed step.

        Raises:
            InvalidInput: the input does not fit; nothing was saved.
            InputMismatch: the id is that of a run with a different input.
            RunBusy: another worker holds the run.
            LeaseLost: another worker took the run over while this one worked on it.
            DefinitionChanged: the run was started under a definition that this one does not continue.
            StoreError: the store failed.
        """
        return self._drive(
            self._flows.execute(workflow, input, id, deadline, tags, retry_failed=retry_failed)
        )

    def start(
        self,
        workflow: Workflow[I, D],
        input: I | Mapping[str, Any],
        *,
        id: str | None = None,
        tags: Iterable[str] | None = None,
    ) -> Result[D]:
        """Save a run that the next `tick` will run; arguments and errors are those of `execute`."""
        return self._drive(self._flows.start(workflow, input, id, tags))

    def resume(self, workflow: Workflow[I, D], run_id: str, *, deadline: float | None = None) -> Result[D]:
        """Go on with a run that can go on: one that is due, was paused, or whose rollback has failed.

        Any other is returned as it stands. A run that is held, and was asked to pause, is asked to go on instead.

        Raises:
            RunNotFound: there is no such run of this workflow.
        """
        return self._drive(self._flows.resume(workflow, run_id, deadline))

    def wake(
        self,
        workflow: Workflow[I, D],
        run_id: str,
        *,
        at: float | None = None,
        deadline: float | None = None,
    ) -> Result[D]:
        """Go on with a run that is due, as `tick` would: what the message of a waker is for.

        Any other is returned as it stands: a run that is paused stays so, and one whose time has not come is given to
        the engine's waker once more, unless the message was for another time.

        Args:
            workflow: the run's.
            run_id: which run.
            at: the Unix seconds for which the waker was asked; None if it does not know.
            deadline: as for `execute`.

        Raises:
            RunNotFound: there is no such run of this workflow.
        """
        return self._drive(self._flows.wake(workflow, run_id, at, deadline))

    def retry_step(
        self,
        workflow: Workflow[I, D],
        run_id: str,
        step: str,
        *,
        redo_commits: bool = False,
        revision: int | None = None,
        deadline: float | None = None,
    ) -> Result[D]:
        """Go back to before a step of a failed or completed run, and run on from there.

        Data is as it was before the step. Completed commits from there on are not run again: when they are
        passed, their output and their changes to data are applied again.

        Args:
            workflow: the definition.
            run_id: the run.
            step: the name of the node to go back to.
            redo_commits: run completed commits again too, under a new generation of `ctx.key`.
            revision: that of the run as it was looked at when this was decided: of two who decide it, one retries.
            deadline: as in `execute`.

        Raises:
            Conflict: the run has another revision than that by now; nothing was done.
            StepNotFound: the workflow has no such node.
            NotRetryable: the run has not ended, the step has not run, or it is a commit that has completed.
            RunBusy: another worker holds the run.
            RunNotFound: there is no such run of this workflow.
        """
        return self._drive(
            self._flows.retry_step(
                workflow, run_id, step, redo_commits=redo_commits, revision=revision, deadline=deadline
            )
        )

    def signal(
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
        """Send a run a signal, and go on with the run here if no worker holds it.

        It is kept until a wait of that name takes it, in the order in which signals were sent; each serves one wait.

        Args:
            workflow: the definition.
            run_id: the run.
            name: the name of the wait.
            payload: becomes the output of the wait; anything that can be saved.
            id: identifies the signal: the same id twice is one signal. By default each call is a new one.
            run: False only leaves the signal in the run's inbox, for `tick` or a waker to go on.
            deadline: as in `execute`.

        Raises:
            SignalNotExpected: the run has ended.
            RunNotFound: there is no such run of this workflow.
            InvalidInput: the payload cannot be saved; nothing was.
        """
        return self._drive(self._flows.signal(workflow, run_id, name, payload, id, run, deadline))

    def cancel(
        self,
        workflow: Workflow[I, D],
        run_id: str,
        *,
        compensate: bool = False,
        deadline: float | None = None,
    ) -> Result[D]:
        """Cancel a run: at once if nobody holds it, else when the worker that does saves next.

        Args:
            workflow: the definition.
            run_id: the run.
            compensate: roll back what has completed, here if nobody holds the run; it ends `rolled_back`.
            deadline: as in `execute`.

        Raises:
            RunEnded: the run has ended. While it is rolled back, cancelling it changes nothing.
            RunNotFound: there is no such run of this workflow.
        """
        return self._drive(self._flows.cancel(workflow, run_id, compensate=compensate, deadline=deadline))

    def pause(self, run_id: str) -> Run:
        """Have a run stand still until `resume`: at once if nobody holds it, else when the worker saves next.

        Raises:
            RunEnded: the run has ended.
            RunNotFound: there is no such run.
        """
        return self._drive(self._flows.pause(run_id))

    def resolve(
        self,
        workflow: Workflow[I, D],
        run_id: str,
        step: str,
        *,
        output: Any = None,
        run: bool = True,
        deadline: float | None = None,
    ) -> Result[D]:
        """Say that the commit at which a run failed did happen, and go on with the run from there.

        Args:
            workflow: the definition.
            run_id: the run.
            step: the commit.
            output: what the commit would have returned.
            run: False leaves going on to `tick` or a waker.
            deadline: as in `execute`.

        Raises:
            NotRetryable: the run has not failed at that commit.
            StepNotFound: the workflow has no such node.
            RunNotFound: there is no such run of this workflow.
        """
        return self._drive(self._flows.resolve(workflow, run_id, step, output, run, deadline))

    def tick(
        self, workflows: Iterable[Workflow[Any, Any]], *, limit: int = 100, deadline: float | None = None
    ) -> TickReport:
        """Go on with what is due: sleeps, waits and back-offs that are over, runs started or whose worker was lost."""
        return self._drive(self._flows.tick(workflows, limit, deadline))

    def get(self, run_id: str) -> Run | None:
        """Return the stored run, or None."""
        return self._drive(self._flows.get(run_id))

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
        """Return a page of runs, newest first.

        Args:
            workflow: only runs of the workflow of that name.
            status: only runs with this status, or one of these.
            since: only runs created at that moment (Unix seconds or a datetime) or later.
            until: only runs created before that moment.
            tag: only runs with this tag.
            id_prefix: only runs whose id begins so.
            limit: how many runs a page has at most.
            cursor: the `cursor` of the page before.
        """
        return Page(
            *self._drive(
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

    def tally(
        self,
        edges: Sequence[float],
        *,
        workflow: str | None = None,
        status: RunStatus | str | Iterable[RunStatus | str] | None = None,
        tag: str | None = None,
        id_prefix: str | None = None,
    ) -> Counts:
        """Return how many runs were created in each slot of time, by the status that they have now.

        Over a store that cannot count, only the newest 1,000 of the runs are looked at.

        Args:
            edges: where the slots begin and end, Unix seconds in their order: one more than there are slots.
            workflow: as in `list`.
            status: as in `list`.
            tag: as in `list`.
            id_prefix: as in `list`.
        """
        return self._drive(
            self._flows.tally(edges, workflow=workflow, status=status, tag=tag, id_prefix=id_prefix)
        )

    def shown(self, run: Run) -> Run:
        """Return the run as people may see it: what `redact` names is masked."""
        from flux_core._masking import masked_run  # most engines show nothing

        return masked_run(run, self.masked)

    def masked(self, value: Any) -> Any:
        """Return an input, data or an output, as plain JSON-able data, as people may see it."""
        return self._flows.listeners.masked(value)

    def delete(self, run_id: str) -> None:
        """Remove a run that nobody holds.

        Its id may be used again once no worker of the removed run can be alive any more, such as one whose machine
        stands still.

        Raises:
            RunNotFound: there is no such run.
            RunBusy: a worker holds it.
        """
        return self._drive(self._flows.delete(run_id))

    def close(self) -> None:
        """Close the trace sinks, the store and the event loop of async handlers."""
        self._heart.close()
        self._flows.listeners.close()
        self._flows.storage.close()
        self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _drive(self, flow: Flow[T]) -> T:
        refuse_running_loop()
        return self._driver(self._flows, self._loop, self._heart).run(flow)
