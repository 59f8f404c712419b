"""The driver for synchronous callers: performs the machine's effects one after the other."""

from __future__ import annotations

from threading import TIMEOUT_MAX
from typing import TYPE_CHECKING, ClassVar, TypeVar, cast

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
    from collections.abc import Callable

    from flux_core._effects import Attempt, Effect, Flow
    from flux_core._flows import Flows
    from flux_core._heart import Heart, Pulse
    from flux_core._loop import LoopThread
    from flux_core.storage import Record
    from flux_core.storage._port import TallyingStorage

T = TypeVar("T")


class Driver:
    """Performs the effects of one flow."""

    __slots__ = ("_clock", "_flows", "_heart", "_held", "_left", "_loop", "_pulse", "_storage", "_table")

    def __init__(self, flows: Flows, loop: LoopThread, heart: Heart | None = None) -> None:
        self._flows = flows
        self._storage = flows.storage
        self._clock = flows.clock
        self._loop = loop
        self._heart = heart
        self._pulse: Pulse | None = None
        self._left: AttemptThread | None = None  # what a timed-out attempt left running
        self._held: str | None = None  # the run that is begun or worked on, if a sink wants to know
        self._table = self._perform_within if flows.listeners.around else self._perform

    def run(self, flow: Flow[T]) -> T:
        """Perform effect after effect until the flow returns; what an effect raises is raised in the flow."""
        time, monotonic, perform = self._clock.time, self._clock.monotonic, self._table
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
        except BaseException as error:
            self._leave(error)
            raise
        finally:
            self._let_go()
            self._leave(None)

    def perform(self, effect: Effect) -> object:
        """Perform one effect, and return the value of its outcome."""
        return self._table[type(effect)](self, effect)

    def _now(self, _: Now) -> Moment:
        return Moment(self._clock.time(), self._clock.monotonic())

    def _hold(self, effect: Hold) -> None:
        self._let_go()
        if self._heart is not None and effect.worker.deadline is None:
            self._pulse = self._heart.begin(effect.run_id, effect.worker.token)

    def _hold_within(self, effect: Hold) -> None:
        if self._held != effect.run_id:  # a run that turns back is held once more
            self._leave(None)
        self._hold(effect)
        self._held = effect.run_id

    def _leave_one(self, _: Left) -> None:
        self._let_go()

    def _leave_one_within(self, effect: Left) -> None:
        self._let_go()
        if self._held == effect.run_id:  # else it was not held at all
            self._leave(effect.error)

    def _let_go(self) -> None:
        if self._heart is not None and self._pulse is not None:
            self._heart.end(self._pulse)
            self._pulse = None

    def _leave(self, error: BaseException | None) -> None:
        if self._held is not None:
            self._flows.listeners.left(self._held, error)
            self._held = None

    def _load(self, effect: Load) -> object:
        return self._storage.load(effect.run_id)

    def _create(self, effect: Create) -> Record | None:
        try:
            self._storage.create(effect.record)
        except RunExists as exists:
            return exists.record
        return None

    def _create_within(self, effect: Create) -> Record | None:
        self._held = effect.record.id  # a sink has begun it: it is told if nothing comes of that
        return self._create(effect)

    def _save(self, effect: Save) -> None:
        self._storage.save(effect.record, replaces=effect.replaces)

    def _put_blob(self, effect: PutBlob) -> None:
        self._storage.put_blob(effect.run_id, effect.key, effect.value)

    def _get_blob(self, effect: GetBlob) -> bytes:
        return self._storage.get_blob(effect.run_id, effect.key)

    def _find(self, effect: Find) -> object:
        return self._storage.find(effect.query)

    def _tally(self, effect: Tally) -> object:
        return cast("TallyingStorage", self._storage).tally(effect.query, effect.edges)

    def _delete(self, effect: Delete) -> None:
        self._storage.delete(effect.run_id)

    def _delay(self, effect: Delay) -> None:
        self._clock.sleep(effect.seconds)

    def _wake(self, effect: Wake) -> None:
        self._flows.call_waker(effect)

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
        self._left = None
        if self._pulse is not None:
            self._pulse.context = effect.context
        if effect.timeout is not None and not effect.is_async:
            output, error = self._in_thread(effect, effect.timeout)
        else:
            try:
                output, error = effect.function(effect.context), None
            except Exception as raised:  # noqa: BLE001 (it is the handler's, and becomes the attempt's)
                return None, raised
        if hasattr(output, "__await__"):
            return self._loop.run(awaited(output, effect, self._clock))
        return output, error

    def _invoke_within(self, effect: Invoke) -> Attempt:
        with self._flows.listeners.within(effect.context):
            return self._invoke(effect)

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
    _perform_within: ClassVar[dict[type, Callable[..., object]]] = {
        **_perform,
        Create: _create_within,
        Hold: _hold_within,
        Left: _leave_one_within,
        Invoke: _invoke_within,
    }
