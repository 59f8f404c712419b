"""A run's way into the store and out of it, as effects: nothing is written twice, nothing half.

The lost answer: a write whose answer did not come is sent again byte for byte. If the store then refuses it, but
holds my revision written by me, the first one stood. Letters may have been put in on top of it: they note over
whose revision they came.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, cast

from flux_core._document import parse, references, restore
from flux_core._effects import Create, Delay, GetBlob, Load, PutBlob, Save
from flux_core._entry import Lease
from flux_core._errors import BlobNotFound, Conflict, LeaseLost, RunNotFound, StoreError
from flux_core._letter import letter_of, letter_values
from flux_core._status import HELD
from flux_core._stored import is_reference

if TYPE_CHECKING:
    from typing import Any

    from flux_core._effects import Effect, Flow, Outcome
    from flux_core._state import RunState
    from flux_core.storage import Record

PAUSES: Final = (0.05, 0.2)  # seconds before a write is sent again whose answer did not come
READS: Final = 3  # how often a document is read of which a blob has just gone


def create(state: RunState, writer: str, now: float) -> Flow[Record | None]:
    """Create the run; return None if it is there now, or the record that stood there before."""
    record = state.record(writer, now)
    blobs = state.unsaved_blobs
    yield from _put_blobs(state)
    effect = Create(record)
    try:
        stored, *_ = yield effect
    except StoreError:
        stored, *_ = yield from _resend(effect)
    if stored is not None and not _stood(record, stored):
        return cast("Record", stored)
    state.saved(record)
    state.unsaved_blobs = (
        blobs  # once more: an older run of that id, just deleted, may have taken them with it
    )
    yield from _put_blobs(state)
    return None


def save(state: RunState, writer: str, now: float) -> Flow[Outcome]:
    """Replace the stored run, or take in the letters that it was sent since it was read, and save nothing.

    The outcome's value is whether it was the latter: then what was to be saved is to be decided again.

    Raises:
        LeaseLost: somebody else has taken the run over since it was read; nothing was saved.
    """
    record = state.record(writer, now)
    if state.unsaved_blobs:
        yield from _put_blobs(state)
    effect = Save(record, state.revision)
    try:
        try:
            outcome = yield effect
        except StoreError:
            outcome = yield from _resend(effect)
    except Conflict:
        loaded = yield Load(state.id)
        if not _stood(record, loaded[0]):
            return (yield from _take_in(state, writer, loaded))
        outcome = (None, *loaded[1:])
    state.saved(record)
    return outcome


def _take_in(state: RunState, writer: str, loaded: Outcome) -> Flow[Outcome]:
    """Take in what others wrote under the writer's lease: letters, and a later end of the lease."""
    stored, *moment = loaded
    document: dict[str, Any] = {} if stored is None else parse(stored)
    if document.get("lease", {}).get("token") != writer or stored.status not in HELD:
        raise LeaseLost(_lost(state.id, stored))
    for raw in document.get("inbox", ()):
        if raw["number"] > state.sequence:
            texts = {}
            for value in filter(is_reference, letter_values(raw)):
                blob, *moment = yield GetBlob(state.id, value["v"])
                texts[value["v"]] = blob.decode()
            state.inbox.append(letter_of(raw, texts))
    state.sequence, state.received = document.get("sequence", 0), document.get("received", [])
    state.revision = stored.revision
    state.hold(Lease(**document["lease"]))
    return True, moment[0], moment[1]


def load(run_id: str) -> Flow[RunState | None]:
    """Return the stored run, or None.

    Raises:
        StoreError: the document or a blob of it cannot be read.
    """
    record, *_ = yield Load(run_id)
    return None if record is None else (yield from open_record(record))


def open_record(record: Record) -> Flow[RunState]:
    """Return the run that the record holds, or a later revision of it if a blob has gone meanwhile.

    Raises:
        RunNotFound: it was deleted meanwhile.
        StoreError: the document or a blob of it cannot be read.
    """
    for _ in range(READS):
        try:
            return (yield from _open(record))
        except BlobNotFound as error:
            missing = error
        later, *_ = yield Load(record.id)
        if later is None:
            raise RunNotFound(f"run {record.id!r} has just been deleted") from missing
        record = later
    raise StoreError(f"run {record.id!r} cannot be read: {missing}") from missing


def _open(record: Record) -> Flow[RunState]:
    document = parse(record)
    try:
        paged = {}
        for name, page in (("history", "page"), ("undone", "undone_page")):
            entries = yield from _paged(record.id, document.get(page))
            document[name] = [*entries, *document.get(name, ())]
            paged[name] = len(entries)
        blobs = {}
        for key in sorted(references(document)):
            value, *_ = yield GetBlob(record.id, key)
            blobs[key] = value.decode()
        return restore(record, document, paged, blobs)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise StoreError(f"the stored document of run {record.id!r} cannot be read: {error!r}") from error


def _paged(run_id: str, key: str | None) -> Flow[list[dict[str, Any]]]:
    """Return the entries in the page of that key and in all before it, in order."""
    pages = []
    while key:
        value, *_ = yield GetBlob(run_id, key)
        page = json.loads(value)
        pages.append(page["entries"])
        key = page["previous"]
    return [entry for entries in reversed(pages) for entry in entries]


def _put_blobs(state: RunState) -> Flow[None]:
    for key, value in state.unsaved_blobs.items():
        effect = PutBlob(state.id, key, value)
        try:
            yield effect
        except StoreError:
            yield from _resend(effect)
    state.unsaved_blobs = {}


def _resend(effect: Effect) -> Flow[Outcome]:
    """Send a write again whose answer did not come; the last time, its error is the caller's."""
    for pause in PAUSES[:-1]:
        yield Delay(pause)
        try:
            return (yield effect)
        except StoreError:
            continue
    yield Delay(PAUSES[-1])
    return (yield effect)


def _lost(run_id: str, stored: Record | None) -> str:
    what = "was deleted" if stored is None else "was taken over by another worker"
    return f"run {run_id!r} {what}; this one saved nothing and stops"


def _stood(mine: Record, stored: Record | None) -> bool:
    """Whether the store holds what I wrote, with nothing but letters on top of it."""
    if stored is None or stored.revision < mine.revision:
        return False
    me = [mine.revision, mine.writer]
    return [stored.revision, stored.writer] == me or parse(stored).get("over") == me
