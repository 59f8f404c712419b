"""Watching a run for all the streams that show it: one look at the store tells all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from weakref import WeakValueDictionary

import anyio

from flux_core._http.events import UNCHANGED, batch

if TYPE_CHECKING:
    from flux_core._http.events import Batch
    from flux_core._http.runs import Runs
    from flux_web._threads import Threads

PAUSE: Final = 0.5
"""Seconds between two looks at a run."""
NOTHING: Final = "nothing"
"""What a watch has seen that has not looked yet; it is the id of no event."""


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
        self._whole: Batch | None = None  # the run as it was seen going on, for whoever has seen nothing
        self._told: Batch | Exception | None = None  # what the last look has found; None before there was one
        self._due = 0.0
        self.looks = 0
        """How often the run has been looked at."""

    async def news(self, seen: str | None, after: int) -> Batch:
        """Return what there is to tell of the run.

        Args:
            seen: the id of the last event that the client has; None if it has none.
            after: the run is looked at anew unless it has been looked at more often than that.

        Raises:
            Exception: what the runs have raised, to all who wait for the same look.
        """
        async with self._lock:
            if self.looks <= after:
                self.looks += 1
                self._told = None
            if self._told is None:
                self._told = await self._threads.run(self._look)
                self._due = anyio.current_time() + PAUSE
            told = self._told
        if isinstance(told, Exception):
            raise told
        if told.text.startswith(f"id: {seen}\n"):
            _, _, rest = told.text.partition("\n\n")  # all but the first event, which the client has
            return told._replace(text=UNCHANGED + rest, changed=False)
        return told

    def _look(self) -> Batch | Exception:
        """Return what there is to tell to whoever has seen nothing, or the error.

        It is the same for all, whatever they have seen: a store that fails late makes nobody wait twice.
        """
        known = self._whole
        try:
            new = batch(self._runs, self._id, NOTHING if known is None else known.seen)
        except Exception as error:  # noqa: BLE001 (it is raised to all who wait)
            return error
        whole = new if known is None or new.changed else known
        self._whole = None if whole.over else whole
        return whole

    async def rest(self) -> None:
        """Wait until the run is to be looked at again: for all who wait at the same time."""
        await anyio.sleep_until(self._due)
