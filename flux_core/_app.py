"""The app: workflows, a store and an engine under one name, for the fronts that serve them."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any, Self

from flux_core._engine import Engine
from flux_core._errors import InvalidWorkflow, UnknownWorkflow
from flux_core._listeners import checked_sinks
from flux_core._masking import checked_paths
from flux_core._workflow import Workflow

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from typing import Unpack

    from flux_core._options import EngineOptions
    from flux_core._page import Page
    from flux_core._result import Result
    from flux_core._run import Run, TickReport
    from flux_core._status import Counts, RunStatus
    from flux_core._trace import TraceSink
    from flux_core._waker import Waker
    from flux_core.storage import Storage


class App:
    """What an adapter, the command line and the web are given. Its methods are the engine's, by workflow name.

    Args:
        workflows: the workflows that the app serves. Several versions of one workflow may stand side by side: the
            last of them starts new runs, and each run goes on under the version that it was started with.
        storage: where runs are kept; None leaves it to the front: functions, servers and the command line take the
            store of `FLUX_STORE`, else a file, which is in `/tmp` in a function; a program takes memory.
        options: those of the engine; see `EngineOptions`.

    Raises:
        InvalidWorkflow: two workflows have one name and one version, or one cannot be run.
    """

    def __init__(
        self,
        workflows: Iterable[Workflow[Any, Any]],
        storage: Storage | None = None,
        **options: Unpack[EngineOptions],
    ) -> None:
        if isinstance(workflows, Workflow):
            raise InvalidWorkflow("an app takes a list of workflows: App([workflow])")
        self._versions: dict[str, dict[str, Workflow[Any, Any]]] = {}
        for workflow in workflows:
            versions = self._versions.setdefault(workflow.name, {})
            if workflow.version in versions:
                raise InvalidWorkflow(
                    f"two workflows of the app are called {workflow.name!r}; versions that stand side by side need"
                    f" a version= of their own, and both say {workflow.version!r}"
                )
            _ = workflow.plan  # what is wrong with it shows now, not with the first order
            versions[workflow.version] = workflow
        self.storage = storage
        self._options: EngineOptions = {
            **options,
            "trace": checked_sinks(options.get("trace", ())),
            "redact": checked_paths(options.get("redact", ())),
        }
        self._engine: Engine | None = None
        self._lock = Lock()

    @property
    def engine(self) -> Engine:
        """The app's engine, made when it is first used."""
        with self._lock:
            if self._engine is None:
                self._engine = Engine(self.storage, **self._options)
                self._engine._flows.versions = self._versions  # noqa: SLF001 (an engine alone knows no names)
            return self._engine

    @property
    def trace(self) -> tuple[TraceSink, ...]:
        """Where its trace events go."""
        return tuple(self._options["trace"])

    @property
    def waker(self) -> Waker | None:
        """What brings its runs back promptly, if the app was given that."""
        return self._options.get("waker")

    @property
    def workflows(self) -> tuple[Workflow[Any, Any], ...]:
        """The workflows that the app serves, all their versions."""
        return tuple(workflow for versions in self._versions.values() for workflow in versions.values())

    def on(self, storage: Storage, *, trace: Iterable[TraceSink] = (), redact: Iterable[str] = ()) -> App:
        """Return the same app over another store, with these trace sinks and paths to mask beside its own."""
        options: EngineOptions = {
            **self._options,
            "trace": (*self.trace, *checked_sinks(trace)),
            "redact": (*self._options["redact"], *checked_paths(redact)),
        }
        return App(self.workflows, storage, **options)

    def workflow(self, name: str) -> Workflow[Any, Any]:
        """Return the workflow of that name, in the version that starts new runs.

        Raises:
            UnknownWorkflow: there is none; the message lists those there are.
        """
        if name not in self._versions:
            known = ", ".join(self._versions) or "none"
            raise UnknownWorkflow(f"the app has no workflow {name!r}; it has: {known}")
        return tuple(self._versions[name].values())[-1]

    def execute(
        self,
        workflow: str,
        input: Any,
        *,
        id: str | None = None,
        deadline: float | None = None,
        tags: Iterable[str] | None = None,
        retry_failed: bool = False,
    ) -> Result[Any]:
        """Run the workflow until it ends or is suspended; see `Engine.execute`."""
        return self.engine.execute(
            self.workflow(workflow), input, id=id, deadline=deadline, tags=tags, retry_failed=retry_failed
        )

    def start(
        self,
        workflow: str,
        input: Any,
        *,
        id: str | None = None,
        tags: Iterable[str] | None = None,
    ) -> Result[Any]:
        """Save a run that the next `tick` will run; see `Engine.start`."""
        return self.engine.start(self.workflow(workflow), input, id=id, tags=tags)

    def resume(self, workflow: str, run_id: str, *, deadline: float | None = None) -> Result[Any]:
        """Go on with a run that can go on; see `Engine.resume`."""
        return self.engine.resume(self.workflow(workflow), run_id, deadline=deadline)

    def wake(
        self, workflow: str, run_id: str, *, at: float | None = None, deadline: float | None = None
    ) -> Result[Any]:
        """Go on with a run that is due; see `Engine.wake`."""
        return self.engine.wake(self.workflow(workflow), run_id, at=at, deadline=deadline)

    def retry_step(
        self,
        workflow: str,
        run_id: str,
        step: str,
        *,
        redo_commits: bool = False,
        revision: int | None = None,
        deadline: float | None = None,
    ) -> Result[Any]:
        """Go back to before a step of a run that has ended, and run on; see `Engine.retry_step`."""
        return self.engine.retry_step(
            self.workflow(workflow),
            run_id,
            step,
            redo_commits=redo_commits,
            revision=revision,
            deadline=deadline,
        )

    def signal(
        self,
        workflow: str,
        run_id: str,
        name: str,
        payload: Any = None,
        *,
        id: str | None = None,
        run: bool = True,
        deadline: float | None = None,
    ) -> Result[Any]:
        """Send a run a signal, and go on with the run here if no worker holds it; see `Engine.signal`."""
        return self.engine.signal(
            self.workflow(workflow), run_id, name, payload, id=id, run=run, deadline=deadline
        )

    def cancel(
        self, workflow: str, run_id: str, *, compensate: bool = False, deadline: float | None = None
    ) -> Result[Any]:
        """Cancel a run; see `Engine.cancel`."""
        return self.engine.cancel(self.workflow(workflow), run_id, compensate=compensate, deadline=deadline)

    def pause(self, run_id: str) -> Run:
        """Have a run stand still until `resume`; see `Engine.pause`."""
        return self.engine.pause(run_id)

    def resolve(
        self,
        workflow: str,
        run_id: str,
        step: str,
        *,
        output: Any = None,
        run: bool = True,
        deadline: float | None = None,
    ) -> Result[Any]:
        """Say that the commit at which a run failed did happen, and go on; see `Engine.resolve`."""
        return self.engine.resolve(
            self.workflow(workflow), run_id, step, output=output, run=run, deadline=deadline
        )

    def tick(self, *, limit: int = 100, deadline: float | None = None) -> TickReport:
        """Go on with what is due in any of the workflows; see `Engine.tick`."""
        return self.engine.tick(self.workflows, limit=limit, deadline=deadline)

    def get(self, run_id: str) -> Run | None:
        """Return the stored run, or None."""
        return self.engine.get(run_id)

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
        """Return a page of runs, newest first; see `Engine.list`."""
        return self.engine.list(
            workflow=workflow,
            status=status,
            since=since,
            until=until,
            tag=tag,
            id_prefix=id_prefix,
            limit=limit,
            cursor=cursor,
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
        """Return how many runs were created in each slot of time, by status; see `Engine.tally`."""
        return self.engine.tally(edges, workflow=workflow, status=status, tag=tag, id_prefix=id_prefix)

    def shown(self, run: Run) -> Run:
        """Return the run as people may see it; see `Engine.shown`."""
        return self.engine.shown(run)

    def masked(self, value: Any) -> Any:
        """Return an input, data or an output as people may see it; see `Engine.masked`."""
        return self.engine.masked(value)

    def delete(self, run_id: str) -> None:
        """Remove a run that nobody holds; see `Engine.delete`."""
        self.engine.delete(run_id)

    def close(self) -> None:
        """Close the engine, if it was made."""
        if self._engine is not None:
            self._engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
