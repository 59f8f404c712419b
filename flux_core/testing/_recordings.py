"""A stored run as a text to keep beside the tests, and whether it would go on under the definition as it is now."""

from __future__ import annotations

import json
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypedDict, cast

from flux_core._app import App
from flux_core._async_engine import AsyncEngine
from flux_core._context import Context, D
from flux_core._driver import Driver
from flux_core._effects import Invoke
from flux_core._engine import Engine
from flux_core._errors import DefinitionChanged, InvalidInput
from flux_core._flows import Flows
from flux_core._ids import check_id
from flux_core._keeping import load
from flux_core._letter import PAUSE, RESUME
from flux_core._loop import LoopThread
from flux_core._outside import check_workflow, not_found
from flux_core._path import within
from flux_core._standing import check_definition, fitting
from flux_core._status import RunStatus, StepStatus, status_of
from flux_core._stored import dumps
from flux_core._suspension import seconds
from flux_core._types import codec_for
from flux_core._walk import outputs
from flux_core._workflow import COMMIT, WAIT
from flux_core.storage import MemoryStorage, Record
from flux_core.testing._clock import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from flux_core._effects import Flow
    from flux_core._entry import Entry
    from flux_core._plan import PlannedNode
    from flux_core._result import Result
    from flux_core._state import RunState
    from flux_core._workflow import Workflow
    from flux_core.storage import Storage

FORMAT: Final = 1


class Replay(NamedTuple, Generic[D]):
    """How a recorded run would go on."""

    id: str
    status: RunStatus
    """Where the run stood when it was recorded."""
    position: int
    """How many nodes it had behind it."""
    node: str | None
    """The node whose handler, or whose compensation, would be called next, or at which the run sleeps or waits.

    None if none would be: the run has ended, is to be cancelled, has nothing left to run, or was interrupted in a
    commit with `once=True`, which a person decides about.
    """
    data: D
    """What that node would be given; at the end, the data as it is."""


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
        state = driver.run(load(check_id(stored.id)))
        return _Rehearsal(cast("RunState", state), workflow, flows, driver).replay()


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


class _Rehearsal(Generic[D]):
    """A run that goes on under a definition up to where something would be done in the world."""

    def __init__(self, state: RunState, workflow: Workflow[Any, D], flows: Flows, driver: Driver) -> None:
        self._state = state
        self._workflow = workflow
        self._plan = workflow.plan
        self._flows = flows
        self._driver = driver

    def replay(self) -> Replay[D]:
        """Check what lies behind the run, and go on with it."""
        state = self._state
        check_workflow(state.origin, self._workflow.name)
        check_definition(state, self._workflow, len(state.entries))
        self._check_past()
        self._check_present()
        node, data = self._fitting(self._go_on, " in its inbox")
        return Replay(state.id, state.status, len(state.history), node, data)

    def _check_past(self) -> None:
        """Go through the nodes that ran, with the data that each of them found."""
        state, plan = self._state, self._plan
        self._fitting(lambda: plan.input.decode(state.origin.input), " as its input")
        fields = dict(state.origin.initial)
        self._fitting(lambda: plan.data.build(fields), " as its first data")
        for place, entry in enumerate(state.entries):
            planned = plan.nodes[place]
            self._check_decision(planned, entry, fields)
            if planned.node.duration is not None and entry.status is not StepStatus.SKIPPED:
                self._check_duration(planned, fields)
            self._fitting(
                lambda: planned.output.decode(entry.output) if entry.status is StepStatus.COMPLETED else None,  # noqa: B023
                f" as the output of {entry.kind} {entry.name!r}",
            )
            entry.apply(fields)
            self._fitting(lambda: plan.data.build(fields), f" as data after {entry.kind} {entry.name!r}")
