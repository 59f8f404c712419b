"""The engine for asynchronous callers: performs the machine's effects on the caller's event loop."""

from __future__ import annotations

from contextlib import suppress
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
from flux_core._page import Page

if TYPE_CHECKING:
    from asyncio import Event
    from collections.abc import Awaitable, Callable, Iterable, Mapping
    from datetime import datetime
    from typing import Self, Unpack

    from flux_core._context import D, I
    from flux_core._effects import Attempt, Flow
    from flux_core._flows import EngineOptions, TickReport
    from flux_core._run import Run
    from flux_core._status import RunStatus
    from flux_core._views import Result
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
        self._flows = Flows(storage, **options)

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
        tags: Iterable[str] = (),
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
        tags: Iterable[str] = (),
    ) -> Result[D]:
        """Save a run that the next `tick` will run; see `Engine.start`."""
        return await self._drive(self._flows.start(workflow, input, id, tags))

    async def resume(
        self, workflow: Workflow[I, D], run_id: str, *, deadline: float | None = None
    ) -> Result[D]:
        """Go on with a run that can go on; see `Engine.resume`."""
        return await self._drive(self._flows.resume(workflow, run_id, deadline))

    async def retry_step(
        self,
        workflow: Workflow[I, D],
        run_id: str,
        step: str,
        *,
        redo_commits: bool = False,
        deadline: float | None = None,
    ) -> Result[D]:
        """Go back to before a step of a run that has ended, and run on; see `Engine.retry_step`."""
        return await self._drive(
            self._flows.retry_step(workflow, run_id, step, redo_commits=redo_commits, deadline=deadline)
        )

    async def tick(
        self, workflows: Iterable[Workflow[Any, Any]], *, limit: int = 100, deadline: float | None = None
    ) -> TickReport:
        """Go on with what is due; see `Engine.tick`."""
        return await self._drive(self._flows.tick(workflows, limit, deadline))

    async def get(self, run_id: str) -> Run | None:
        """Return the stored run, or None."""
        return await self._drive(_machine.get(run_id))

    async def list(
        self,
        *,
        workflow: str | None = None,
        status: RunStatus | str | Iterable[RunStatus | str] | None = None,
        since: datetime | float | None = None,
        until: datetime | float | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page:
        """Return a page of runs, newest first; see `Engine.list`."""
        return Page(*await self._drive(self._flows.list(workflow, status, since, until, limit, cursor)))

    async def delete(self, run_id: str) -> None:
        """Remove a run that nobody holds; see `Engine.delete`."""
        await self._drive(_machine.delete(run_id))

    def close(self) -> None:
        """Close the trace sinks and the store."""
        self._flows.listeners.close()
        self._flows.storage.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        self.close()

    async def _drive(self, flow: Flow[T]) -> T:
        return await AsyncDriver(self._flows).run(flow)


class AsyncDriver:
    """Performs the effects of one flow."""

    __slots__ = ("_clock", "_flows", "_left", "_storage", "_store")

    def __init__(self, flows: Flows) -> None:
        self._flows = flows
        self._storage = flows.storage
        self._clock = flows.clock
        self._store = _in_thread if getattr(flows.storage, "blocking", True) else _inline
        self._left: Event | None = None  # ends with what a timed-out attempt left running

    async def run(self, flow: Flow[T]) -> T:
        """Perform effect after effect until the flow returns; what an effect raises is raised in the flow."""
        time, monotonic = self._clock.time, self._clock.monotonic
        try:
            effect = next(flow)
            while True:
                try:
                    value = await self._perform[type(effect)](self, effect)
                except Exception as error:  # noqa: BLE001 (the flow decides)
                    effect = flow.throw(error)
                else:
                    effect = flow.send((value, time(), monotonic()))
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]  # StopIteration is not generic

    async def _now(self, _: Now) -> Moment:
        return Moment(self._clock.time(), self._clock.monotonic())

    async def _load(self, effect: Load) -> object:
        return await self._store(self._storage.load, effect.run_id)

    async def _create(self, effect: Create) -> None:
        await self._store(self._storage.create, effect.record)

    async def _save(self, effect: Save) -> None:
        await self._store(lambda: self._storage.save(effect.record, replaces=effect.replaces))

    async def _put_blob(self, effect: PutBlob) -> None:
        await self._store(self._storage.put_blob, effect.run_id, effect.key, effect.value)

    async def _get_blob(self, effect: GetBlob) -> object:
        return await self._store(self._storage.get_blob, effect.run_id, effect.key)

    async def _find(self, effect: Find) -> object:
        return await self._store(self._storage.find, effect.query)

    async def _delete(self, effect: Delete) -> None:
        await self._store(self._storage.delete, effect.run_id)

    async def _delay(self, effect: Delay) -> None:
        await self._clock.sleep_async(effect.seconds)

    async def _emit(self, effect: Emit) -> None:
        self._flows.listeners.emit(effect.event)

    async def _call(self, effect: Call) -> None:
        try:
            returned = self._flows.listeners.hooks[effect.hook](*effect.arguments)
            if hasattr(returned, "__await__"):
                await returned
        except Exception as error:  # noqa: BLE001 (a hook breaks no run)
            report_failure(f"hook {effect.hook}", error)

    async def _invoke(self, effect: Invoke) -> Attempt:
        if effect.timeout is not None and not effect.is_async:
            output, error = await self._in_thread(effect)
        else:
            try:
                output, error = effect.function(effect.context), None
            except Exception as raised:  # noqa: BLE001 (it is the handler's, and becomes the attempt's)
                return None, raised
        return await awaited(output, effect) if hasattr(output, "__await__") else (output, error)

    async def _in_thread(self, effect: Invoke) -> Attempt:
        import asyncio

        ended = asyncio.Event()
        loop = asyncio.get_running_loop()

        def end() -> None:
            with suppress(RuntimeError):  # a thread that was left behind may outlive the loop
                loop.call_soon_threadsafe(ended.set)

        thread = AttemptThread(effect, on_end=end)
        try:
            await asyncio.wait_for(ended.wait(), effect.timeout)
        except TimeoutError:
            self._left = ended
            return None, timed_out(effect)
        return thread.attempt()

    async def _await_thread(self, effect: AwaitThread) -> bool:
        import asyncio

        if self._left is None:
            return True
        try:
            await asyncio.wait_for(self._left.wait(), effect.timeout)
        except TimeoutError:
            return False
        return True

    _perform: ClassVar[dict[type, Callable[..., Awaitable[object]]]] = {
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


async def _in_thread(function: Callable[..., Any], *arguments: Any) -> Any:
    import asyncio

    return await asyncio.to_thread(function, *arguments)


async def _inline(function: Callable[..., Any], *arguments: Any) -> Any:
    return function(*arguments)
