"""The run as the machine holds it, and its one document: joined from encoded fragments, split into them again.

Each value is encoded once, when it comes to be; a save joins what is there. What would make a save grow is kept
outside the document, in blobs keyed by their content: large values, and all but the last few finished nodes and
compensations, in pages that form a chain.
"""

from __future__ import annotations

from json.encoder import encode_basestring_ascii as quote
from typing import TYPE_CHECKING, Final

from flux_core._letter import OUTCOME, REMEMBERED, SIGNAL, letter_text
from flux_core._pages import PAGE, Pages
from flux_core._status import RUN_TRANSITIONS, RunStatus, StepStatus
from flux_core._stored import LARGE, NOT_SMALL, dumps, put_out, reference
from flux_core.storage import Record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flux_core._entry import Entry, Lease, Origin
    from flux_core._letter import Letter
    from flux_core._run import ErrorInfo

FORMAT: Final = 1
FINISHED: Final = (StepStatus.COMPLETED, StepStatus.SKIPPED)


class RunState:
    """A run while a machine works on it; `revision` and `writer` are those of the last save."""

    __slots__ = (
        "_data_text",
        "_head",
        "_last_moment",
        "_last_moment_text",
        "_out",
        "back",
        "current",
        "data",
        "error",
        "expires_at",
        "generations",
        "history",
        "history_pages",
        "id",
        "inbox",
        "interruptions",
        "kept",
        "lease",
        "lost",
        "origin",
        "received",
        "revision",
        "sequence",
        "status",
        "undoing",
        "undone",
        "undone_pages",
        "unsaved_blobs",
        "updated_at",
        "wake_at",
        "writer",
    )

    def __init__(self, origin: Origin, out: dict[str, str] | None = None) -> None:
        self.origin = origin
        self.id = origin.id
        self.status = RunStatus.PENDING
        self.revision = 0
        self.writer = ""
        self.updated_at = origin.created_at
        self.wake_at: float | None = None
        self.lease: Lease | None = None
        self.interruptions = 0
        self.lost = False
        """Whether a worker was lost before the run was paused; whoever goes on with it counts that, and saves it so."""
        self.error: ErrorInfo | None = None
        self.expires_at: float | None = None
        """When the workflow's time-out is over."""
        self.history: list[Entry] = []
        """The nodes that have completed or were skipped, in order."""
        self.history_pages = Pages()
        self.current: Entry | None = None
        """The node that stands next, once it was begun: an attempt failed or was interrupted, or it stands open."""
        self.kept: dict[str, Entry] = {}
        """Completed commits behind the point that a retry went back to: applied again, not run again."""
        self.generations: dict[str, int] = {}
        """The generation of each commit that was redone: 2 after the first time."""
        self.back = False
        """Whether the run goes back: compensations run, and nothing but a pause can change that."""
        self.undone: list[Entry] = []
        """The compensations that have completed, in the order in which they ran."""
        self.undone_pages = Pages()
        self.undoing: Entry | None = None
        """The compensation that stands next, once an attempt of it has failed or was interrupted."""
        self.inbox: list[Letter] = []
        """What others ask of the run and has not been served, in the order in which they sent it."""
        self.sequence = 0
        """The number of the last letter that was received."""
        self.received: list[str] = []
        """The ids of the last letters, so that none is delivered twice."""
        self._out = {} if out is None else out  # large values, and the keys of the blobs that they became
        self.unsaved_blobs: dict[str, bytes] = {}
        """What the document refers to and the store does not hold yet."""
        self._head = ""
        self._last_moment: float | None = None
        self._last_moment_text = ""
        self.set_data(origin.initial)

    def set_data(self, fields: dict[str, str]) -> None:
        """Take the fields of data as they stand from now on."""
        self.data = fields
        self._data_text = self._object(fields)

    def change_status(self, status: RunStatus) -> None:
        """Move to another status; the table of transitions allows it or this is a bug in the machine."""
        if status not in RUN_TRANSITIONS[self.status]:
            raise AssertionError(f"run {self.id!r} cannot go from {self.status} to {status}")
        self.status = status
        if status is RunStatus.ROLLING_BACK:
            self.back = True

    def note(self, writer: str) -> None:
        """Remember who wrote, so that nothing is written twice after an answer was lost."""
        self.received = [*self.received, writer][-REMEMBERED:]

    def let_go(self, wake_at: float | None = None) -> None:
        """Be held by nobody; somebody must look at the run at that time, or nobody needs to."""
        self.lease, self.wake_at = None, wake_at

    def hold(self, lease: Lease) -> None:
        """Be held by a worker; when its lease is over somebody must look at the run."""
        self.lease, self.wake_at = lease, lease.until

    def generation(self, name: str) -> int:
        """Return the generation of the node: how often it has been made due, its redoing included."""
        return self.generations.get(name, 1)

    def outcome(self, name: str) -> Letter | None:
        """Return what somebody knows of the open node, in the generation that is due."""
        generation = self.generation(name)
        for letter in self.inbox:
            if (letter.kind, letter.name, letter.generation) == (OUTCOME, name, generation):
                return letter
        return None

    def signal(self, name: str) -> Letter | None:
        """Return the first signal of that name that no wait has taken yet."""
        for letter in self.inbox:
            if (letter.kind, letter.name) == (SIGNAL, name):
                return letter
        return None

    @property
    def entries(self) -> list[Entry]:
        """The nodes that have completed, were skipped or have begun, in order."""
        return [*self.history, self.current] if self.current else self.history

    def close(self, entry: Entry) -> None:
        """Add a finished node to the history."""
        if entry is self.current:
            entry.until = entry.signal = None
            entry.intent = False
        entry.text = self._entry(entry)
        self.history.append(entry)
        self.current = None

    def close_undone(self, entry: Entry) -> None:
        """Add a finished compensation to those that have run."""
        entry.until = None
        entry.text = self._entry(entry)
        self.undone.append(entry)
        self.undoing = None

    def data_before(self, position: int) -> dict[str, str]:
        """Return the fields of data as they stood before the node at that place."""
        fields = dict(self.origin.initial)
        for entry in self.history[:position]:
            entry.apply(fields)
        return fields

    def cut(self, position: int) -> list[Entry]:
        """Forget the nodes from that place on, and return them; older pages are made anew."""
        forgotten = self.history[position:]
        del self.history[position:]
        self.current = None
        self.history_pages = Pages()
        return forgotten

    def record(self, writer: str, now: float) -> Record:
        """Return what the next save stores; `unsaved_blobs` is to be stored before it."""
        if len(self.history) > PAGE:
            self.history_pages.move_out(self.history, self.unsaved_blobs)
        if self.undone:
            self.undone_pages.move_out(self.undone, self.unsaved_blobs)
        origin = self.origin
        return Record(
            origin.id,
            origin.workflow,
            self.status,
            self.revision + 1,
            writer,
            self.wake_at,
            origin.created_at,
            now,
            self._document(),
            origin.tags,
        )

    def saved(self, record: Record) -> None:
        """Take it that the store holds the record."""
        self.revision, self.writer, self.updated_at = record.revision, record.writer, record.updated_at

    def _document(self) -> bytes:
        if not self._head:
            origin = self.origin
            self._head = (
                f'{{"format":{FORMAT},"version":{quote(origin.version)},"fingerprint":"{origin.fingerprint}",'
                f'"input":{self._stored(origin.input)},"initial":{self._object(origin.initial)}'
            )
            if origin.traceparent is not None:
                self._head += f',"traceparent":{quote(origin.traceparent)}'
        parts = [f'{self._head},"interruptions":{self.interruptions},"data":{self._data_text}']
        if self.lease:
            parts.append(f'"lease":{self.lease.text}')
        if self.error:
            parts.append(_error(self.error))
        if self.current:
            parts.append(f'"current":{self._entry(self.current)}')
        if self.history_pages.last:
            parts.append(f'"page":"{self.history_pages.last}"')
        if self.received or self.back or self.kept or self.generations or self.expires_at is not None:
            self._add_events(parts)
        return f'{",".join(parts)},"history":{self.history_pages.text(self.history)}}}'.encode()

    def _add_events(self, parts: list[str]) -> None:
        """Add what few runs have."""
        if self.generations:
            parts.append(f'"generations":{dumps(self.generations)}')
        if self.kept:
            parts.append(f'"kept":[{",".join([entry.text for entry in self.kept.values()])}]')
        if self.expires_at is not None:
            parts.append(f'"expires_at":{self.expires_at!r}')
        if self.received:
            parts.append(self._letters())
        if self.back:
            parts.append(f'"back":true,"undone":{self.undone_pages.text(self.undone)}')
        if self.undone_pages.last:
            parts.append(f'"undone_page":"{self.undone_pages.last}"')
        if self.undoing:
            parts.append(f'"undoing":{self._entry(self.undoing)}')

    def _entry(self, entry: Entry) -> str:
        text = (
            f'{{"name":{quote(entry.name)},"kind":"{entry.kind}","status":"{entry.status}"'
            f',"attempts":{entry.attempts}'
            f',"started_at":{self._moment(entry.started_at)}'
        )
        if entry.completed_at is not None:
            text += f',"completed_at":{self._moment(entry.completed_at)}'
        if entry.output != "null":
            text += f',"output":{self._stored(entry.output)}'
        if entry.changes:
            text += f',"changes":{self._object(entry.changes)}'
        if entry.removed:
            text += f',"removed":{dumps(entry.removed)}'
        if entry.attempts != 1 or entry.error or entry.status not in FINISHED:
            text += _troubles(entry)
        return text + "}"

    def _letters(self) -> str:
        letters = ",".join([letter_text(letter, self._stored_small) for letter in self.inbox])
        return f'"sequence":{self.sequence},"received":{dumps(self.received)},"inbox":[{letters}]'

    def _moment(self, time: float) -> str:
        """Return the time as text, to the microsecond; a node begins when the one before it ended."""
        if time is not self._last_moment:
            self._last_moment = time
            digits = str(round(time * 1e6)).rjust(7, "0")  # an int is cheaper to write out than a float
            self._last_moment_text = f"{digits[:-6]}.{digits[-6:]}"
        return self._last_moment_text

    def _object(self, fields: Mapping[str, str]) -> str:
        joined = ",".join([f"{quote(name)}:{text}" for name, text in fields.items()])
        if len(joined) > LARGE:
            joined = ",".join([f"{quote(name)}:{self._stored_small(text)}" for name, text in fields.items()])
        return f"{{{joined}}}"

    def _stored_small(self, text: str) -> str:
        """Return the text, or if it is not small a reference to the blob that it becomes: there may be many such."""
        return self._stored(text, NOT_SMALL)

    def _stored(self, text: str, limit: int = LARGE) -> str:
        """Return the text, or if it is longer than the limit a reference to the blob that it becomes."""
        if len(text) <= limit:
            return text
        if text not in self._out:
            self._out[text] = put_out(text, self.unsaved_blobs)
        return reference(self._out[text])


def _error(error: ErrorInfo) -> str:
    """Return the fields of an error; its cause stands beside it, where a Flux that knows of none does not mind it."""
    text = f'"error":{dumps(error._replace(cause=None).to_dict(traceback=True))}'
    return text if error.cause is None else f'{text},"cause":{quote(error.cause)}'


def _troubles(entry: Entry) -> str:
    """Return what few entries have: those that have failed, were interrupted, or stand open."""
    text = f",{_error(entry.error)}" if entry.error else ""
    if entry.failures:
        text += f',"failures":{entry.failures}'
    if entry.tries:
        tries = [{**tried._asdict(), "error": tried.error.to_dict()} for tried in entry.tries]
        text += f',"tries":{dumps(tries)}'
    if entry.tried_at is not None:
        text += f',"tried_at":{entry.tried_at!r}'
    if entry.until is not None:
        text += f',"until":{entry.until!r}'
    if entry.signal is not None:
        text += f',"signal":{quote(entry.signal)}'
    if entry.intent:
        text += ',"intent":true'
    return text
