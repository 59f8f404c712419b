"""A stored run as a text to keep beside the tests, and whether it would go on under the definition as it is now."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final, TypedDict, cast

from flux_core._app import App
from flux_core._async_engine import AsyncEngine
from flux_core._driver import Driver
from flux_core._engine import Engine
from flux_core._errors import InvalidInput
from flux_core._flows import Flows
from flux_core._ids import check_id
from flux_core._keeping import load
from flux_core._letter import PAUSE, RESUME
from flux_core._loop import LoopThread
from flux_core._outside import not_found
from flux_core._path import within
from flux_core._status import status_of
from flux_core._stored import dumps
from flux_core._types import codec_for
from flux_core.storage import MemoryStorage, Record
from flux_core.testing._clock import FakeClock
from flux_core.testing._rehearsal import Rehearsal

if TYPE_CHECKING:
    from flux_core._context import D
    from flux_core._workflow import Workflow
    from flux_core.storage import Storage
    from flux_core.testing._rehearsal import Replay

FORMAT: Final = 1


def record(source: Engine | AsyncEngine | App | Storage, run_id: str) -> str:
    """Return a stored run as a text, for `replay`: JSON, indented, the same text for as long as nobody saves the run.

    The text holds the run whole: its input, its data, the outputs of its steps, the signals it was sent, the
    tracebacks of its errors. Nothing is masked, since what is masked neither decodes nor decides as it did. So
    record runs of made-up customers; a value that must not be kept can be replaced in the text by hand, by another
    of its kind.

    Args:
        source: where the run is kept: an engine, an app, or a store.
        run_id: the run.

    Raises:
        RunNotFound: there is no such run.
        StoreError: it cannot be read.
    """
    tape = _Tape(_storage_of(source))
    Driver(Flows(tape), LoopThread()).run(load(check_id(run_id)))
    if tape.record is None:
        raise not_found(run_id)
    columns = tape.record._asdict()
    document = json.loads(columns.pop("document"))
    blobs = {key: json.loads(value) for key, value in sorted(tape.blobs.items())}
    whole = {"recording": FORMAT, "run": columns, "document": document, "blobs": blobs}
    return f"{json.dumps(whole, indent=2)}\n"


def replay(recording: str, workflow: Workflow[Any, D]) -> Replay[D]:
    """Return how a recorded run would go on under a definition, or raise what says why it would not.

    It is for tests that are run before a change is deployed. Record runs that stand where runs stand when you deploy,
    once, and keep the texts:

        recording = record(SQLiteStorage("orders.db"), "order-o_001")
        Path("tests/runs/waits-for-approval.json").write_text(recording)

    Then each change of the workflow is tried on them:

        def test_orders_in_flight_go_on() -> None:
            waiting = replay(Path("tests/runs/waits-for-approval.json").read_text(), order)
            assert waiting.node == "approved"

    The engine itself goes on with the run, at the moment at which it was last saved and as if nobody held it or had
    paused it, up to where it would call a handler or a compensation; a failed run is retried. No handler is called.
    Conditions (`when`) and the durations of sleeps are, those of the nodes that have run too: with data and results
    as they stood then. They must decide as they did, so they must depend on nothing else.

    A run that has ended is checked in the same way, although it needs nothing any more: others like it are in flight.

    Args:
        recording: what `record` returned.
        workflow: the definition.

    Raises:
        DefinitionChanged: the run does not go on: a node that ran does not stand where it stood, a condition
            decides otherwise or cannot be asked, or a value that was saved does not fit its type any more.
        RunNotFound: the run is one of another workflow.
        InvalidInput: the text is no recording, or one made by a newer Flux.
        StoreError: the run in it is not whole, or was saved by a newer Flux.
    """
    stored, blobs = _read(recording)
    storage = MemoryStorage()
    storage.create(stored)
    for key, value in blobs.items():
        storage.put_blob(stored.id, key, value)
    clock = FakeClock(stored.updated_at)
    with closing(LoopThread()) as loop:
        flows = Flows(storage, clock=clock, max_inline_wait=0)
        driver = Driver(flows, loop)
        return Rehearsal(check_id(stored.id), workflow, flows, driver).replay()


class _Tape(MemoryStorage):
    """What has been read of a run in the store below."""

    def __init__(self, below: Storage) -> None:
        super().__init__()
        self._below = below
        self.record: Record | None = None
        self.blobs: dict[str, bytes] = {}

    def load(self, run_id: str) -> Record | None:
        """Keep the record; the blobs are those that it refers to."""
        self.record, self.blobs = self._below.load(run_id), {}
        return self.record

    def get_blob(self, run_id: str, key: str) -> bytes:
        """Keep the blob."""
        value = self.blobs[key] = self._below.get_blob(run_id, key)
        return value


class _Columns(TypedDict):
    """What a store keeps of a run beside its document."""

    id: str
    workflow: str
    status: str
    revision: int
    writer: str
    wake_at: float | None
    created_at: float
    updated_at: float
    tags: tuple[str, ...]


class _Recording(TypedDict):
    """A recording, parsed."""

    recording: int
    run: _Columns
    document: dict[str, Any]
    blobs: dict[str, Any]


def _storage_of(source: Engine | AsyncEngine | App | Storage) -> Storage:
    engine = source.engine if isinstance(source, App) else source
    return engine.storage if isinstance(engine, Engine | AsyncEngine) else engine


def _read(recording: str) -> tuple[Record, dict[str, bytes]]:
    """Return the record and the blobs of a recording, the run as if nobody held it or had paused it, and as due now."""
    whole = _parsed(recording)
    columns, document = whole["run"], whole["document"]
    document.pop("lease", None)
    if isinstance(inbox := document.get("inbox"), list):
        document["inbox"] = [letter for letter in inbox if not _is_about_pausing(letter)]
    stored = Record(
        columns["id"],
        columns["workflow"],
        status_of(columns["status"]),
        columns["revision"],
        columns["writer"],
        wake_at=columns["updated_at"],
        created_at=columns["created_at"],
        updated_at=columns["updated_at"],
        document=dumps(document).encode(),
        tags=columns["tags"],
    )
    return stored, {key: dumps(value).encode() for key, value in whole["blobs"].items()}


def _is_about_pausing(letter: object) -> bool:
    return isinstance(letter, dict) and letter.get("kind") in (PAUSE, RESUME)


def _parsed(recording: str) -> _Recording:
    try:
        whole = json.loads(recording)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(f"expected JSON, as record() returns it: {error}", path="recording") from None
    written = whole.get("recording", FORMAT) if isinstance(whole, dict) else FORMAT
    if written != FORMAT:
        raise InvalidInput(
            f"made by another Flux (format {written!r}; this one knows {FORMAT}); upgrade flux-serverless",
            path="recording",
        )
    try:
        return cast("_Recording", codec_for(_Recording).validate(whole))
    except InvalidInput as error:
        raise within(error, "recording") from None
