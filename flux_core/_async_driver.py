"""The driver for asynchronous callers: performs the machine's effects on the caller's event loop."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from flux_core._attempt import AttemptThread, awaited, caller_is_cancelled, is_cancellation, timed_out
from flux_core._effects import (
    AwaitThread,
    Call,
    Create,
    Delay,
    Delete,
    Emit,
    Find,
    GetBlob,
    Hold,
    Invoke,
    Left,
    Load,
    Moment,
    Now,
    PutBlob,
    Save,
    Tally,
    Wake,
)
from flux_core._errors import RunExists
from flux_core._listeners import report_failure

if TYPE_CHECKING:
    from asyncio import Event
    from collections.abc import Awaitable, Callable

    from flux_core._effects import Attempt, Flow
    from flux_core._flows import Flows
    from flux_core._heart import Heart, Pulse
    from flux_core.storage import Record
    from flux_core.storage._port import TallyingStorage

T = TypeVar("T")


class AsyncDriver:
    """Performs the effects of one flow."""

    __slots__ = ("_clock", "_flows", "_heart", "_held", "_left", "_pulse", "_storage", "_store", "_table")

    def __init__(self, flows: Flows, heart: Heart) -> None:
        self._flows = flows
        self._storage = flows.storage
        self._clock = flows.clock
        self._store = _in_thread if getattr(flows.storage, "blocking", True) else _inline
        self._heart = heart
        self._pulse: Pulse | None = None
        self._left: Event | None = None  # ends with what a timed-out attempt left running
        self._held: str | None = None  # the run that is begun or worked on, if a sink wants to know
        self._table = self._perform_within if flows.listeners.around else self._perform

    async def run(self, flow: Flow[T]) -> T:
        """Perform effect after effect until the flow returns; what an effect raises is raised in the flow."""
        time, monotonic, perform = self._clock.time, self._clock.monotonic, self._table
        try:
            effect = next(flow)
            while True:
                try:
                    value = await perform[type(effect)](self, effect)
                except Exception as error:  # noqa: BLE001 (the flow decides)
                    effect = flow.throw(error)
                else:
                    effect = flow.send((value, time(), monotonic()))
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]  # StopIteration is not generic
        except BaseException as error:
            self._leave(error)
            raise
        finally:
            self._let_go()
            self._leave(None)

    async def _now(self, _: Now) -> Moment:
        return Moment(self._clock.time(), self._clock.monotonic())

    async def _hold(self, effect: Hold) -> None:
        self._let_go()
        if effect.worker.deadline is None:
            self._pulse = self._heart.begin(effect.run_id, effect.worker.token)

    async def _hold_within(self, effect: Hold) -> None:
        if self._held != effect.run_id:  # a run that turns back is held once more
            self._leave(None)
        await self._hold(effect)
        self._held = effect.run_id

    async def _leave_one(self, _: Left) -> None:
        self._let_go()

    async def _leave_one_within(self, effect: Left) -> None:
        self._let_go()
        if self._held == effect.run_id:  # else it was not held at all
            self._leave(effect.error)

    def _let_go(self) -> None:
        if self._pulse is not None:
            self._heart.end(self._pulse)
            self._pulse = None

    def _leave(self, error: BaseException | None) -> None:
        if self._held is not None:
            self._flows.listeners.left(self._held, error)
            self._held = None

    async def _load(self, effect: Load) -> object:
        return await self._store(self._storage.load, effect.run_id)

    async def _create(self, effect: Create) -> Record | None:
        try:
            await self._store(self._storage.create, effect.record)
        except RunExists as exists:
            return exists.record
        return None

    async def _create_within(self, effect: Create) -> Record | None:
        self._held = effect.record.id  # a sink has begun it: it is told if nothing comes of that
        return await self._create(effect)

    async def _save(self, effect: Save) -> None:
        await self._store(lambda: self._storage.save(effect.record, replaces=effect.replaces))

    async def _put_blob(self, effect: PutBlob) -> None:
        await self._store(self._storage.put_blob, effect.run_id, effect.key, effect.value)

    async def _get_blob(self, effect: GetBlob) -> object:
        return await self._store(self._storage.get_blob, effect.run_id, effect.key)

    async def _find(self, effect: Find) -> object:
        return await self._store(self._storage.find, effect.query)

    async def _tally(self, effect: Tally) -> object:
        storage = cast("TallyingStorage", self._storage)
        return await self._store(storage.tally, effect.query, effect.edges)

    async def _delete(self, effect: Delete) -> None:
        await self._store(self._storage.delete, effect.run_id)

    async def _delay(self, effect: Delay) -> None:
        await self._clock.sleep_async(effect.seconds)

    async def _wake(self, effect: Wake) -> None:
        await _in_thread(self._flows.call_waker, effect)

    async def _emit(self, effect: Emit) -> None:
        self._flows.listeners.emit(effect.event)

    async def _call(self, effect: Call) -> None:
        try:
            returned = self._flows.listeners.hooks[effect.hook](*effect.arguments)
            if hasattr(returned, "__await__"):
                await returned
        except Exception as error:  # noqa: BLE001 (a hook breaks no run)
            report_failure(f"hook {effect.hook}", error)
        except BaseException as error:
            if caller_is_cancelled() or not is_cancellation(error):
                raise
            report_failure(f"hook {effect.hook}", error)

    async def _invoke(self, effect: Invoke) -> Attempt:
        self._left = None
        if self._pulse is not None:
            self._pulse.context = effect.context
        if effect.timeout is not None and not effect.is_async:
            output, error = await self._in_thread(effect)
        else:
            try:
                output, error = effect.function(effect.context), None
            except Exception as raised:  # noqa: BLE001 (it is the handler's, and becomes the attempt's)
                return None, raised
        return await awaited(output, effect, self._clock) if hasattr(output, "__await__") else (output, error)

    async def _invoke_within(self, effect: Invoke) -> Attempt:
        with self._flows.listeners.within(effect.context):
            return await self._invoke(effect)

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
        except asyncio.CancelledError:
            timed_out(effect)  # the caller has gone: tell the handler
            raise
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
        Hold: _hold,
        Left: _leave_one,
        Load: _load,
        Create: _create,
        Save: _save,
        PutBlob: _put_blob,
        GetBlob: _get_blob,
        Find: _find,
        Tally: _tally,
        Delete: _delete,
        Invoke: _invoke,
        AwaitThread: _await_thread,
        Delay: _delay,
        Wake: _wake,
        Emit: _emit,
        Call: _call,
    }
    _perform_within: ClassVar[dict[type, Callable[..., Awaitable[object]]]] = {
        **_perform,
        Create: _create_within,
        Hold: _hold_within,
        Left: _leave_one_within,
        Invoke: _invoke_within,
    }


async def _in_thread(function: Callable[..., Any], *arguments: Any) -> Any:
    import asyncio

    return await asyncio.to_thread(function, *arguments)


async def _inline(function: Callable[..., Any], *arguments: Any) -> Any:
    return function(*arguments)
