"""One call of a user's function: inline, in a thread if it must be left behind in time, or on an event loop."""

from __future__ import annotations

from contextvars import copy_context
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from flux_core._clock import timeout_on
from flux_core._errors import StepTimeout

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from flux_core._clock import Clock
    from flux_core._context import Context
    from flux_core._effects import Attempt, Invoke


class AttemptThread:
    """A synchronous handler in a thread of its own, with the caller's context variables.

    A thread cannot be killed: when its time is up the context says `cancelled`, and the thread is left to end.
    """

    def __init__(self, effect: Invoke, on_end: Callable[[], object]) -> None:
        self.ended = Event()
        self._output: Any = None
        self._error: BaseException | None = None
        self._on_end = on_end
        run = copy_context().run
        Thread(target=run, args=(self._run, effect), name=f"flux-{effect.context.step}", daemon=True).start()

    def attempt(self) -> Attempt:
        """Return what came of it; what is no `Exception`, such as `SystemExit`, is raised."""
        if self._error is not None and not isinstance(self._error, Exception):
            raise self._error
        return self._output, self._error

    def _run(self, effect: Invoke) -> None:
        try:
            self._output = effect.function(effect.context)
        except BaseException as error:  # noqa: BLE001 (attempt() raises it in the thread that waits)
            self._error = error
        self.ended.set()
        self._on_end()


async def awaited(awaitable: Awaitable[Any], effect: Invoke, clock: Clock) -> Attempt:
    """Await what a handler returned, no longer than its time-out; then it is cancelled."""
    import asyncio  # asyncio costs more to load than the engine

    try:
        async with timeout_on(clock, effect.timeout) as scope:
            return await awaitable, None
    except TimeoutError as error:
        return None, timed_out(effect) if scope.expired() else error
    except asyncio.CancelledError as error:
        if caller_is_cancelled():
            raise
        cancelled = RuntimeError(f"what step {effect.context.step!r} awaited was cancelled")
        cancelled.__cause__ = error
        return None, cancelled
    except Exception as error:  # noqa: BLE001 (it is the handler's, and becomes the attempt's)
        return None, error


def caller_is_cancelled() -> bool:
    """Whether it is the running task that was cancelled, and not just something that it awaited."""
    import asyncio  # it is loaded: there is a task

    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def is_cancellation(error: BaseException) -> bool:
    """Whether the error says that something awaited was cancelled."""
    import asyncio  # as above

    return isinstance(error, asyncio.CancelledError)


def timed_out(effect: Invoke) -> StepTimeout:
    """Tell the handler's context that its time is up, and return the error that says so."""
    context: Context[Any, Any] = effect.context
    context._cancelled = True  # noqa: SLF001 (read-only for handlers)
    return StepTimeout(f"step {context.step!r} took longer than its time-out of {effect.timeout:g} s")
