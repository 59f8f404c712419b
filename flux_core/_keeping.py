"""A run's way into the store and out of it, as effects: nothing is written twice, nothing half.

The lost answer: a write whose answer did not come is sent again byte for byte. If the store then refuses it, but
holds my revision written by me, the first one stood.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, cast

from flux_core._effects import Create, Delay, GetBlob, Load, PutBlob, Save
from flux_core._errors import BlobNotFound, Conflict, LeaseLost, RunNotFound, StoreError
from flux_core._state import parse, references, restore

if TYPE_CHECKING:
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
    if stored is not None and not _is(record, stored):
        return cast("Record", stored)
    state.saved(record)
    state.unsaved_blobs = (
        blobs  # once more: an older run of that id, just deleted, may have taken them with it
    )
    yield from _put_blobs(state)
    return None


def save(state: RunState, writer: str, now: float) -> Flow[Outcome]:
    """Replace the stored run; return the outcome, for the time that it took.

    Raises:
        LeaseLost: somebody else has written it since it was read; nothing was saved.
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
        outcome = yield Load(state.id)
        if not _is(record, outcome[0]):
            raise LeaseLost(_lost(state.id, outcome[0])) from None
    state.saved(record)
    return outcome


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
        history = document["history"]
        key = document.get("page")
        while key:
            value, *_ = yield GetBlob(record.id, key)
            page = json.loads(value)
            history = page["entries"] + history
            key = page["previous"]
        blobs = {}
        for key in sorted(references(document, history)):
            value, *_ = yield GetBlob(record.id, key)
            blobs[key] = value.decode()
        return restore(record, document, history, blobs)
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(f"the stored document of run {record.id!r} cannot be read: {error!r}") from error


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


def _is(mine: Record, stored: Record | None) -> bool:
    return stored is not None and (stored.revision, stored.writer) == (mine.revision, mine.writer)
