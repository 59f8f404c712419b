"""What a run is made of: its origin, its lease, and an entry for each node, with their values as encoded text."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from flux_core._run import Try
from flux_core._status import StepStatus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flux_core._run import ErrorInfo

TRIES: Final = 10  # failed attempts of a node that are kept
LONGEST_MESSAGE: Final = 500  # characters of the message of each, and of its cause


class Lease:
    """Who holds a run, and until when (Unix seconds)."""

    __slots__ = ("text", "token", "until")

    def __init__(self, token: str, until: float) -> None:
        self.token = token
        self.until = until
        self.text = f'{{"token":"{token}","until":{until!r}}}'


class Entry:
    """One node of a run, its values as encoded text."""

    attempts = 0
    """All attempts, those that were interrupted too."""
    failures = 0
    """Attempts that failed: these count against the retries."""
    completed_at: float | None = None
    output = "null"
    error: ErrorInfo | None = None
    tries: Sequence[Try] = ()
    """The last attempts that failed."""
    tried_at: float | None = None
    """When the last attempt began, if it was not the first."""
    changes: Mapping[str, str] = MappingProxyType({})
    """Fields of data that the node set."""
    removed: Sequence[str] = ()
    """Fields of data that it removed."""
    until: float | None = None
    """When its back-off, its sleep or its wait is over."""
    signal: str | None = None
    """The signal that it waits for."""
    intent = False
    """Whether an attempt was begun that must not be made again: that of a commit with `once=True`."""
    text = ""
    """The whole as it stands in the document, once it is finished."""

    def __init__(
        self, name: str, kind: str, started_at: float, status: StepStatus = StepStatus.RUNNING
    ) -> None:
        self.name = name
        self.kind = kind
        self.started_at = started_at
        self.status = status

    def note_try(self, started_at: float, ended_at: float, error: ErrorInfo) -> None:
        """Count an attempt that failed."""
        self.attempts += 1
        self.failures += 1
        self.error = error
        short = error._replace(
            traceback=None,
            message=error.message[:LONGEST_MESSAGE],
            cause=error.cause and error.cause[:LONGEST_MESSAGE],
        )
        self.tries = [*self.tries, Try(started_at, ended_at, short)][-TRIES:]

    def note_changes(self, before: Mapping[str, str], after: Mapping[str, str]) -> None:
        """Take what differs between the fields of data before the node and after it."""
        self.changes = {name: text for name, text in after.items() if before.get(name) != text}
        if not before.keys() <= after.keys():
            self.removed = [name for name in before if name not in after]

    def apply(self, fields: dict[str, str]) -> None:
        """Set and remove fields of data as the node did."""
        fields.update(self.changes)
        for name in self.removed:
            fields.pop(name, None)


class Origin(NamedTuple):
    """What a run was started with; it never changes."""

    id: str
    workflow: str
    version: str
    fingerprint: str
    input: str
    """Encoded."""
    initial: dict[str, str]
    """The fields of data before the first node, encoded."""
    tags: tuple[str, ...]
    created_at: float
    traceparent: str | None = None
    """The trace that it belongs to, as W3C's Trace Context writes it."""
