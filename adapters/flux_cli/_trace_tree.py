"""The events of a run as a tree: the run, its nodes, their attempts, waits and back-offs, and what was said in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flux_cli._words import instant
from flux_core import StepStatus
from flux_core._retold import begins
from flux_core._retold_node import moment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from flux_core import TraceEvent


class Branch:
    """A line of the tree, and what stands below it. Times are Unix milliseconds.

    Args:
        mark: what kind of event made it what it is, as `flux_core.trace.MARKS` has them.
        name: what it is called.
        begun: when it began; None if that is not known, or it takes no time.
        remark: what else there is to say.
    """

    def __init__(self, mark: str, name: str, begun: int | None = None, remark: str = "") -> None:
        self.mark = mark
        self.name = name
        self.begun = begun
        self.ended: int | None = None
        self.remark = remark
        self.branches: list[Branch] = []

    def add(self, branch: Branch) -> Branch:
        """Put a branch below it, and return that."""
        self.branches.append(branch)
        return branch

    def end(self, mark: str, at: int, remark: str = "") -> None:
        """Say what it has come to, and when."""
        self.mark, self.ended, self.remark = mark, at, remark


class NodeBranch(Branch):
    """A node, or the compensation of one."""

    def __init__(self, mark: str, name: str, begun: int | None) -> None:
        super().__init__(mark, name, begun)
        self.open: Branch | None = None
        """The attempt, wait or back-off that is under way."""

    def begin(self, branch: Branch) -> None:
        """Go on with an attempt, a wait or a back-off."""
        self.close(branch.begun)
        self.open = self.add(branch)

    def close(self, at: int | None, mark: str | None = None, remark: str = "") -> None:
        """End what is under way."""
        if self.open is not None and at is not None:
            self.open.end(mark or self.open.mark, at, remark)
        self.open = None


class TraceTree:
    """The tree of one run.

    Args:
        events: of the run, in their order.
    """

    def __init__(self, events: Iterable[TraceEvent]) -> None:
        self._forget()
        for event in events:
            if event.type in TELLING:
                TELLING[event.type](self, event)

    def _forget(self) -> None:
        self.branches: list[Branch] = []
        self._nodes: dict[str, NodeBranch] = {}
        self._undone: dict[str, NodeBranch] = {}
        self._rollback: Branch | None = None
        self._said = ""  # the last error of a node, which is not said again of the run

    # Events about the run as a whole.

    def _started_run(self, event: TraceEvent) -> None:
        if begins(event):
            self._forget()
        else:  # the TypeScript engine says so of a run that goes on
            self._resumed(event)

    def _resumed(self, event: TraceEvent) -> None:
        meta = event.meta or {}
        place = meta.get("fromStep")
        remark = f"from step {place + 1}" if type(place) is int else ""
        self.branches.append(_moment(event, "retried" if meta.get("retry") else "resumed", remark=remark))

    def _suspended_run(self, event: TraceEvent) -> None:
        waits = any(node.open and node.open.mark in WAITING for node in self._nodes.values())
        if event.status == "paused" or not waits:
            self.branches.append(_moment(event, event.status or "suspended"))

    def _failed_run(self, event: TraceEvent) -> None:
        if event.error and event.error != self._said:
            self.branches.append(_moment(event, "failed", remark=event.error))

    def _signal(self, event: TraceEvent) -> None:
        named = (event.meta or {}).get("signal")
        branch = _moment(event, f"signal {named}" if isinstance(named, str) else "signal")
        waiting = [
            node.open for node in self._nodes.values() if node.open and node.open.mark == "step:suspend"
        ]
        (waiting[-1].branches if waiting else self.branches).append(branch)

    def _turned_back(self, event: TraceEvent) -> None:
        self._rollback = Branch(event.type, "rollback", event.timestamp)
        if event.duration is not None:  # the TypeScript engine says so of a run that has nothing to undo, too
            self.branches.append(self._rollback)

    def _rolled_back(self, event: TraceEvent) -> None:
        if self._rollback is not None:
            self._rollback.end(event.type, event.timestamp)

    # Events about a node.

    def _started(self, event: TraceEvent) -> None:
        node = self._node(event)
        node.begin(Branch(event.type, f"attempt {(event.retries or 0) + 1}", event.timestamp))

    def _progress(self, event: TraceEvent) -> None:
        node = self._node(event)
        (node.open or node).add(Branch(event.type, progress_told(event)))

    def _completed(self, event: TraceEvent) -> None:
        node = self._node(event)
        if node.open is None or node.open.mark == "step:retry":  # when this attempt began is not known
            node.open = None
            node.add(Branch(event.type, f"attempt {(event.retries or 0) + 1}"))
        node.close(event.timestamp, event.type)
        node.end(event.type, event.timestamp)

    def _failed(self, event: TraceEvent) -> None:
        node = self._undone.get(str(event.step_name)) or self._node(event)
        error = self._said = event.error or ""
        final = event.status == StepStatus.FAILED
        if node.open is None and not final:  # when this attempt began is not known
            node.add(Branch(event.type, f"attempt {(event.retries or 0) + 1}", remark=error))
        node.close(event.timestamp, event.type, error)
        if final:
            node.end(event.type, event.timestamp, error)

    def _to_retry(self, event: TraceEvent) -> None:
        node = self._undone.get(str(event.step_name)) or self._node(event)
        node.close(event.timestamp, "step:error", event.error or "")
        if event.max_retries is None:
            node.begin(Branch(event.type, "back-off", event.timestamp, _until(event)))
        else:  # the TypeScript engine tells of a failed attempt, and of the next, by this event alone
            node.begin(Branch("step:start", f"attempt {(event.retries or 0) + 1}", event.timestamp))

    def _suspended(self, event: TraceEvent) -> None:
        signal = (event.meta or {}).get("signal")
        name = f"waits for {signal}" if isinstance(signal, str) else "sleeps"
        node = self._node(event)
        if node.open is None or node.open.mark != event.type:
            begun = event.timestamp - min(event.timestamp, event.duration or 0)
            node.begin(Branch(event.type, name, begun, _until(event)))
        node.mark = event.type

    def _skipped(self, event: TraceEvent) -> None:
        node = self._node(event)
        node.close(event.timestamp)
        node.end(event.type, event.timestamp, "skipped")

    def _compensated(self, event: TraceEvent) -> None:
        name = str(event.step_name)
        node = self._undone.get(name)
        if node is None:
            node = self._undone[name] = NodeBranch(event.type, name, event.timestamp)
            if self._rollback is None:
                self.branches.append(node)
            else:
                self._rollback.add(node)
                if self._rollback not in self.branches:
                    self.branches.append(self._rollback)
        if event.status == StepStatus.COMPENSATING:
            tried = sum(branch.name.startswith("attempt") for branch in node.branches)
            node.begin(Branch(event.type, f"attempt {tried + 1}", event.timestamp))
        else:
            node.close(event.timestamp, "step:complete")
            node.end(event.type, event.timestamp, "compensated")

    def _node(self, event: TraceEvent) -> NodeBranch:
        """Return the node's branch; one that has ended stays as it is, and what comes of a retry stands below."""
        name = str(event.step_name)
        node = self._nodes.get(name)
        if node is None or node.ended is not None:
            begun = event.timestamp - min(event.timestamp, event.duration or 0)
            node = self._nodes[name] = NodeBranch("step:start", name, begun)
            self.branches.append(node)
        return node


def progress_told(event: TraceEvent) -> str:
    """Return what a handler has said of its progress."""
    meta = event.meta or {}
    fraction = meta.get("fraction")
    share = f"{fraction:.0%}" if isinstance(fraction, int | float) and 0 <= fraction <= 1 else ""
    return f"{share} {meta.get('message', '')}".strip()


def _moment(event: TraceEvent, name: str, *, remark: str = "") -> Branch:
    return Branch(event.type, name, remark=remark)


def _until(event: TraceEvent) -> str:
    until = moment((event.meta or {}).get("until"))
    return "" if until is None else f"until {instant(until)}"


WAITING: Final = ("step:suspend", "step:retry")
TELLING: Final[dict[str, Callable[[TraceTree, TraceEvent], None]]] = {
    "workflow:start": TraceTree._started_run,  # noqa: SLF001 (the class's own table)
    "workflow:resume": TraceTree._resumed,  # noqa: SLF001 (the same)
    "workflow:suspend": TraceTree._suspended_run,  # noqa: SLF001 (the same)
    "workflow:error": TraceTree._failed_run,  # noqa: SLF001 (the same)
    "workflow:rollback_start": TraceTree._turned_back,  # noqa: SLF001 (the same)
    "workflow:rollback_complete": TraceTree._rolled_back,  # noqa: SLF001 (the same)
    "signal:received": TraceTree._signal,  # noqa: SLF001 (the same)
    "step:start": TraceTree._started,  # noqa: SLF001 (the same)
    "step:progress": TraceTree._progress,  # noqa: SLF001 (the same)
    "step:complete": TraceTree._completed,  # noqa: SLF001 (the same)
    "step:error": TraceTree._failed,  # noqa: SLF001 (the same)
    "step:retry": TraceTree._to_retry,  # noqa: SLF001 (the same)
    "step:suspend": TraceTree._suspended,  # noqa: SLF001 (the same)
    "step:skipped": TraceTree._skipped,  # noqa: SLF001 (the same)
    "step:compensate": TraceTree._compensated,  # noqa: SLF001 (the same)
}
