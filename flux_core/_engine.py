"""The engine for synchronous callers: performs the machine's effects one after the other."""

from __future__ import annotations

from threading import TIMEOUT_MAX
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from flux_core import _machine
from flux_core._attempt import AttemptThread, awaited, timed_out
from flux_core._effects import (
    AwaitThread,
    Call,
    Create,
    Delay,
    Delete,
    Emit,
    Find,
    GetBlob,
    Invoke,
    Load,
    Moment,
    Now,
    PutBlob,
    Save,
)
from flux_core._flows import Flows
from flux_core._listeners import report_failure
from flux_core._loop import LoopThread, refuse_running_loop
from flux_core._page import Page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime
    from typing import Self, Unpack

    from flux_core._context import D, I
    from flux_core._effects import Attempt, Effect, Flow
    from flux_core._flows import EngineOptions, TickReport
    from flux_core._run import Run
    from flux_core._status import RunStatus
    from flux_core._views import Result
    from flux_core._workflow import Workflow
    from flux_core.storage import Storage

T = TypeVar("T")


class Engine:
    """Runs workflows over a store, and blocks while it does. Safe to use from many threads.

    A failing step makes a failed `Result`, not an exception. Exceptions are for wrong use and for what cannot be
    decided: `InvalidInput`, `InvalidId`, `InputMismatch`, `RunBusy`, `LeaseLost`, `DefinitionChanged`,
    `StoreError`.

    Args:
        storage: where runs are kept; a `MemoryStorage` by default.
        options: see `EngineOptions`.
    """

    def __init__(self, storage: Storage | None = None, **options: Unpack[EngineOptions]) -> None:
        self._flows = Flows(storage, **options)
        self._loop = LoopThread()

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
        tags: Iterable[str] = (),
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
        tags: Iterable[str] = (),
    ) -> Result[D]:
        """Save a run that the next `tick` will run; arguments and errors are those of `execute`."""
        return self._drive(self._flows.start(workflow, input, id, tags))

    def resume(self, workflow: Workflow[I, D], run_id: str, *, deadline: float | None = None) -> Result[D]:
        """Go on with a run that can go on; one that has ended, or is not due, is returned as it stands.

        Raises:
            RunNotFound: there is no such run of this workflow.
        """
        return self._drive(self._flows.resume(workflow, run_id, deadline))

    def retry_step(
        self,
        workflow: Workflow[I, D],
        run_id: str,
        step: str,
        *,
        redo_commits: bool = False,
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
            deadline: as in `execute`.

        Raises:
            StepNotFound: the workflow has no such node.
            NotRetryable: the run has not ended, the step has not run, or it is a commit that has completed.
            RunBusy: another worker holds the run.
            RunNotFound: there is no such run of this workflow.
        """
        return self._drive(
            self._flows.retry_step(workflow, run_id, step, redo_commits=redo_commits, deadline=deadline)
        )

    def tick(
        self, workflows: Iterable[Workflow[Any, Any]], *, limit: int = 100, deadline: float | None = None
    ) -> TickReport:
        """Go on with what is due: runs whose worker was lost, started runs, back-offs that are over."""
        return self._drive(self._flows.tick(workflows, limit, deadline))

    def get(self, run_id: str) -> Run | None:
        """Return the stored run, or None."""
        return self._drive(_machine.get(run_id))

    def list(
        self,
        *,
        workflow: str | None = None,
        status: RunStatus | str | Iterable[RunStatus | str] | None = None,
        since: datetime | float | None = None,
        until: datetime | float | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page:
        """Return a page of runs, newest first.

        Args:
            workflow: only runs of the workflow of that name.
            status: only runs with this status, or one of these.
            since: only runs created at that moment (Unix seconds or a datetime) or later.
            until: only runs created before that moment.
            limit: how many runs a page has at most.
            cursor: the `cursor` of the page before.
        """
        return Page(*self._drive(self._flows.list(workflow, status, since, until, limit, cursor)))

    def delete(self, run_id: str) -> None:
        """Remove a run that nobody holds.

        Raises:
            RunNotFound: there is no such run.
            RunBusy: a worker holds it.
        """
        self._drive(_machine.delete(run_id))

    def close(self) -> None:
        """Close the trace sinks, the store and the event loop of async handlers."""
        self._flows.listeners.close()
        self._flows.storage.close()
        self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _drive(self, flow: Flow[T]) -> T:
        refuse_running_loop()
        return Driver(self._flows, self._loop).run(flow)


class Driver:
    """Performs the effects of one flow."""

    __slots__ = ("_clock", "_flows", "_left", "_loop", "_storage")

    def __init__(self, flows: Flows, loop: LoopThread) -> None:
        self._flows = flows
        self._storage = flows.storage
        self._clock = flows.clock
        self._loop = loop
        self._left: AttemptThread | None = None  # what a timed-out attempt left running

    def run(self, flow: Flow[T]) -> T:
        """Perform effect after effect until the flow returns; what an effect raises is raised in the flow."""
        time, monotonic, perform = self._clock.time, self._clock.monotonic, self._perform
        try:
            effect = next(flow)
            while True:
                try:
                    value = perform[type(effect)](self, effect)
                except Exception as error:  # noqa: BLE001 (the flow decides)
                    effect = flow.throw(error)
                else:
                    effect = flow.send((value, time(), monotonic()))
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]  # StopIteration is not generic

    def perform(self, effect: Effect) -> object:
        """Perform one effect, and return the value of its outcome."""
        return self._perform[type(effect)](self, effect)

    def _now(self, _: Now) -> Moment:
        return Moment(self._clock.time(), self._clock.monotonic())

    def _load(self, effect: Load) -> object:
        return self._storage.load(effect.run_id)

    def _create(self, effect: Create) -> None:
        self._storage.create(effect.record)

    def _save(self, effect: Save) -> None:
        self._storage.save(effect.record, replaces=effect.replaces)

    def _put_blob(self, effect: PutBlob) -> None:
        self._storage.put_blob(effect.run_id, effect.key, effect.value)

    def _get_blob(self, effect: GetBlob) -> bytes:
        return self._storage.get_blob(effect.run_id, effect.key)

    def _find(self, effect: Find) -> object:
        return self._storage.find(effect.query)

    def _delete(self, effect: Delete) -> None:
        self._storage.delete(effect.run_id)

    def _delay(self, effect: Delay) -> None:
        self._clock.sleep(effect.seconds)

    def _emit(self, effect: Emit) -> None:
        self._flows.listeners.emit(effect.event)

    def _call(self, effect: Call) -> None:
        try:
            returned = self._flows.listeners.hooks[effect.hook](*effect.arguments)
            if hasattr(returned, "__await__"):
                self._loop.run(returned)
        except Exception as error:  # noqa: BLE001 (a hook breaks no run)
            report_failure(f"hook {effect.hook}", error)

    def _invoke(self, effect: Invoke) -> Attempt:
        if effect.timeout is not None and not effect.is_async:
            output, error = self._in_thread(effect, effect.timeout)
        else:
            try:
                output, error = effect.function(effect.context), None
            except Exception as raised:  # noqa: BLE001 (it is the handler's, and becomes the attempt's)
                return None, raised
        if hasattr(output, "__await__"):
            return self._loop.run(awaited(output, effect))
        return output, error

    def _in_thread(self, effect: Invoke, timeout: float) -> Attempt:
        thread = AttemptThread(effect, on_end=bool)
        if thread.ended.wait(min(timeout, TIMEOUT_MAX)):
            return thread.attempt()
        self._left = thread
        return None, timed_out(effect)

    def _await_thread(self, effect: AwaitThread) -> bool:
        return self._left is None or self._left.ended.wait(min(effect.timeout, TIMEOUT_MAX))

    _perform: ClassVar[dict[type, Callable[..., object]]] = {
        Now: _now,
        Load: _load,
        Create: _create,
        Save: _save,
        PutBlob: _put_blob,
        GetBlob: _get_blob,
        Find: _find,
        Delete: _delete,
        Invoke: _invoke,
        AwaitThread: _await_thread,
        Delay: _delay,
        Emit: _emit,
        Call: _call,
    }
