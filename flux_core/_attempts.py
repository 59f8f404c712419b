"""One attempt of a node: its call, what it did taken into the run, or its failure."""

from __future__ import annotations

from abc import abstractmethod
from copy import copy
from math import inf
from typing import TYPE_CHECKING, Any, Final

from flux_core._backward import to_compensate
from flux_core._context import D, I
from flux_core._effects import Call, Emit, Invoke
from flux_core._entry import Entry
from flux_core._errors import (
    Interrupted,
    LeaseLost,
    NotSerializable,
    OutcomeUnknown,
    StepTimeout,
    WorkflowTimeout,
)
from flux_core._events import attempt_event, error_info
from flux_core._keeping import save
from flux_core._outside import tell_outcome
from flux_core._status import RunStatus, StepStatus
from flux_core._stored import check_size
from flux_core._suspension import Suspension
from flux_core._walk import GivenUp, Walk
from flux_core._workflow import COMMIT

if TYPE_CHECKING:
    from flux_core._context import Context
    from flux_core._effects import Flow, Moment
    from flux_core._plan import PlannedNode
    from flux_core._state import RunState
    from flux_core._worker import Worker

SCALARS: Final = frozenset({type(None), bool, int, float, str, bytes})  # what nobody can change


class Attempts(Walk[I, D]):
    """The walk forward, as far as it is about the node that stands next."""

    __slots__ = ("_begun",)

    def __init__(self, worker: Worker, state: RunState, now: Moment, data: D | None = None) -> None:
        super().__init__(worker, state, now, data)
        # When the last attempt began that listeners were told of: what they took before is none of its time.
        self._begun = 0.0

    def _attempt(self, planned: PlannedNode, timeout: float | None) -> Flow[None]:
        """Call the node's handler, once."""
        node, heard = planned.node, self._worker.policy.heard
        context = self._context(node.name, timeout, self._state.current)
        if heard:
            yield from self._began(planned, context)
        if (heard or node.when is not None) and not (yield from self._may_begin(timeout)):
            return  # hooks or the condition have taken the time
        if node.once and not (yield from self._intend(planned)):
            return
        self._tried_at = self._time
        effect = Invoke(planned.handler, context, timeout, is_async=planned.is_async)
        (output, error), self._time, self._monotonic = yield effect
        if error is not None or (error := self._take(planned, context, output)) is not None:
            yield from self._failed_attempt(planned, context, timeout, error)
        elif self._state.current is not None:
            yield from self._awaited(planned, self._state.current)
        else:
            yield from self._told_if_lost(self._advance()) if node.kind == COMMIT else self._advance()
            if heard:
                entry = self._state.history[-1]
                yield from self._step_told("step:complete", planned, entry, "step_complete", context, output)

    @abstractmethod
    def _awaited(self, planned: PlannedNode, entry: Entry) -> Flow[None]:
        """Go on with a node that stands open, for as long as its sleep or its wait lasts."""

    def _intend(self, planned: PlannedNode) -> Flow[bool]:
        """Save that an attempt is about to be made which must not be made again; return whether to make it."""
        state = self._state
        state.current = entry = self._entry(planned, StepStatus.RUNNING)
        entry.intent = True
        while True:
            if self._time > self._short_at:
                self._renew()
            met, self._time, self._monotonic = yield from save(state, self._worker.token, self._time)
            if not met:
                return True
            self._watch_lease()
            if self._verdict(self.goes) is not self.goes or state.outcome(entry.name):
                entry.intent = False
                yield from self._keep()
                return False

    def _take(self, planned: PlannedNode, context: Context[I, D], output: Any) -> NotSerializable | None:
        """Take what the handler did into the state, or return why it cannot be saved."""
        state = self._state
        suspended = type(output) is Suspension
        try:
            fields = self._codec.fields(context.data)
            text = "null" if suspended else planned.output.encode(output)
            if (largest := self._worker.policy.largest) < inf:
                check_size(largest, (text, *fields.values()))
        except Exception as error:  # noqa: BLE001 (a user's type may raise anything)
            return NotSerializable(f"step {planned.node.name!r} left what cannot be saved: {error}")
        entry = self._entry(planned, StepStatus.COMPLETED)
        entry.attempts += 1
        if entry.attempts > 1:
            entry.tried_at = self._tried_at
        before = state.data
        if fields != before:
            entry.note_changes(before, fields)
            state.set_data(fields)
        self._data = context.data
        if suspended:
            self._open(entry, output)
        else:
            # a list or an object is kept as it was saved: what is done to it later does not count
            self._results[entry.name] = output if type(output) in SCALARS else planned.output.decode(text)
            self._close(entry, text)
        return None

    def _open(self, entry: Entry, suspension: Suspension) -> None:
        """Let the node stand open for as long as that says."""
        entry.status, entry.intent, entry.signal = StepStatus.SUSPENDED, False, suspension.signal
        length = inf if suspension.seconds is None else suspension.seconds
        entry.until = None if length == inf else self._time + length
        self._state.current = entry

    def _advance(self) -> Flow[None]:
        """Return the flow that saves the node that was just put behind; after the last one the run has completed."""
        place, nodes = len(self._state.history), self._worker.workflow.plan.nodes
        if place == len(nodes):
            return self._let_go(RunStatus.COMPLETED)
        if self._worker.policy.sparing and not nodes[place - 1].is_durable:
            return _nothing()
        return self._keep()

    def _told_if_lost(self, flow: Flow[None]) -> Flow[None]:
        """Save a commit that was made; what came of it is left in the inbox of a run that somebody else has taken over.

        Raises:
            LeaseLost: somebody has.
        """
        state, entry = self._state, self._state.history[-1]
        try:
            yield from flow
        except LeaseLost:
            generation = state.generation(entry.name)
            yield from tell_outcome(state.id, entry, generation, self._worker.token)
            raise

    def _failed_attempt(
        self, planned: PlannedNode, context: Context[I, D], timeout: float | None, error: Exception
    ) -> Flow[None]:
        """Save the failed attempt and wait until the next is due, or fail the node."""
        node = planned.node
        if node.once and isinstance(error, StepTimeout | OutcomeUnknown):
            yield from self._fail(planned, context, interrupted(planned, error))
            return
        entry = self._entry(planned, StepStatus.RUNNING)
        if not (yield from self._may_retry(node, entry, error)):
            yield from self._fail(planned, context, error)
            return
        self._reload()
        until = self._back_off(node, entry, error)
        self._state.current = entry
        yield from self._step_told("step:error", planned, entry, "step_error", context, error)
        yield from self._step_told("step:retry", planned, entry)
        yield from self._rest(timeout, until)

    def _fail(
        self, planned: PlannedNode, context: Context[I, D], error: Exception, *, attempted: bool = True
    ) -> Flow[None]:
        """Fail the node, and with it the run: it turns back if there is anything to compensate."""
        state = self._state
        entry = self._give_up(planned)
        if isinstance(error, WorkflowTimeout):  # no signal stands against that
            self._given_up = None
        if (
            entry.changes or entry.removed
        ):  # of a handler that has suspended the run, and is now to count as failed
            state.set_data(state.data_before(len(state.history)))
            entry.changes, entry.removed = {}, ()
        entry.status, entry.completed_at = StepStatus.FAILED, self._time
        entry.until = entry.signal = None
        entry.intent = False
        retryable = self._worker.retry(planned.node).covers(error)
        state.error = error_info(error, retryable=retryable)
        if attempted:
            entry.note_try(self._tried_at, self._time, state.error)
        else:
            entry.error = state.error
        state.current = entry
        self._reload()
        if self._has_compensation() and not isinstance(error, Interrupted):
            yield from self._keep(RunStatus.ROLLING_BACK)
        else:
            yield from self._let_go(RunStatus.FAILED)
        self._given_up = None
        if state.current is entry:
            yield from self._step_told("step:error", planned, entry, "step_error", context, error)
            yield from self._run_told("workflow:error", "workflow_error", context, error)

    def _give_up(self, planned: PlannedNode) -> Entry:
        """Return the entry of the node that is about to be given up; how it stands now is remembered."""
        state = self._state
        entry = self._entry(planned, state.current.status if state.current else StepStatus.RUNNING)
        self._given_up = GivenUp(copy(entry), len(state.history), state.data)
        return entry

    def _has_compensation(self) -> bool:
        """Whether there is anything to compensate."""
        return bool(to_compensate(self._worker.workflow.plan, self._state))

    def _entry(self, planned: PlannedNode, status: StepStatus) -> Entry:
        """Return the entry of the node that stands next, with the status."""
        entry = self._state.current
        if entry is None:
            began = self._since() if self._worker.policy.sparing else self._state.updated_at
            return Entry(planned.node.name, planned.node.kind, max(began, self._begun), status)
        entry.status = status
        return entry

    def _since(self) -> float:
        """Return when the node that stands next began, if the one before it need not have been saved."""
        state = self._state
        ended = state.history[-1].completed_at if state.history else None
        return max(state.updated_at, ended or 0.0)

    def _began(self, planned: PlannedNode, context: Context[I, D]) -> Flow[None]:
        policy = self._worker.policy
        self._begun = self._time
        if "step_start" in policy.hooks:
            _, self._time, self._monotonic = yield Call("step_start", (context.step, context))
        if policy.traced:
            _, self._time, self._monotonic = yield Emit(
                attempt_event(self._state, planned, self._worker.retry(planned.node), self._time)
            )


def _nothing() -> Flow[None]:
    """Return the flow that does nothing."""
    yield from ()


def interrupted(planned: PlannedNode, cause: Exception | None = None) -> Interrupted:
    """Return the error that says that nobody knows whether the commit happened."""
    why = "its worker was lost" if cause is None else str(cause) or type(cause).__name__
    error = Interrupted(
        f"nobody knows whether commit {planned.node.name!r} happened: {why}. See to it; if it did, resolve it with"
        " its output, and if it did not, retry it"
    )
    error.__cause__ = cause
    return error
