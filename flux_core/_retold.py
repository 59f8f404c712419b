"""A run as its trace tells of it: rebuilt event by event, as far as the events go.

What no event tells has a neutral value: no version, no tags, nobody who holds the run. A trace that begins in the
middle of a run tells of what came after that. Traces of the TypeScript engine are read too; where it says less, or
says it otherwise, a comment says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from flux_core._retold_node import COMPENSATION, RetoldNode, told_error
from flux_core._run import Run, StepRecord
from flux_core._status import RunStatus, StepStatus
from flux_core._workflow import COMMIT, SLEEP, STEP, WAIT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from flux_core._run import ErrorInfo
    from flux_core._trace import TraceEvent

AGAIN: Final = ("resume", "retry")
"""Keys of the `meta` of a run that goes on; the TypeScript engine writes them at its `workflow:start`."""
BACK: Final = (RunStatus.ROLLING_BACK, RunStatus.ROLLED_BACK, RunStatus.COMPENSATION_FAILED)
BY_TYPE: Final = {
    "workflow:start": RunStatus.RUNNING,
    "workflow:resume": RunStatus.RUNNING,
    "workflow:complete": RunStatus.COMPLETED,
    "workflow:error": RunStatus.FAILED,
    "workflow:suspend": RunStatus.SUSPENDED,
    "workflow:cancel": RunStatus.CANCELLED,
    "workflow:rollback_start": RunStatus.ROLLING_BACK,
    "workflow:rollback_complete": RunStatus.ROLLED_BACK,
    "step:start": RunStatus.RUNNING,
    "step:suspend": RunStatus.SUSPENDED,
}
STATUSES: Final = {str(status): status for status in RunStatus}


class Outline(NamedTuple):
    """What a list needs to know of a run to sort and filter it, as its trace tells. Times are Unix milliseconds."""

    id: str
    workflow: str
    status: RunStatus
    created_at: int
    updated_at: int
    began: bool
    """Whether its start was told of, so that the time is known at which it was created."""


def outlined(before: Outline | None, event: TraceEvent) -> Outline:
    """Return the outline of the run after the event; a run of whose past nothing is known is running."""
    if begins(event):
        status = status_after(RunStatus.RUNNING, event)
        return Outline(event.workflow_id, event.workflow_name, status, event.timestamp, event.timestamp, True)  # noqa: FBT003 (the last field)
    since = event.timestamp
    if event.duration is not None and event.type.startswith("workflow:"):
        since -= min(since, event.duration)
    if before is None:
        status = status_after(RunStatus.RUNNING, event)
        return Outline(event.workflow_id, event.workflow_name, status, since, event.timestamp, False)  # noqa: FBT003 (as above)
    return before._replace(
        workflow=event.workflow_name,
        status=status_after(before.status, event),
        created_at=before.created_at if before.began else min(before.created_at, since),
        updated_at=max(before.updated_at, event.timestamp),
    )


def begins(event: TraceEvent) -> bool:
    """Whether the event is the start of a run, and not one that the TypeScript engine writes when a run goes on."""
    return event.type == "workflow:start" and not any((event.meta or {}).get(key) for key in AGAIN)


def status_after(status: RunStatus, event: TraceEvent) -> RunStatus:
    """Return the run's status after the event."""
    if event.type.startswith("workflow:"):
        if event.type == "workflow:rollback_start" and event.duration is None:
            # the TypeScript engine says so of every failed run; that there was anything to undo shows only after it
            return RunStatus.FAILED
        return STATUSES.get(event.status or "") or BY_TYPE.get(event.type, status)
    if event.type == "step:compensate":
        return RunStatus.ROLLING_BACK
    if status in BACK:
        return status
    if event.type == "step:error" and event.status == StepStatus.FAILED:
        return RunStatus.FAILED  # the TypeScript engine says no more
    return BY_TYPE.get(event.type, status)


class Retold:
    """A run as the events told so far make it.

    Args:
        events: those known by now, in their order.
    """

    def __init__(self, events: Iterable[TraceEvent] = ()) -> None:
        self.count = 0
        """How many events have been added: the revision of the run."""
        self._outline: Outline | None = None
        self._forget()
        for event in events:
            self.add(event)

    def _forget(self) -> None:
        self._input: Any = None
        self._data: dict[str, Any] = {}
        self._initial: dict[str, Any] = {}
        self._changed: set[str] = set()
        self._nodes: dict[int, RetoldNode] = {}
        self._last = -1  # the place of the last of them
        self._open: dict[str, RetoldNode] = {}
        self._kept: dict[int, RetoldNode] = {}  # completed commits that a retry went back over
        self._undone: dict[str, RetoldNode] = {}
        self._error: ErrorInfo | None = None
        self._inbox: list[str] = []
        self._traceparent: str | None = None

    def add(self, event: TraceEvent) -> None:
        """Take what the event tells; the events of a run come in their order, and those of no other run."""
        self.count += 1
        if begins(event):
            self._forget()
        before = self._outline
        self._outline = outlined(before, event)
        if event.type.startswith("workflow:"):
            self._of_run(event, before)
        elif event.type == "signal:received":
            self._signal(event)
        elif event.step_name is not None and event.type in OF_STEP:
            OF_STEP[event.type](self, event)

    @classmethod
    def bare(cls, outline: Outline) -> Run:
        """Return the run of which nothing more is known than its outline."""
        retold = cls()
        retold._outline = outline
        return retold.run()

    def run(self) -> Run:
        """Return the run as it stands now.

        Raises:
            ValueError: nothing has been told yet.
        """
        if self._outline is None:
            raise ValueError("a run of which nothing is told")
        outline = self._outline
        undone = self._undone
        waiting = self._waiting()
        return Run(
            id=outline.id,
            workflow=outline.workflow,
            version="",
            fingerprint="",
            status=outline.status,
            input=self._input,
            data=dict(self._data),
            initial=dict(self._initial),
            history=tuple(
                _with_compensation(node.record(), undone.get(node.name))
                for _, node in sorted(self._nodes.items())
            ),
            compensations=tuple(node.record() for node in undone.values()),
            error=self._error,
            inbox=tuple(self._inbox),
            waits_for=waiting.signal if waiting else None,
            waits_until=waiting.until if waiting else None,
            expires_at=None,
            tags=(),
            revision=self.count,
            interruptions=0,
            held_until=None,
            wake_at=None,
            created_at=outline.created_at / 1000,
            updated_at=outline.updated_at / 1000,
            traceparent=self._traceparent,
            kept=tuple(node.name for node in self._kept.values()),
        )

    # Events about the run as a whole.

    def _of_run(self, event: TraceEvent, before: Outline | None) -> None:
        meta = event.meta or {}
        if event.type == "workflow:start":
            self._input = event.input
        if event.type in {"workflow:start", "workflow:resume"}:
            self._go_on(event, before)
        if event.error is not None:
            self._error = told_error(event)
        if event.type == "workflow:error":
            self._give_up(event)
        elif event.type == "workflow:complete":
            self._nodes |= self._kept
            self._kept = {}
        if isinstance(parent := meta.get("traceparent"), str):
            self._traceparent = parent
        if event.data is not None:
            self._data = dict(event.data)
            if not self._undone:  # what no node has changed was so from the beginning
                untouched = self._data.keys() - self._changed - self._initial.keys()
                self._initial |= {name: self._data[name] for name in untouched}

    def _go_on(self, event: TraceEvent, before: Outline | None) -> None:
        """Count the attempts whose worker was lost; go back to before a step, if the run is retried from there."""
        for node in self._open.values():
            node.lose_attempt()
        if before is not None and before.status is RunStatus.FAILED:
            self._error = None
        meta = event.meta or {}
        place, kept = meta.get("fromStep"), meta.get("kept")
        if type(place) is int:
            self._cut(place)
        if isinstance(kept, list):  # not in older traces: there commits count again that are to be made again
            self._kept = {place: node for place, node in self._kept.items() if node.name in kept}

    def _give_up(self, event: TraceEvent) -> None:
        """Fail what stands open: the run has failed without an event about the node, since its worker was lost."""
        if event.status == RunStatus.FAILED:
            for node in self._open.values():
                node.fail_with_run(event)
            self._open.clear()

    def _signal(self, event: TraceEvent) -> None:
        name = (event.meta or {}).get("signal")
        if isinstance(name, str):
            self._inbox.append(f"signal {name}")
            return
        for node in self._open.values():  # the TypeScript engine: the payload is what the node returns
            if node.status is StepStatus.SUSPENDED:
                node.complete(event, event.input)
        self._open = {name: node for name, node in self._open.items() if node.is_open}

    # Events about a node.

    def _started(self, event: TraceEvent) -> None:
        node = self._node(event, COMMIT if event.commit else STEP)
        node.start_attempt(event)

    def _completed(self, event: TraceEvent) -> None:
        failed = self._nodes.get(self._place(event))
        if failed and failed.status is StepStatus.FAILED and failed.kind == COMMIT == self._kind(event):
            self._open[failed.name] = failed  # somebody has resolved it
        node = self._node(event, self._kind(event))
        self._take_signal(node)
        meta = event.meta or {}
        node.complete(event, meta.get("output"))
        changes = meta.get("changes")
        if isinstance(changes, dict):
            node.changes = changes
            self._changed |= changes.keys()
            self._data |= changes
        del self._open[node.name]

    def _failed(self, event: TraceEvent) -> None:
        if (undoing := self._undoing(event)) is not None:
            undoing.fail(event, final=event.status == StepStatus.FAILED)
            return
        final = event.status == StepStatus.FAILED
        node = self._node(event, self._kind(event))
        node.fail(event, final=final)
        if final:
            del self._open[node.name]

    def _to_retry(self, event: TraceEvent) -> None:
        node = self._undoing(event)
        if node is None:
            node = self._node(event, self._kind(event))
        node.back_off(event)

    def _skipped(self, event: TraceEvent) -> None:
        node = self._node(event, self._kind(event))
        node.skip(event)
        del self._open[node.name]

    def _suspended(self, event: TraceEvent) -> None:
        self._node(event, WAIT if (event.meta or {}).get("signal") else SLEEP).suspend(event)

    def _compensated(self, event: TraceEvent) -> None:
        name = str(event.step_name)
        node = self._undone.get(name)
        if node is None or node.status is StepStatus.COMPENSATED:
            node = self._undone[name] = RetoldNode(name, COMPENSATION, event)
        if event.status == StepStatus.COMPENSATING:
            node.start_attempt(event, StepStatus.COMPENSATING)
        else:
            node.complete(event, None, StepStatus.COMPENSATED)

    # Which node an event is about.

    def _node(self, event: TraceEvent, kind: str) -> RetoldNode:
        """Return the open node of that name, or a new one at its place, from which on the run is told anew."""
        name = str(event.step_name)
        if (node := self._open.get(name)) is not None:
            return node
        place = self._place(event)
        self._cut(place)
        for kept in [older for older in self._kept if older <= place]:
            commit = self._kept.pop(kept)
            if kept < place:
                self._nodes[kept] = commit
        self._nodes[place] = self._open[name] = node = RetoldNode(name, kind, event)
        self._last = place
        return node

    def _place(self, event: TraceEvent) -> int:
        return self._last + 1 if event.step_index is None else event.step_index

    def _cut(self, place: int) -> None:
        """Forget the nodes from that place on; a later one that is a completed commit may count again."""
        if place > self._last:
            return
        for later in [known for known in self._nodes if known >= place]:
            node = self._nodes.pop(later)
            self._open.pop(node.name, None)
            if node.kind == COMMIT and node.status is StepStatus.COMPLETED:
                self._kept[later] = node
        self._last = max(self._nodes, default=-1)

    def _kind(self, event: TraceEvent) -> str:
        return COMMIT if event.commit else STEP

    def _undoing(self, event: TraceEvent) -> RetoldNode | None:
        """Return the open compensation that the event is about."""
        node = self._undone.get(str(event.step_name))
        return None if node is None or node.status is StepStatus.COMPENSATED else node

    def _waiting(self) -> RetoldNode | None:
        """Return what the run waits for the end of."""
        assert self._outline is not None  # noqa: S101 (run() has looked)
        if self._outline.status.ended:
            return None
        undoing = [node for node in self._undone.values() if node.until is not None]
        return next(iter([*undoing, *self._open.values()]), None)

    def _take_signal(self, node: RetoldNode) -> None:
        """Take the signal that the node has waited for out of the inbox."""
        letter = f"signal {node.signal or node.name}"
        if letter in self._inbox:
            self._inbox.remove(letter)


def _with_compensation(record: StepRecord, undone: RetoldNode | None) -> StepRecord:
    if undone is None:
        return record
    compensated = undone.status is StepStatus.COMPENSATED
    status = StepStatus.COMPENSATED if compensated else StepStatus.COMPENSATING
    return record._replace(status=status, error=undone.error or record.error)


OF_STEP: Final[dict[str, Callable[[Retold, TraceEvent], None]]] = {
    "step:start": Retold._started,  # noqa: SLF001 (the class's own table)
    "step:complete": Retold._completed,  # noqa: SLF001
    "step:error": Retold._failed,  # noqa: SLF001
    "step:retry": Retold._to_retry,  # noqa: SLF001
    "step:skipped": Retold._skipped,  # noqa: SLF001
    "step:suspend": Retold._suspended,  # noqa: SLF001
    "step:compensate": Retold._compensated,  # noqa: SLF001
}
