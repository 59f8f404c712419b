"""What stands beside a run's item, and what this process knows of it without asking."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

REMEMBERED: Final = 10_000  # runs; few have anything beside their items


class Attached(NamedTuple):
    """What stands beside the item of a run, as the item says it."""

    document: str | None = None
    """The key under which the run's document is kept, if it is too large for the item."""
    blobs: bool = False
    """Whether the run has, or has had, blobs."""
    expires_at: int | None = None
    """When the item may go, and what stands beside it a while later: Unix seconds."""


NOTHING: Final = Attached()


def attached_to(item: Mapping[str, Any]) -> Attached:
    """Return what stands beside the item."""
    expires_at = item.get("expires_at")
    return Attached(
        item.get("elsewhere", {}).get("S"),
        "blobs" in item,
        None if expires_at is None else int(expires_at["N"]),
    )


class Memory:
    """What this process last saw beside each run, so that no save has to read it.

    Whoever saves a run has read it before, or has saved the revision before. What is forgotten, of more runs than
    are remembered, is not tidied up after its run: it goes when the run is deleted.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._seen: dict[str, tuple[int, Attached]] = {}

    def see(self, run_id: str, revision: int, attached: Attached) -> None:
        """Remember what stands beside a revision of the run, unless a later one has been seen."""
        with self._lock:
            latest, known = self._seen.get(run_id, (0, NOTHING))
            if latest <= revision:
                self._keep(run_id, revision, attached._replace(blobs=attached.blobs or known.blobs))

    def see_blob(self, run_id: str) -> None:
        """Remember that the run has a blob, be it created yet or not."""
        with self._lock:
            latest, known = self._seen.get(run_id, (0, NOTHING))
            self._keep(run_id, latest, known._replace(blobs=True))

    def beside(self, run_id: str, revision: int) -> Attached:
        """Return what stands beside this revision of the run, as far as it is known."""
        latest, known = self._seen.get(run_id, (0, NOTHING))
        return known if latest == revision else Attached(blobs=known.blobs)

    def forget(self, run_id: str) -> None:
        """Forget the run."""
        with self._lock:
            self._seen.pop(run_id, None)

    def _keep(self, run_id: str, revision: int, attached: Attached) -> None:
        self._seen.pop(run_id, None)  # what is put in anew stands last
        if attached != NOTHING:
            self._seen[run_id] = revision, attached
        if len(self._seen) > REMEMBERED:
            del self._seen[next(iter(self._seen))]
