"""The walk forward from node to node: what stands before an attempt, what stands open, what is passed over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from flux_core._attempts import Attempts, interrupted
from flux_core._backward import Backward
from flux_core._context import D, I
from flux_core._definition import fitting
from flux_core._effects import Hold, Invoke, Moment
from flux_core._errors import CrashLoop, Interrupted, InvalidInput, StepTimeout, WorkflowTimeout
from flux_core._letter import cancel_in, pause_in
from flux_core._result import Result
from flux_core._status import RunStatus, StepStatus
from flux_core._suspension import Suspension, seconds
from flux_core._walk import outputs
from flux_core._workflow import SLEEP, WAIT

if TYPE_CHECKING:
    from collections.abc import Callable

    from flux_core._effects import Flow
    from flux_core._entry import Entry
    from flux_core._letter import Letter
    from flux_core._plan import PlannedNode
    from flux_core._state import RunState
    from flux_core._worker import Worker

T = TypeVar("T")

ENDINGS: Final = {
    RunStatus.SUSPENDED: "workflow:suspend",
    RunStatus.PAUSED: "workflow:suspend",
    RunStatus.CANCELLED: "workflow:cancel",
}
FOR_A_PERSON: Final = (Interrupted.code, CrashLoop.code)
"""The codes of failures that never start a rollback: a person looks first."""


class Forward(Attempts[I, D]):
    """Takes a run from node to node until it ends, is suspended, or turns back."""

    __slots__ = ("_kept", "_nodes")

    goes = RunStatus.RUNNING
    rests = RunStatus.SUSPENDED
    fails = RunStatus.FAILED

    def __init__(self, worker: Worker, state: RunState, now: Moment, data: D | None = None) -> None:
        super().__init__(worker, state, now, data)
        plan = worker.workflow.plan
        self._nodes = plan.nodes
        self._kept = outputs(worker.workflow, state.kept.values())
        for entry in state.kept.values():
            plan.data.build({**state.data, **entry.changes})  # does not fit any more? then not a node is run

    def run(self) -> Flow[Result[D]]:
        """Go on until the run has ended or nobody needs to hold it."""
        state, nodes = self._state, self._nodes
        _, self._time, self._monotonic = yield Hold(state.id, self._worker)  # to claim it may have taken long
        if state.inbox and self._verdict(self.goes) is not self.goes and not self._is_doubtful():
            yield from self._keep()
        while state.lease is not None and state.status is RunStatus.RUNNING:
            if len(state.history) == len(nodes):  # the definition has become shorter
                yield from self._let_go(RunStatus.COMPLETED)
            else:
                yield from self._node(nodes[len(state.history)])
        if state.lease is not None:
            back: Backward[I, D] = Backward(
                self._worker, state, Moment(self._time, self._monotonic), self._data
            )
            return (yield from back.run())
        if state.status is RunStatus.COMPLETED:
            context = self._context(nodes[-1].node.name, None, None)
            yield from self._run_told("workflow:complete", "workflow_complete", context)
        elif state.status in ENDINGS:
            yield from self._run_told(ENDINGS[state.status])
        return Result(state, self._data, self._results)

    def _verdict(self, status: RunStatus) -> RunStatus:
        state = self._state
        if not state.inbox or status is RunStatus.ROLLING_BACK:
            return status
        compensate = cancel_in(state.inbox)
        doubtful = status is RunStatus.FAILED and state.error and state.error.code in FOR_A_PERSON
        if compensate is not None and not doubtful:
            return RunStatus.ROLLING_BACK if compensate else RunStatus.CANCELLED
        if status is self.goes or status is self.rests:
            if pause_in(state.inbox):
                return RunStatus.PAUSED
            if self._is_answered():
                return self.goes
        return status

    def _is_answered(self) -> bool:
        """Whether what the node that stands next waits for, or what came of it, lies in the inbox."""
        state, current, place = self._state, self._state.current, len(self._state.history)
        if not state.inbox or place == len(self._nodes):
            return False
        if current is not None and current.signal is not None and state.signal(current.signal):
            return True
        return state.outcome(self._nodes[place].node.name) is not None

    def _is_doubtful(self) -> bool:
        """Whether nobody knows what came of the open commit: that is said before the inbox is heard."""
        current = self._state.current
        return current is not None and current.intent

    def _open_entry(self) -> Entry | None:
        state = self._state
        if state.current is None and len(state.history) < len(self._nodes):
            state.current = self._entry(self._nodes[len(state.history)], StepStatus.RUNNING)
        return state.current

    # A node's flow ends with the node behind, the run let go or turned back, or the node to be looked at again.

    def _node(self, planned: PlannedNode) -> Flow[None]:
        """Return the flow of the node, by what may stand before its next attempt."""
        state, worker = self._state, self._worker
        timeout = planned.node.timeout or worker.policy.timeout
        untouched = state.current is None and not state.kept and not state.inbox
        endless = worker.deadline is None and state.expires_at is None
        if untouched and endless and planned.is_plain and self._time <= self._short_at:
            return self._attempt(planned, timeout)
        return self._begin(planned, timeout)

    def _begin(self, planned: PlannedNode, timeout: float | None) -> Flow[None]:
        """Return the flow that goes on with the node from where it stands."""
        node, state = planned.node, self._state
        if node.name in state.kept:
            return self._apply(planned)
        if letter := state.outcome(node.name):
            return self._known(planned, letter)
        if self._is_doubtful():
            context = self._context(node.name, None, state.current)
            return self._fail(planned, context, interrupted(planned), attempted=False)
        if state.expires_at is not None and self._time >= state.expires_at:
            return self._expire(planned)
        return self._again(planned, state.current, timeout) if state.current else self._try(planned, timeout)

    def _again(self, planned: PlannedNode, entry: Entry, timeout: float | None) -> Flow[None]:
        """Return the flow that goes on with a node that was begun before."""
        if entry.status is StepStatus.SUSPENDED:
            return self._awaited(planned, entry)
        if entry.until is not None and self._time < entry.until:
            return self._rest(timeout, entry.until)
        return self._try(planned, timeout)

    def _may_begin(self, timeout: float | None) -> Flow[bool]:
        """Let the run go if time is short; do nothing of what a letter has told meanwhile to be done."""
        return (yield from super()._may_begin(timeout)) and not self._is_answered()

    def _try(self, planned: PlannedNode, timeout: float | None) -> Flow[None]:
        """Do what the node is there for, if there is time and its condition holds."""
        node, current = planned.node, self._state.current
        if not (yield from self._may_begin(timeout if node.handler else None)):
            return
        if node.when is not None and (current is None or not current.failures):
            holds = yield from self._asked(planned, node.when, bool)
            if holds is None:
                return
            if not holds:
                yield from self._skip(planned)
                return
        if node.kind == WAIT:
            yield from self._suspend(planned, Suspension(node.name, node.timeout))
        elif node.kind == SLEEP:
            yield from self._fall_asleep(planned)
        else:
            yield from self._attempt(planned, timeout)

    def _asked(
        self, planned: PlannedNode, function: Callable[..., Any], read: Callable[[Any], T]
    ) -> Flow[T | None]:
        """Return what a function of the context says, as `read` takes it; None if that has failed the node."""
        context = self._context(planned.node.name, None, self._state.current)
        self._tried_at = self._time
        (value, error), self._time, self._monotonic = yield Invoke(function, context, None, is_async=False)
        self._reload()  # it changes nothing
        if error is None:
            try:
                return read(value)
            except Exception as unreadable:  # noqa: BLE001 (an array, for one, has no truth)
                error = unreadable
        yield from self._fail(planned, context, error)
        return None

    def _expire(self, planned: PlannedNode) -> Flow[None]:
        """Fail the run because its workflow's time-out is over."""
        error = WorkflowTimeout(
            f"run {self._state.id!r} was not done within the time-out of workflow {self._worker.workflow.name!r}"
        )
        context = self._context(planned.node.name, None, self._state.current)
        return self._fail(planned, context, error, attempted=False)

    # Sleeps and waits: the node stands open, and nobody needs to hold the run.

    def _fall_asleep(self, planned: PlannedNode) -> Flow[None]:
        length = planned.node.duration
        if callable(length):
            length = yield from self._asked(
                planned, length, lambda value: seconds(value, f"duration of sleep {planned.node.name!r}")
            )
        if length is not None:
            yield from self._suspend(planned, Suspension(None, length))

    def _suspend(self, planned: PlannedNode, suspension: Suspension) -> Flow[None]:
        entry = self._entry(planned, StepStatus.SUSPENDED)
        entry.attempts = 1
        self._open(entry, suspension)
        return self._awaited(planned, entry)

    def _awaited(self, planned: PlannedNode, entry: Entry) -> Flow[None]:
        over = entry.until is not None and self._time >= entry.until
        letter = None if entry.signal is None else self._state.signal(entry.signal)
        if letter is not None:
            self._state.inbox.remove(letter)
            return self._finish(planned, entry, letter.value)
        if over and entry.signal is None:
            return self._finish(planned, entry, "null")
        if over and planned.node.on_timeout == "skip":
            return self._skip(planned)
        if over:
            late = StepTimeout(
                f"step {entry.name!r} waited for signal {entry.signal!r} longer than its time-out"
            )
            error = interrupted(planned, late) if planned.node.once else late
            return self._fail(planned, self._context(entry.name, None, entry), error, attempted=False)
        return self._stand_open(planned, entry)

    def _stand_open(self, planned: PlannedNode, entry: Entry) -> Flow[None]:
        yield from self._let_go(self.rests, entry.until)
        if not self._goes_on:
            yield from self._step_told("step:suspend", planned, entry)

    # Nodes that are put behind without an attempt.

    def _finish(self, planned: PlannedNode, entry: Entry, output: str) -> Flow[None]:
        """Complete the node with an output that came from outside, if it is of the type that the handler returns."""
        try:
            planned.output.decode(output)
        except InvalidInput as error:
            return self._fail(planned, self._context(entry.name, None, entry), error, attempted=False)
        entry.status = StepStatus.COMPLETED
        self._close(entry, output)
        return self._behind(planned, entry)

    def _behind(self, planned: PlannedNode, entry: Entry) -> Flow[None]:
        """Save a node that was completed without an attempt."""
        value = fitting(self._state, self._worker.workflow, lambda: planned.output.decode(entry.output))
        self._results[entry.name] = value
        yield from self._advance()
        context = self._context(entry.name, None, None)
        yield from self._step_told("step:complete", planned, entry, "step_complete", context, value)

    def _known(self, planned: PlannedNode, letter: Letter) -> Flow[None]:
        """Put a commit behind of which somebody knows what came of it."""
        entry = self._entry(planned, StepStatus.COMPLETED)
        self._accept(entry, letter)
        return self._behind(planned, entry)

    def _apply(self, planned: PlannedNode) -> Flow[None]:
        """Pass a completed commit that a retry went back over: its output and changes count again."""
        entry = self._state.kept.pop(planned.node.name)
        self._take_changes(entry)
        self._results[entry.name] = self._kept[entry.name]
        self._state.interruptions = 0
        self._state.close(entry)
        return self._advance()

    def _skip(self, planned: PlannedNode) -> Flow[None]:
        """Pass the node over."""
        entry = self._give_up(planned)
        entry.status = StepStatus.SKIPPED
        entry.attempts = 0  # an interrupted one was none: it ended before the handler was called
        self._close(entry)
        yield from self._advance()
        self._given_up = None
        if self._state.current is None:
            yield from self._step_told("step:skipped", planned, entry)
