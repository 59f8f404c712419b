"""The run as the machine holds it, and its one document: joined from encoded fragments, split into them again.

Each value is encoded once, when it comes to be; a save joins what is there. What would make a save grow is kept
outside the document, in blobs keyed by their content: values of more than `LARGE` characters, and all but the
last few finished nodes, in pages that form a chain.
"""

from __future__ import annotations

import json
from json.encoder import encode_basestring_ascii as quote
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from flux_core._errors import StoreError
from flux_core._run import ErrorInfo
from flux_core._status import RUN_TRANSITIONS, RunStatus, StepStatus
from flux_core.storage import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

FORMAT: Final = 1
LARGE: Final = 8192  # characters; a longer value goes out to a blob
PAGE: Final = 16  # finished nodes that stay in the document before a page of them is moved out

_dumps = json.JSONEncoder(separators=(",", ":")).encode


class Lease:
    """Who holds a run, and until when (Unix seconds)."""

    __slots__ = ("text", "token", "until")

    def __init__(self, token: str, until: float) -> None:
        self.token = token
        self.until = until
        self.text = f'{{"token":"{token}","until":{until:.6f}}}'


class Entry:
    """One node of a run, its values as encoded text."""

    attempts = 0
    """All attempts, those that were interrupted too."""
    failures = 0
    """Attempts that failed: these count against the retries."""
    completed_at: float | None = None
    output = "null"
    error: ErrorInfo | None = None
    changes: Mapping[str, str] = MappingProxyType({})
    """Fields of data that the node set."""
    removed: Sequence[str] = ()
    """Fields of data that it removed."""
    text = ""
    """The whole as it stands in the document, once it is finished."""

    def __init__(
        self, name: str, kind: str, started_at: float, status: StepStatus = StepStatus.RUNNING
    ) -> None:
        self.name = name
        self.kind = kind
        self.started_at = started_at
        self.status = status

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


class RunState:
    """A run while a machine works on it; `revision` and `writer` are those of the last save."""

    __slots__ = (
        "_data_text",
        "_head",
        "_last_moment",
        "_last_moment_text",
        "_out",
        "current",
        "data",
        "error",
        "generations",
        "history",
        "id",
        "interruptions",
        "kept",
        "lease",
        "origin",
        "page",
        "paged",
        "revision",
        "status",
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
        self.error: ErrorInfo | None = None
        self.history: list[Entry] = []
        """The nodes that have completed or were skipped, in order."""
        self.current: Entry | None = None
        """The node that stands next, once an attempt of it has failed or was interrupted."""
        self.kept: dict[str, Entry] = {}
        """Completed commits behind the point that a retry went back to: applied again, not run again."""
        self.generations: dict[str, int] = {}
        """How often a commit was redone, by node; 1 where absent."""
        self.page: str | None = None
        """The key of the last page that was moved out."""
        self.paged = 0
        """How many entries of the history stand in pages."""
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

    def end(self, status: RunStatus) -> None:
        """Move to a status in which nobody holds the run, and nobody needs to look at it."""
        self.change_status(status)
        self.lease = self.wake_at = None

    @property
    def entries(self) -> list[Entry]:
        """The nodes that have completed, were skipped or have begun, in order."""
        return [*self.history, self.current] if self.current else self.history

    def close(self, entry: Entry) -> None:
        """Add a finished node to the history."""
        entry.text = self._entry(entry)
        self.history.append(entry)
        self.current = None

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
        self.page, self.paged = None, 0
        return forgotten

    def record(self, writer: str, now: float) -> Record:
        """Return what the next save stores; `unsaved_blobs` is to be stored before it."""
        while len(self.history) - self.paged > PAGE:
            self._move_page_out()
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
        parts = [f'{self._head},"interruptions":{self.interruptions},"data":{self._data_text}']
        if self.lease:
            parts.append(f'"lease":{self.lease.text}')
        if self.error:
            parts.append(f'"error":{_dumps(self.error._asdict())}')
        if self.generations:
            parts.append(f'"generations":{_dumps(self.generations)}')
        if self.kept:
            parts.append(f'"kept":[{",".join([entry.text for entry in self.kept.values()])}]')
        if self.page:
            parts.append(f'"page":"{self.page}"')
        if self.current:
            parts.append(f'"current":{self._entry(self.current)}')
        history = ",".join([entry.text for entry in self.history[self.paged :]])
        return f'{",".join(parts)},"history":[{history}]}}'.encode()

    def _entry(self, entry: Entry) -> str:
        text = (
            f'{{"name":{quote(entry.name)},"kind":"{entry.kind}","status":"{entry.status}"'
            f',"attempts":{entry.attempts}'
            f',"started_at":{self._moment(entry.started_at)}'
        )
        if entry.completed_at is not None:
            text += f',"completed_at":{self._moment(entry.completed_at)}'
        if entry.failures:
            text += f',"failures":{entry.failures}'
        if entry.output != "null":
            text += f',"output":{self._stored(entry.output)}'
        if entry.error:
            text += f',"error":{_dumps(entry.error._asdict())}'
        if entry.changes:
            text += f',"changes":{self._object(entry.changes)}'
        if entry.removed:
            text += f',"removed":{_dumps(entry.removed)}'
        return text + "}"

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
            joined = ",".join([f"{quote(name)}:{self._stored(text)}" for name, text in fields.items()])
        return f"{{{joined}}}"

    def _stored(self, text: str) -> str:
        """Return the text, or if it is large a reference to the blob that it becomes."""
        if len(text) <= LARGE:
            return text
        if text not in self._out:
            self._out[text] = self._put_out(text)
        return f'{{"$":"blob","v":"{self._out[text]}"}}'

    def _put_out(self, text: str) -> str:
        from hashlib import sha256  # few runs have a large value

        value = text.encode()
        key = sha256(value).hexdigest()
        self.unsaved_blobs[key] = value
        return key

    def _move_page_out(self) -> None:
        end = self.paged + PAGE
        entries = ",".join([entry.text for entry in self.history[self.paged : end]])
        self.page = self._put_out(f'{{"previous":{_dumps(self.page)},"entries":[{entries}]}}')
        self.paged = end


def parse(record: Record) -> dict[str, Any]:
    """Return the document of a record, its values still with their tags.

    Raises:
        StoreError: it is no document, or one written by a newer Flux.
    """
    try:
        document = json.loads(record.document)
        written = document["format"]
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"the stored document of run {record.id!r} cannot be read: {error!r}") from error
    if written != FORMAT or not isinstance(record.status, RunStatus):
        raise StoreError(
            f"run {record.id!r} was written by another Flux (status {record.status}, document format {written!r};"
            f" this one knows {FORMAT}); upgrade flux-serverless"
        )
    return dict(document)


def references(document: Mapping[str, Any], history: Iterable[Mapping[str, Any]]) -> set[str]:
    """Return the keys of the blobs that hold values of the document or of its history."""
    values = [document["input"], *document["initial"].values(), *document["data"].values()]
    for entry in (*history, *document.get("kept", ()), document.get("current", {})):
        values += [entry.get("output"), *entry.get("changes", {}).values()]
    return {value["v"] for value in values if _is_reference(value)}


def restore(
    record: Record,
    document: Mapping[str, Any],
    history: Sequence[Mapping[str, Any]],
    blobs: Mapping[str, str],
) -> RunState:
    """Return the state that a document describes; `history` is whole, `blobs` holds what it refers to."""

    def text(value: Any) -> str:
        return blobs[value["v"]] if _is_reference(value) else _dumps(value)

    def texts(fields: Mapping[str, Any]) -> dict[str, str]:
        return {name: text(value) for name, value in fields.items()}

    def entry(raw: Mapping[str, Any]) -> Entry:
        entry = Entry(raw["name"], raw["kind"], raw["started_at"], StepStatus(raw["status"]))
        entry.attempts = raw["attempts"]
        entry.failures = raw.get("failures", 0)
        entry.completed_at = raw.get("completed_at")
        entry.output = text(raw.get("output"))
        entry.error = ErrorInfo(**raw["error"]) if "error" in raw else None
        entry.changes = texts(raw.get("changes", {}))
        entry.removed = raw.get("removed", ())
        entry.text = _dumps(raw)
        return entry

    state = RunState(
        Origin(
            record.id,
            record.workflow,
            document["version"],
            document["fingerprint"],
            text(document["input"]),
            texts(document["initial"]),
            record.tags,
            record.created_at,
        ),
        out={value: key for key, value in blobs.items()},
    )
    state.set_data(texts(document["data"]))
    state.status = record.status
    state.revision = record.revision
    state.writer = record.writer
    state.updated_at = record.updated_at
    state.wake_at = record.wake_at
    state.lease = Lease(**document["lease"]) if "lease" in document else None
    state.interruptions = document["interruptions"]
    state.error = ErrorInfo(**document["error"]) if "error" in document else None
    state.history = [entry(raw) for raw in history]
    state.current = entry(document["current"]) if "current" in document else None
    state.kept = {raw["name"]: entry(raw) for raw in document.get("kept", ())}
    state.generations = dict(document.get("generations", {}))
    state.page = document.get("page")
    state.paged = len(history) - len(document["history"])
    return state


def _is_reference(value: object) -> bool:
    """Whether the value stands in a blob; a user's dict with a key `$` is never encoded like this."""
    return isinstance(value, dict) and value.get("$") == "blob"
