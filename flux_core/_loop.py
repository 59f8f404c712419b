"""An event loop of the engine's own, on a thread of its own, for the async handlers of synchronous callers."""

from __future__ import annotations

import sys
from threading import Lock, Thread, current_thread
from typing import TYPE_CHECKING, TypeVar, cast

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Awaitable

T = TypeVar("T")
GRACE = 5.0  # seconds that a cancelled handler has for ending


class LoopThread:
    """Runs awaitables for threads that wait for them; the loop starts with the first one."""

    __slots__ = ("_lock", "_loop", "_thread")

    def __init__(self) -> None:
        self._lock = Lock()
        self._loop: AbstractEventLoop | None = None
        self._thread: Thread | None = None

    def run(self, awaitable: Awaitable[T]) -> T:
        """Run the awaitable to its end, with the caller's context variables; cancel it if the caller is interrupted."""
        import asyncio  # asyncio costs more to load than the engine

        ending: list[BaseException] = []

        async def whole() -> T | None:
            try:
                return await awaitable
            except (KeyboardInterrupt, SystemExit) as error:  # raised in the loop, these would end its thread
                ending.append(error)
                return None

        future = asyncio.run_coroutine_threadsafe(whole(), self._started())
        try:
            value = future.result()
        except BaseException:
            future.cancel()
            raise
        if ending:
            raise ending[0]
        return cast("T", value)

    def close(self) -> None:
        """Cancel what runs, and stop the loop, if there is one; a later `run` starts another."""
        with self._lock:
            loop, thread, self._loop, self._thread = self._loop, self._thread, None, None
        if loop is None or thread is None or not thread.is_alive():  # it is not, in a child after a fork
            return
        loop.call_soon_threadsafe(_cancel_all, loop)
        if thread is not current_thread():  # else it is the loop's own task that lets go of the engine
            thread.join()

    def _started(self) -> AbstractEventLoop:
        import asyncio  # asyncio costs more to load than the engine

        with self._lock:
            if self._loop is None or self._thread is None or not self._thread.is_alive():
                self._loop = asyncio.new_event_loop()
                self._thread = Thread(target=_run, args=(self._loop,), name="flux-loop", daemon=True)
                self._thread.start()
            return self._loop

    def __del__(self) -> None:
        if not sys.is_finalizing():  # then the thread stands still, and there is nothing to wait for
            self.close()


def _run(loop: AbstractEventLoop) -> None:
    """Run the loop until it is stopped, and close it."""
    try:
        loop.run_forever()
    finally:
        loop.close()


def _cancel_all(loop: AbstractEventLoop) -> None:
    """Stop the loop once every task in it has been told to end, and has ended."""
    import asyncio  # it is loaded: there is a loop

    async def end() -> None:
        tasks = asyncio.all_tasks(loop) - {asyncio.current_task(loop)}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=GRACE)

    ending = loop.create_task(end())
    ending.add_done_callback(lambda _: loop.stop())


def refuse_running_loop() -> None:
    """Refuse to block a running event loop.

    Raises:
        RuntimeError: the calling thread runs one.
    """
    events = sys.modules.get("asyncio.events")
    if events is not None and events._get_running_loop() is not None:  # noqa: SLF001 (documented, and needs no try)
        raise RuntimeError(
            "an Engine would block the running event loop; await an AsyncEngine there, or call this one in a thread,"
            " as in: await asyncio.to_thread(engine.execute, ...)"
        )
