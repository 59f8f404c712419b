"""A run's way into the store and out of it, as effects: nothing is written twice, nothing half.

The lost answer: a write whose answer did not come is sent again byte for byte. If the store then refuses it, but
holds my revision written by me, the first one stood.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, cast

from flux_core._effects import Create, Delay, GetBlob, Load, PutBlob, Save
from flux_core._errors import BlobNotFound, Conflict, LeaseLost, StoreError
from flux_core._state import parse, references, restore

if TYPE_CHECKING:
    from flux_core._effects import Effect, Flow
    from flux_core._state import RunState
    from flux_core.storage import Record

PAUSES: Final = (0.05, 0.2)  # seconds before a write is sent again whose answer did not come
READS: Final = 3  # how often a document is read of which a blob has just gone


def create(state: RunState, writer: str, now: float) -> Flow[Record | None]:
    """Create the run; return None if it is there now, or the record that stood there before."""
    record = state.record(writer, now)
    yield from _put_blobs(state)
    effect = Create(record)
    try:
        stored, *_ = yield effect
    except StoreError:
        stored = yield from _resend(effect)
    if stored is not None and not _is(record, stored):
        return cast("Record", stored)
    state.saved(record)
    return None


def save(state: RunState, writer: str, now: float) -> Flow[None]:
    """Replace the stored run.

    Raises:
        LeaseLost: somebody else has written it since it was read; nothing was saved.
    """
    record = state.record(writer, now)
    if state.unsaved_blobs:
        yield from _put_blobs(state)
    effect = Save(record, state.revision)
    try:
        try:
            yield effect
        except StoreError:
            yield from _resend(effect)
    except Conflict:
        stored, *_ = yield Load(state.id)
        if not _is(record, stored):
            raise LeaseLost(
                f"run {state.id!r} was taken over by another worker; this one saved nothing and stops"
            ) from None
    state.saved(record)


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
        StoreError: the document or a blob of it cannot be read.
    """
    for _ in range(READS):
        try:
            return (yield from _open(record))
        except BlobNotFound as error:
            missing = error
        later, *_ = yield Load(record.id)
        record = later or record
    raise StoreError(f"run {record.id!r} cannot be read: {missing}") from missing


def _open(record: Record) -> Flow[RunState]:
    document = parse(record)
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


def _put_blobs(state: RunState) -> Flow[None]:
    for key, value in state.unsaved_blobs.items():
        effect = PutBlob(state.id, key, value)
        try:
            yield effect
        except StoreError:
            yield from _resend(effect)
    state.unsaved_blobs = {}


def _resend(effect: Effect) -> Flow[Any]:
    """Send a write again whose answer did not come; the last time, its error is the caller's."""
    for pause in PAUSES[:-1]:
        yield Delay(pause)
        try:
            value, *_ = yield effect
        except StoreError:
            continue
        return value
    yield Delay(PAUSES[-1])
    value, *_ = yield effect
    return value


def _is(mine: Record, stored: Record | None) -> bool:
    return stored is not None and (stored.revision, stored.writer) == (mine.revision, mine.writer)
