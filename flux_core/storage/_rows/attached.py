"""What stands beside a run's row, and what this process knows of it without asking."""

from __future__ import annotations

from threading import Lock
from typing import Final, NamedTuple

REMEMBERED: Final = 10_000  # runs; few have anything beside their rows


class Attached(NamedTuple):
    """What stands beside the row of a run, as the row says it."""

    document: str | None = None
    """The key under which the run's document is kept, if it is too large for the row."""
    blobs: bool = False
    """Whether the run has, or has had, blobs."""
    expires_at: int | None = None
    """When the row may go, and what stands beside it a while later: Unix seconds."""


NOTHING: Final = Attached()


class Seen(NamedTuple):
    """What was seen of a run."""

    revision: int = 0
    attached: Attached = NOTHING
    version: object = None
    """As in `Row`."""


UNSEEN: Final = Seen()


class Memory:
    """What this process last saw of each run, so that no save has to read it.

    Whoever saves a run has read it before, or has saved the revision before. Of what is forgotten, of more runs than
    are remembered, what stands beside it is not tidied up after the run: it goes when the run is deleted.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._seen: dict[str, Seen] = {}

    def see(self, run_id: str, seen: Seen) -> None:
        """Remember what was seen of the run, unless a later revision has been seen."""
        with self._lock:
            known = self._seen.get(run_id, UNSEEN)
            if known.revision <= seen.revision:
                blobs = seen.attached.blobs or known.attached.blobs
                self._keep(run_id, seen._replace(attached=seen.attached._replace(blobs=blobs)))

    def see_blob(self, run_id: str) -> None:
        """Remember that the run has a blob, be it created yet or not."""
        with self._lock:
            known = self._seen.get(run_id, UNSEEN)
            self._keep(run_id, known._replace(attached=known.attached._replace(blobs=True)))

    def at(self, run_id: str, revision: int) -> Seen:
        """Return what was seen of this revision of the run, as far as it is known."""
        known = self._seen.get(run_id, UNSEEN)
        if known.revision == revision:
            return known
        return Seen(revision, Attached(blobs=known.attached.blobs))

    def forget(self, run_id: str) -> None:
        """Forget the run."""
        with self._lock:
            self._seen.pop(run_id, None)

    def _keep(self, run_id: str, seen: Seen) -> None:
        self._seen.pop(run_id, None)  # what is put in anew stands last
        if seen.attached != NOTHING or seen.version is not None:
            self._seen[run_id] = seen
        if len(self._seen) > REMEMBERED:
            del self._seen[next(iter(self._seen))]
