"""A stored document, read: into raw JSON, into the keys of its blobs, into the state of a run."""

from __future__ import annotations

import json
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar, cast

from flux_core._entry import Entry, Lease, Origin
from flux_core._errors import StoreError
from flux_core._letter import letter_of, letter_values
from flux_core._pages import Pages
from flux_core._run import ErrorInfo, Try
from flux_core._state import FORMAT, RunState
from flux_core._status import RunStatus, StepStatus
from flux_core._stored import dumps, is_reference, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flux_core.storage import Record


class UnreadableRun(StoreError):
    """A stored document that is none, or that a newer Flux has written; `id` is the run's, if it is known."""

    code: ClassVar[str] = "UNREADABLE_RUN"

    def __init__(self, message: str, *, id: str = "") -> None:
        super().__init__(message)
        self.id = id


def parse(record: Record) -> dict[str, Any]:
    """Return the document of a record, its values still with their tags.

    Raises:
        UnreadableRun: it is no document, or one written by a newer Flux.
    """
    try:
        document = json.loads(record.document)
        written = document["format"]
    except (ValueError, KeyError, TypeError) as error:
        raise UnreadableRun(
            f"the stored document of run {record.id!r} cannot be read: {error!r}", id=record.id
        ) from error
    if written != FORMAT or not isinstance(record.status, RunStatus):
        raise UnreadableRun(
            f"run {record.id!r} was written by another Flux (status {record.status}, document format {written!r};"
            f" this one knows {FORMAT}); upgrade flux-serverless",
            id=record.id,
        )
    return dict(document)


def references(document: Mapping[str, Any]) -> set[str]:
    """Return the keys of the blobs that hold values of the document, whose lists are whole."""
    values = [document["input"], *document["initial"].values(), *document["data"].values()]
    opened = [document[name] for name in ("current", "undoing") if name in document]
    finished = (document["history"], document.get("kept", ()), document.get("undone", ()))
    for entry in (*chain(*finished), *opened):
        values += [entry.get("output"), *entry.get("changes", {}).values()]
    for letter in document.get("inbox", ()):
        values += letter_values(letter)
    return {value["v"] for value in values if is_reference(value)}


def restore(
    record: Record, document: Mapping[str, Any], paged: Mapping[str, int], blobs: Mapping[str, str]
) -> RunState:
    """Return the state that a document describes.

    Args:
        record: what was stored.
        document: its document, parsed, with whole lists.
        paged: how many entries of its lists `history` and `undone` came from pages.
        blobs: what it refers to.
    """

    def text(value: Any) -> str:
        return text_of(value, blobs)

    def texts(fields: Mapping[str, Any]) -> dict[str, str]:
        return {name: text(value) for name, value in fields.items()}

    def entry(raw: Mapping[str, Any]) -> Entry:
        entry = Entry(raw["name"], raw["kind"], raw["started_at"], StepStatus(raw["status"]))
        entry.attempts = raw["attempts"]
        entry.failures = raw.get("failures", 0)
        entry.completed_at = raw.get("completed_at")
        entry.output = text(raw.get("output"))
        entry.error = _error(raw)
        entry.tries = [_try(tried) for tried in raw.get("tries", ())]
        entry.tried_at = raw.get("tried_at")
        entry.changes = texts(raw.get("changes", {}))
        entry.removed = raw.get("removed", ())
        entry.until = raw.get("until")
        entry.signal = raw.get("signal")
        entry.intent = raw.get("intent", False)
        entry.text = dumps(raw)
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
            document.get("traceparent"),
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
    state.error = _error(document)
    state.history = [entry(raw) for raw in document["history"]]
    state.history_pages = Pages(document.get("page"), paged["history"])
    state.current = entry(document["current"]) if "current" in document else None
    state.kept = {raw["name"]: entry(raw) for raw in document.get("kept", ())}
    state.generations = dict(document.get("generations", {}))
    state.expires_at = document.get("expires_at")
    state.lost = document.get("lost", False)
    state.back = document.get("back", False)
    state.undone = [entry(raw) for raw in document.get("undone", ())]
    state.undone_pages = Pages(document.get("undone_page"), paged["undone"])
    state.undoing = entry(document["undoing"]) if "undoing" in document else None
    state.sequence = document.get("sequence", 0)
    state.received = document.get("received", [])
    state.inbox = [letter_of(raw, blobs) for raw in document.get("inbox", ())]
    return state


def _error(raw: Mapping[str, Any]) -> ErrorInfo | None:
    """Return the error in an entry or a document; fields that a newer Flux has written are passed over."""
    if "error" not in raw:
        return None
    known = {name: value for name, value in raw["error"].items() if name in ErrorInfo._fields}
    return ErrorInfo(**known | ({"cause": raw["cause"]} if "cause" in raw else {}))


def _try(raw: Mapping[str, Any]) -> Try:
    return Try(raw["started_at"], raw["ended_at"], cast("ErrorInfo", _error(raw)))
