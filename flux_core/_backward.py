"""The way back: the compensations of the completed nodes, in reverse order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from flux_core._context import D, I
from flux_core._effects import Hold, Invoke
from flux_core._entry import Entry
from flux_core._errors import Fatal, NotSerializable
from flux_core._events import error_info
from flux_core._letter import pause_in
from flux_core._result import Result
from flux_core._status import RunStatus, StepStatus
from flux_core._stored import check_size
from flux_core._suspension import Suspension
from flux_core._walk import Walk
from flux_core._workflow import COMMIT

if TYPE_CHECKING:
    from flux_core._context import Context
    from flux_core._effects import Flow, Moment
    from flux_core._letter import Letter
    from flux_core._plan import Plan, PlannedNode
    from flux_core._state import RunState
    from flux_core._worker import Worker

COMPENSATION: Final = "compensation"
ENDINGS: Final = {
    RunStatus.ROLLED_BACK: "workflow:rollback_complete",
    RunStatus.PAUSED: "workflow:suspend",
    RunStatus.ROLLING_BACK: "workflow:suspend",
}


class Backward(Walk[I, D]):
    """Takes a run back, compensation by compensation; each is durable, and made once."""

    __slots__ = ("_due",)

    goes = rests = RunStatus.ROLLING_BACK
    fails = RunStatus.COMPENSATION_FAILED

    def __init__(self, worker: Worker, state: RunState, now: Moment, data: D | None = None) -> None:
        super().__init__(worker, state, now, data)
        self._due = to_compensate(worker.workflow.plan, state)

    def run(self) -> Flow[Result[D]]:
        """Go back until everything is compensated, a compensation has failed, or nobody needs to hold the run."""
        state = self._state
        _, self._time, self._monotonic = yield Hold(state.id, self._worker)
        if not state.undone and state.undoing is None:
            yield from self._run_told("workflow:rollback_start")
        if pause_in(state.inbox):
            yield from self._keep()
        while self._goes_on:
            self._take_late_outcome()
            if self._due:
                yield from self._undo(self._next())
            else:
                yield from self._let_go(RunStatus.ROLLED_BACK)
        if state.status in ENDINGS:
            yield from self._run_told(ENDINGS[state.status])
        return Result(state, self._data, self._results)

    def _verdict(self, status: RunStatus) -> RunStatus:
        if status is self.goes and pause_in(self._state.inbox):
            return RunStatus.PAUSED
        return self.goes if status is RunStatus.ROLLED_BACK and self._late_outcome() else status

    def _next(self) -> PlannedNode:
        """Return the node whose compensation is open, or else the last one that is due."""
        undoing = self._state.undoing
        return next((due for due in self._due if undoing and due.node.name == undoing.name), self._due[-1])

    def _open_entry(self) -> Entry | None:
        if self._state.undoing is None and self._due:
            name = self._due[-1].node.name
            self._state.undoing = Entry(name, COMPENSATION, self._time, StepStatus.COMPENSATING)
        return self._state.undoing

    def _late_outcome(self) -> Letter | None:
        """Return what a worker that was lost in the open commit says came of it."""
        nodes, place = self._worker.workflow.nodes, len(self._state.history)
        return self._state.outcome(nodes[place].name) if place < len(nodes) else None

    def _take_late_outcome(self) -> None:
        """Count that commit as completed, so that it is compensated too."""
        if letter := self._late_outcome():
            planned = self._worker.workflow.plan.nodes[len(self._state.history)]
            entry = self._state.current or Entry(letter.name, COMMIT, self._time)
            self._accept(entry, letter)
            self._results[entry.name] = planned.output.decode(letter.value)
            if planned.node.compensate is not None:
                self._due.append(planned)

    def _undo(self, planned: PlannedNode) -> Flow[None]:
        """Call the node's compensation, once."""
        node, timeout = planned.node, planned.node.timeout or self._worker.policy.timeout
        entry = cast("Entry", self._open_entry())
        if entry.until is not None and self._time < entry.until:
            yield from self._rest(timeout, entry.until)
            return
        if not (yield from self._may_begin(timeout)):
            return
        entry.status = StepStatus.COMPENSATING
        context = self._context(node.name, timeout, entry, "/compensate")
        yield from self._step_told("step:compensate", planned, entry)
        self._tried_at = self._time
        effect = Invoke(planned.compensate, context, timeout, is_async=planned.is_undone_async)
        (output, error), self._time, self._monotonic = yield effect
        if error is None:
            error = self._take(planned, entry, context, output)
        if error is None:
            yield from self._advance()
            yield from self._step_told("step:compensate", planned, entry)
        else:
            yield from self._failed_attempt(planned, context, timeout, error)

    def _take(
        self, planned: PlannedNode, entry: Entry, context: Context[I, D], output: object
    ) -> Exception | None:
        """Take what the compensation did into the state, or return why that cannot be."""
        state = self._state
        if type(output) is Suspension:
            return Fatal(
                f"the compensation of step {entry.name!r} returned {output!r}; it cannot suspend its run"
            )
        try:
            fields = self._codec.fields(context.data)
            check_size(self._worker.policy.largest, fields.values())
        except Exception as error:  # noqa: BLE001 (a user's type may raise anything)
            return NotSerializable(
                f"the compensation of step {entry.name!r} left what cannot be saved: {error}"
            )
        entry.note_changes(state.data, fields)
        state.set_data(fields)
        self._data = context.data
        entry.status, entry.completed_at = StepStatus.COMPENSATED, self._time
        entry.attempts += 1
        if entry.attempts > 1:
            entry.tried_at = self._tried_at
        state.interruptions = 0
        state.close_undone(entry)
        self._due.remove(planned)
        return None

    def _advance(self) -> Flow[None]:
        """Return the flow that saves the compensation; after the last one the run is rolled back."""
        return self._keep() if self._due else self._let_go(RunStatus.ROLLED_BACK)

    def _failed_attempt(
        self, planned: PlannedNode, context: Context[I, D], timeout: float | None, error: Exception
    ) -> Flow[None]:
        """Save the failed attempt and wait until the next is due, or leave the rest to a person."""
        entry = cast("Entry", self._open_entry())
        again = yield from self._may_retry(planned.node, entry, error)
        self._reload()
        if again:
            until = self._back_off(planned.node, entry, error)
            yield from self._step_told("step:error", planned, entry)
            yield from self._step_told("step:retry", planned, entry)
            yield from self._rest(timeout, until)
            return
        entry.status, entry.completed_at = StepStatus.FAILED, self._time
        retryable = self._worker.retry(planned.node).covers(error)
        entry.note_try(self._tried_at, self._time, error_info(error, retryable=retryable))
        yield from self._let_go(RunStatus.COMPENSATION_FAILED)
        yield from self._step_told("step:error", planned, entry)
        yield from self._run_told("workflow:error", "workflow_error", context, error)


def to_compensate(plan: Plan, state: RunState) -> list[PlannedNode]:
    """Return the nodes that have completed and are to be compensated, in the order in which they ran.

    Commits count as well that have completed before a retry went back over them.
    """
    done = {entry.name for entry in state.history if entry.status is StepStatus.COMPLETED}
    done |= state.kept.keys()
    done -= {entry.name for entry in state.undone}
    return [planned for planned in plan.nodes if planned.node.compensate and planned.node.name in done]
