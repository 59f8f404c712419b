"""The tick loop: going on with what is due, for as long as a server lives."""

from __future__ import annotations

import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

import anyio
import anyio.to_thread

from flux_core import App, InvalidInput
from flux_core._invocation import Invocation
from flux_core._serving.control.ticking import go_on
from flux_core._serving.measure import serving
from flux_web._store import stored

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from flux_core import TickReport

log: Final = logging.getLogger("flux")

HANDFUL: Final = 10
"""Runs of one tick, at most: several workers share what is due, and a server that ends waits for no long list."""
LONGEST_REST: Final = 30.0
"""Seconds between two ticks while the store fails."""
LAST_WAIT: Final = 10.0
"""Seconds that a server which ends gives to the ticks in hand."""


class TickLoop:
    """Ticks an app from threads, several at the same time if there is much to do.

    Args:
        app: whose runs are gone on with.
        every: the seconds from the beginning of one tick to that of the next.
        workers: how many ticks there may be at the same time.

    Raises:
        InvalidInput: `every` is not above 0, or `workers` below 1.
    """

    def __init__(self, app: App, every: float, workers: int) -> None:
        check_pace(every, workers)
        self._app = app
        self._every = every
        self._rest = every
        self._workers = workers
        self._in_hand = 0
        self._stopping = False
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
                    ticks.start_soon(self._tick)
                self._changed = anyio.Event()
                with anyio.move_on_after(self._rest):
                    await self._changed.wait()

    async def _tick(self) -> None:
        """Tick once; what it meets sets the pace."""
        try:
            own = anyio.CapacityLimiter(1)  # the loop counts its threads itself, and takes none from requests
            report = await anyio.to_thread.run_sync(self._go_on, abandon_on_cancel=True, limiter=own)
        except Exception as error:  # noqa: BLE001 (whatever it is, the next tick may go well)
            self._rest = min(2 * self._rest, max(LONGEST_REST, self._every))
            log.error(  # noqa: TRY400 (a store that is down for long would fill the log with tracebacks)
                "a tick has failed, the next is in %g s: %s: %s", self._rest, type(error).__name__, error
            )
        else:
            self._rest = self._every
            if report.claimed == HANDFUL:
                self._changed.set()  # there is more
        finally:
            self._in_hand -= 1

    def _go_on(self) -> TickReport:
        with serving(self._app, Invocation(None)):
            return go_on(self._app, HANDFUL)


def check_pace(every: float, workers: int) -> None:
    """Do nothing if a loop can tick like that.

    Raises:
        InvalidInput: `every` is not above 0, or `workers` below 1.
    """
    if not every > 0:
        raise InvalidInput(f"expected a number of seconds above 0, got {every}", path="every")
    if workers < 1:
        raise InvalidInput(f"expected a number of threads, at least 1; got {workers}", path="workers")


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

    At its end the ticks in hand have ten seconds; a run that takes longer goes on elsewhere once its lease has ended.

    Args:
        app: the one that `asgi` was given.
        every: the seconds between two ticks.
        workers: how many runs are gone on with at the same time, at most.

    Raises:
        InvalidInput: `every` is not above 0, or `workers` below 1.
    """
    served = stored(app)
    loop = TickLoop(served, every, workers)
    _loops[served] = loop
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(loop.run)
            try:
                yield
            finally:
                loop.stop()
                tasks.cancel_scope.deadline = anyio.current_time() + LAST_WAIT
    finally:
        _loops.pop(served, None)
