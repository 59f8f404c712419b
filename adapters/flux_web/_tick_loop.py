"""The tick loop: going on with what is due, for as long as a server lives."""

from __future__ import annotations

import logging
from contextlib import asynccontextmanager
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

import anyio
import anyio.to_thread

from flux_core._invocation import Invocation
from flux_core._serving.control.ticking import go_on
from flux_core._serving.measure import serving
from flux_web._options import check_count, check_seconds
from flux_web._store import stored
from flux_web._threads import contained

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from flux_core import App

log: Final = logging.getLogger("flux")

HANDFUL: Final = 10
"""Runs of one tick, at most: several workers share what is due."""
LONGEST_REST: Final = 30.0
"""Seconds between two ticks while the store fails."""
LAST_WAIT: Final = 10.0
"""Seconds that a server which ends gives to the ticks in hand."""
BUSY: Final = 60.0
"""Seconds for which all workers may be at the same ticks before somebody is told that what is due waits."""


class TickLoop:
    """Ticks an app from threads, several at the same time if there is much to do.

    Args:
        app: whose runs are gone on with.
        every: the seconds from the beginning of one tick to that of the next.
        workers: how many ticks there may be at the same time.

    Raises:
        InvalidInput: `every` is no number of seconds above 0, or `workers` none of threads.
    """

    def __init__(self, app: App, every: float, workers: int) -> None:
        check_seconds(every, "every")
        check_count(workers, "workers", "threads")
        self._app = app
        self._every = every
        self._rest = every
        self._workers = workers
        self._in_hand = 0
        self._stopping = False
        self._busy_since = inf
        self._changed = anyio.Event()

    def poke(self) -> None:
        """Tick now: something is due. Called on the event loop."""
        self._changed.set()

    def stop(self) -> None:
        """Begin no more ticks."""
        self._stopping = True
        self._changed.set()

    async def run(self) -> None:
        """Tick until `stop`, and until the last tick has ended."""
        async with anyio.create_task_group() as ticks:
            while not self._stopping:
                if self._in_hand < self._workers:
                    self._in_hand += 1
                    self._busy_since = anyio.current_time()
                    ticks.start_soon(self._tick)
                elif anyio.current_time() - self._busy_since >= BUSY:
                    self._busy_since = inf  # once is enough, until one of them is free again
                    log.warning(
                        "all %d workers have been busy for %g s, and what else is due waits: give more by workers=, or"
                        " have other processes tick too",
                        self._workers,
                        BUSY,
                    )
                self._changed = anyio.Event()
                with anyio.move_on_after(self._rest):
                    await self._changed.wait()

    async def _tick(self) -> None:
        """Tick once; what it meets sets the pace."""
        try:
            own = anyio.CapacityLimiter(1)  # the loop counts its threads itself, and takes none from requests
            work = partial(contained, self._go_on)
            claimed = await anyio.to_thread.run_sync(work, abandon_on_cancel=True, limiter=own)
        except Exception as error:  # noqa: BLE001 (whatever it is, the next tick may go well)
            self._rest = min(2 * self._rest, max(LONGEST_REST, self._every))
            log.error(  # noqa: TRY400 (a store that is down for long would fill the log with tracebacks)
                "a tick has failed, the next is in %g s: %s: %s", self._rest, type(error).__name__, error
            )
        else:
            self._rest = self._every
            if claimed == HANDFUL:
                self._changed.set()  # there is more
        finally:
            self._in_hand -= 1

    def _go_on(self) -> int:
        """Go on with due runs one by one, so that `stop` is heeded between two; return with how many."""
        with serving(self._app, Invocation(None)):
            claimed = 0 if self._stopping else go_on(self._app, 1).claimed
            while 0 < claimed < HANDFUL and not self._stopping and self._app.tick(limit=1).claimed:
                claimed += 1
        return claimed


_loops: Final[WeakKeyDictionary[App, TickLoop]] = WeakKeyDictionary()


def loop_of(app: App) -> TickLoop | None:
    """Return the loop that ticks the app in this process, or None."""
    return _loops.get(app)


@asynccontextmanager
async def ticking(app: App, every: float = 1.0, workers: int = 4) -> AsyncIterator[None]:
    """Go on with the app's due runs while the block lasts: started ones, those that slept, and what others left.

    It belongs into the lifespan of an application that `asgi` is mounted in, since those do not run the lifespan of
    what is mounted:

        @asynccontextmanager
        async def lifespan(outer):
            async with flux_web.ticking(orders):
                yield

    At its end no more runs are begun, and those in hand have ten seconds; one that takes longer goes on elsewhere once
    its lease has ended. What the block raises is raised at once.

    Args:
        app: the one that `asgi` was given.
        every: the seconds between two ticks.
        workers: how many runs are gone on with at the same time, at most.

    Raises:
        InvalidInput: `every` is no number of seconds above 0, or `workers` none of threads.
    """
    served = stored(app)
    loop = TickLoop(served, every, workers)
    _loops[served] = loop
    raised: Exception | None = None
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(loop.run)
            try:
                yield
            except Exception as error:  # noqa: BLE001 (raised below: out of here it would come in a group)
                raised = error
                tasks.cancel_scope.cancel()
            finally:
                loop.stop()
                tasks.cancel_scope.deadline = anyio.current_time() + LAST_WAIT
    except Exception:
        if raised is None:
            raise
        log.exception("the tick loop has failed too")
    finally:
        _loops.pop(served, None)
    if raised is not None:
        raise raised
