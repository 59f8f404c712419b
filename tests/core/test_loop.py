"""The event loop of an engine's own."""

from __future__ import annotations

import asyncio
import os
import threading
from contextlib import suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING

import pytest

from flux_core._loop import LoopThread, refuse_running_loop

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT = 5
VARIABLE: ContextVar[int] = ContextVar("VARIABLE")


@pytest.fixture
def loop() -> Iterator[LoopThread]:
    """Give a loop that has not been started."""
    loop = LoopThread()
    yield loop
    loop.close()


async def running() -> asyncio.AbstractEventLoop:
    """Return the running loop."""
    return asyncio.get_running_loop()


async def thread_name() -> str:
    """Return the name of the thread."""
    return threading.current_thread().name


def test_it_runs_what_is_awaited(loop: LoopThread) -> None:
    """On a thread of its own, which is no reason for the program to stay."""
    assert loop.run(thread_name()) == "flux-loop"
    (thread,) = [thread for thread in threading.enumerate() if thread.name == "flux-loop"]
    assert thread.daemon


def test_it_is_one_loop(loop: LoopThread) -> None:
    """What one handler leaves on the loop, such as a client, the next one finds there."""
    assert loop.run(running()) is loop.run(running())


def test_it_raises_what_is_raised(loop: LoopThread) -> None:
    """The caller gets the error."""

    async def work() -> None:
        raise KeyError("k")

    with pytest.raises(KeyError):
        loop.run(work())


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
def test_it_outlives_what_would_end_a_thread(loop: LoopThread, error: type[BaseException]) -> None:
    """The caller gets it, and the loop goes on."""

    async def work() -> None:
        raise error

    with pytest.raises(error):
        loop.run(work())
    assert loop.run(thread_name()) == "flux-loop"


def test_it_sees_the_callers_context(loop: LoopThread) -> None:
    """Context variables follow."""

    async def read() -> int:
        return VARIABLE.get()

    token = VARIABLE.set(3)
    try:
        assert loop.run(read()) == 3
    finally:
        VARIABLE.reset(token)


def test_a_caller_that_is_interrupted_cancels_its_work(
    loop: LoopThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What nobody waits for does not go on."""
    from concurrent.futures import Future

    cancelled = threading.Event()
    started = threading.Event()

    async def work() -> None:
        try:
            started.set()
            await asyncio.sleep(LIMIT)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    def interrupted(self: Future[object], timeout: float | None = None) -> object:
        assert started.wait(LIMIT)
        raise KeyboardInterrupt

    monkeypatch.setattr(Future, "result", interrupted)
    with pytest.raises(KeyboardInterrupt):
        loop.run(work())
    assert cancelled.wait(LIMIT)


def test_it_may_be_closed_and_used_again(loop: LoopThread) -> None:
    """A later call starts another loop."""
    first = loop.run(running())
    loop.close()
    assert first.is_closed()
    assert loop.run(running()) is not first


def test_closing_what_was_not_started_is_nothing(loop: LoopThread) -> None:
    """Closing twice is nothing either."""
    loop.close()
    loop.run(running())
    loop.close()
    loop.close()


def test_many_threads_share_it(loop: LoopThread) -> None:
    """The loop is started once."""
    seen: list[asyncio.AbstractEventLoop] = []
    threads = [threading.Thread(target=lambda: seen.append(loop.run(running()))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT)
    assert (len(seen), len(set(map(id, seen)))) == (8, 1)


def test_a_running_loop_is_refused() -> None:
    """The error points to the async engine."""

    async def main() -> None:
        refuse_running_loop()

    with pytest.raises(RuntimeError, match="await an AsyncEngine there, or call this one in a thread"):
        asyncio.run(main())


def test_without_a_running_loop_nothing_is_refused() -> None:
    """Loaded asyncio is no running loop."""
    refuse_running_loop()


def test_closing_it_ends_what_runs(loop: LoopThread) -> None:
    """Whoever waits for an awaitable on a loop that is closed is told, and does not wait for ever."""
    begun = threading.Event()
    outcomes: list[BaseException] = []

    async def wait() -> None:
        begun.set()
        await asyncio.Event().wait()

    def call() -> None:
        try:
            loop.run(wait())
        except BaseException as error:  # noqa: BLE001 (whatever it is, it is what the caller is told)
            outcomes.append(error)

    caller = threading.Thread(target=call)
    caller.start()
    assert begun.wait(LIMIT)
    loop.close()
    caller.join(LIMIT)
    assert [type(error).__name__ for error in outcomes] == ["CancelledError"]


def test_it_may_be_closed_from_its_own_thread(loop: LoopThread) -> None:
    """An engine may be let go of by one of its own handlers: there is nobody to wait for."""

    async def close() -> str:
        loop.close()
        return "closed"

    assert loop.run(close()) == "closed"


def test_at_the_end_of_the_program_nothing_is_waited_for(
    loop: LoopThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loop's thread stands still by then, and would be waited for without end."""
    thread = loop.run(thread_name())
    monkeypatch.setattr("sys.is_finalizing", lambda: True)
    loop.__del__()
    assert loop.run(thread_name()) == thread


def test_a_handler_that_does_not_end_when_it_is_told_is_left(
    loop: LoopThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Closing waits for it no longer than the grace that it has."""
    monkeypatch.setattr("flux_core._loop.GRACE", 0.01)
    begun = threading.Event()

    async def stubborn() -> None:
        begun.set()
        for _ in range(3):
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()

    async def start() -> asyncio.Task[None]:
        return asyncio.ensure_future(stubborn())

    task = loop.run(start())
    assert begun.wait(LIMIT)
    loop.close()
    assert not task.done()
    task._log_destroy_pending = False  # type: ignore[attr-defined]  # it was meant to be left


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork, which this system lacks")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_after_a_fork_it_starts_anew(loop: LoopThread) -> None:
    """The child has no thread of the parent's, and gets a loop of its own."""
    loop.run(thread_name())
    child = os.fork()
    if child == 0:
        os._exit(0 if loop.run(thread_name()) == "flux-loop" else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
