"""Watching a run for all the streams that show it: the store is asked once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from weakref import WeakValueDictionary

import anyio

from flux_core._http.events import batch

if TYPE_CHECKING:
    from flux_core._http.events import Batch
    from flux_core._http.runs import Runs
    from flux_web._threads import Threads

PAUSE: Final = 0.5
"""Seconds between two looks at a run."""


class Watches:
    """The runs that are being watched.

    Args:
        runs: where they are.
        threads: where they are looked at.
    """

    def __init__(self, runs: Runs, threads: Threads) -> None:
        self._runs = runs
        self._threads = threads
        self._watches: WeakValueDictionary[str, Watch] = WeakValueDictionary()

    def of(self, run_id: str) -> Watch:
        """Return the watch of a run, the same to all who have it at the same time."""
        watch = self._watches.get(run_id)
        if watch is None:
            watch = self._watches[run_id] = Watch(self._runs, run_id, self._threads)
        return watch


class Watch:
    """Looks at a run when the first of those who watch it wants to know, and tells the others what it has seen."""

    def __init__(self, runs: Runs, run_id: str, threads: Threads) -> None:
        self._runs = runs
        self._id = run_id
        self._threads = threads
        self._lock = anyio.Lock()
        self._told: dict[str | None, Batch | Exception] = {}  # of the last look, by what a client has seen
        self._due = 0.0
        self.looks = 0
        """How often the run has been looked at."""

    async def news(self, seen: str | None, after: int) -> Batch:
        """Return what there is to tell of the run.

        Args:
            seen: the id of the last event that the client has; None if it has none.
            after: the run is looked at anew unless it has been looked at more often than that.

        Raises:
            RunNotFound: it is not there, and the client has seen nothing of it; beside all that the runs raise.
        """
        async with self._lock:
            if self.looks <= after:
                self.looks += 1
                self._told.clear()
            if seen not in self._told:
                self._told[seen] = await self._threads.run(self._look, seen)
                self._due = anyio.current_time() + PAUSE
            told = self._told[seen]
        if isinstance(told, Exception):
            raise told
        return told

    def _look(self, seen: str | None) -> Batch | Exception:
        """Return what there is to tell, or the error: a store that fails late makes nobody else wait for the same."""
        try:
            return batch(self._runs, self._id, seen)
        except Exception as error:  # noqa: BLE001 (it is raised to all who wait)
            return error

    async def rest(self) -> None:
        """Wait until the run is to be looked at again: for all who wait at the same time."""
        await anyio.sleep_until(self._due)
