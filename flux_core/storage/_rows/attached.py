"""What stands beside a run's row, and what this process knows of it without asking."""

from __future__ import annotations

from threading import Lock
from typing import Final, NamedTuple, TypeVar

T = TypeVar("T")

REMEMBERED: Final = 10_000  # runs


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

    life: float
    """When the run was created: another run of its id, after it was deleted, has another life."""
    revision: int
    attached: Attached
    version: object = None
    """As in `Row`."""


class Memory:
    """What this process last saw of each run, so that no save has to read it.

    Whoever saves a run has read it before, or has saved the revision before.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._seen: dict[str, Seen] = {}
        self._blobs: dict[str, None] = {}

    def see(self, run_id: str, seen: Seen) -> None:
        """Remember what was seen of the run, unless a later revision of this life has been seen."""
        with self._lock:
            known = self._seen.get(run_id)
            if known is None or known.life != seen.life or known.revision <= seen.revision:
                _keep(self._seen, run_id, seen)

    def at(self, run_id: str, life: float, revision: int) -> Seen | None:
        """Return what was seen of this revision of the run, None if that is not what was seen last."""
        known = self._seen.get(run_id)
        return known if known is not None and known[:2] == (life, revision) else None

    def see_blob(self, run_id: str) -> None:
        """Remember that a run of this id has a blob, be it created yet or not."""
        with self._lock:
            _keep(self._blobs, run_id, None)

    def has_blobs(self, run_id: str) -> bool:
        """Whether this process has stored a blob for a run of this id."""
        return run_id in self._blobs

    def forget(self, run_id: str) -> None:
        """Forget the run, and that it had blobs."""
        with self._lock:
            self._seen.pop(run_id, None)
            self._blobs.pop(run_id, None)


def _keep(memory: dict[str, T], run_id: str, value: T) -> None:
    memory.pop(run_id, None)  # what is put in anew stands last
    memory[run_id] = value
    if len(memory) > REMEMBERED:
        del memory[next(iter(memory))]
