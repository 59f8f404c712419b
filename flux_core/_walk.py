"""What walking forward and going back have in common: a run in a worker's hands, its time, its saves, its telling."""

from __future__ import annotations

from abc import ABC, abstractmethod
from math import inf
from typing import TYPE_CHECKING, Any, Generic, NamedTuple

from flux_core._context import Context, D, I
from flux_core._effects import AwaitThread, Call, Delay, Emit, Wake
from flux_core._errors import CrashLoop, StepTimeout
from flux_core._events import error_info, run_event, step_event
from flux_core._json import decode
from flux_core._keeping import save
from flux_core._letter import still_to_serve
from flux_core._result import Result
from flux_core._status import HELD, RunStatus, StepStatus
from flux_core._worker import CLOCK_SKEW, MARGIN

if TYPE_CHECKING:
    from collections.abc import Collection

    from flux_core._effects import Flow, Moment
    from flux_core._entry import Entry
    from flux_core._letter import Letter
    from flux_core._plan import PlannedNode
    from flux_core._state import RunState
    from flux_core._worker import Worker
    from flux_core._workflow import Node, Workflow


class GivenUp(NamedTuple):
    """A node that has failed or was passed over, as it stood before: until that is saved, a letter may answer it."""

    entry: Entry
    place: int
    data: dict[str, str]


class Walk(ABC, Generic[I, D]):
    """A run that a worker holds, on its way from node to node."""

    __slots__ = (
        "_codec",
        "_data",
        "_given_up",
        "_input",
        "_monotonic",
        "_results",
        "_short_at",
        "_state",
        "_time",
        "_tried_at",
        "_worker",
    )

    goes: RunStatus
    """The status of a run on this way."""
    rests: RunStatus
    """The status of a run that waits on this way."""
    fails: RunStatus
    """The status of a run that cannot go on this way."""

    def __init__(self, worker: Worker, state: RunState, now: Moment, data: D | None = None) -> None:
        plan = worker.workflow.plan
        self._worker = worker
        self._state = state
        self._time, self._monotonic = now
        self._codec = plan.data
        self._input: I = plan.input.decode(state.origin.input)
        self._data: D = plan.data.build(state.data) if data is None else data
        self._results = self._outputs()
        self._short_at = inf  # when less than half of the lease is left, and it is to be made anew
        self._watch_lease()
        self._tried_at = self._time  # when the last attempt was begun
        self._given_up: GivenUp | None = None

    @abstractmethod
    def _verdict(self, status: RunStatus) -> RunStatus:
        """Return what becomes of a decision for that status once the inbox has been read."""

    @abstractmethod
    def _open_entry(self) -> Entry | None:
        """Return the entry of what stands next, now in the state; None if nothing does."""

    @abstractmethod
    def run(self) -> Flow[Result[D]]:
        """Go on until the run has ended or nobody needs to hold it."""

    def count_interruption(self) -> CrashLoop | None:
        """Record that the worker before was lost; if that was once too often, end the run and return why."""
        state, entry = self._state, self._open_entry()
        if entry is None:
            return None
        state.interruptions += 1
        if entry.status is not StepStatus.SUSPENDED:
            entry.attempts += 1
        if state.interruptions < self._worker.policy.max_interruptions:
            return None
        error = CrashLoop(
            f"{entry.kind} {entry.name!r} lost its worker {state.interruptions} times in a row: out of memory, a"
            " crash, or a time-out of the platform? See to the cause, then retry the step"
        )
        entry.status = StepStatus.FAILED
        entry.error = error_info(error, retryable=False)
        state.error = state.error or entry.error
        state.change_status(self.fails)
        state.let_go()
        return error

    def give_up(self, error: Exception) -> Flow[Result[D]]:
        """Tell that the run has failed without an attempt of what stands next, and return it."""
        entry = self._open_entry()
        context = self._context(entry.name if entry else "", None, entry)
        yield from self._run_told("workflow:error", "workflow_error", context, error)
        return Result(self._state, self._data, self._results)

    # Saving. What was decided stands only once it is saved: if letters came before that, it is decided anew.

    def _keep(self, status: RunStatus | None = None) -> Flow[None]:
        """Save the run, and go on holding it, unless its inbox has it otherwise."""
        state = self._state
        if status is None and not state.inbox:
            if self._time > self._short_at:
                self._renew()
            met, self._time, self._monotonic = yield from save(state, self._worker.token, self._time)
            if not met:
                return
            self._watch_lease()
        yield from self._settle(status or state.status, None, held=True)

    def _let_go(self, status: RunStatus, wake_at: float | None = None) -> Flow[None]:
        """Save the run with nobody holding it, unless its inbox has it otherwise."""
        state = self._state
        if state.expires_at is not None and status is RunStatus.SUSPENDED:
            wake_at = state.expires_at if wake_at is None else min(wake_at, state.expires_at)
        yield from self._settle(status, wake_at, held=False)
        if self._worker.policy.wakes and state.lease is None and state.wake_at is not None:
            _, self._time, self._monotonic = yield Wake(state.id, state.wake_at)

    def _settle(self, status: RunStatus, wake_at: float | None, *, held: bool) -> Flow[None]:
        """Save the run with what its inbox makes of the status; once more if letters come before the save."""
        state, met = self._state, True
        before = state.status, state.back
        while met:
            if state.inbox:
                state.inbox = still_to_serve(state.inbox, state.history)
                if self._is_taken_back():
                    return
            verdict = self._verdict(status)
            if verdict is RunStatus.ROLLING_BACK and not state.back:
                self._take_kept()
            if verdict is not state.status:
                state.change_status(verdict)
            if verdict not in HELD or (verdict is status and not held):
                state.let_go(wake_at if verdict is status else None)
            elif self._time > self._short_at:
                self._renew()
            met, self._time, self._monotonic = yield from save(state, self._worker.token, self._time)
            if met:
                state.status, state.back = before
                self._watch_lease()

    def _is_taken_back(self) -> bool:
        """Whether a letter answers the node that was given up; then it stands open again, as if nothing had been."""
        state, given_up = self._state, self._given_up
        if given_up is None:
            return False
        entry, place, data = given_up
        if not (state.outcome(entry.name) or (entry.signal is not None and state.signal(entry.signal))):
            return False
        del state.history[place:]
        state.current, state.error = entry, None
        state.set_data(data)
        self._reload()
        return True

    def _renew(self) -> None:
        """Make the lease anew."""
        self._state.hold(self._worker.lease(self._time, self._monotonic))
        self._watch_lease()

    def _watch_lease(self) -> None:
        lease, worker = self._state.lease, self._worker
        if lease is not None and worker.deadline is None:
            self._short_at = lease.until - worker.policy.lease / 2

    @property
    def _goes_on(self) -> bool:
        """Whether the worker still holds the run, and it still goes this way."""
        return self._state.lease is not None and self._state.status is self.goes

    # Time: the deadline of the invocation, by whichever of the two clocks says sooner.

    def _may_begin(self, timeout: float | None) -> Flow[bool]:
        """Let the run go if too little time is left for work of so many seconds; renew a lease that is short."""
        if not self._fits(timeout):
            yield from self._let_go(self.rests, self._time)
            return False
        if self._time > self._short_at:
            yield from self._keep()
        return self._goes_on

    def _fits(self, seconds: float | None, ahead: float = 0.0) -> bool:
        """Whether the deadline leaves time for the work."""
        deadline, lease = self._worker.deadline, self._state.lease
        if deadline is None or lease is None:
            return True
        gone = deadline.killed + CLOCK_SKEW - (lease.until - self._time)  # what the wall clock makes it
        return deadline.leaves(seconds, max(self._monotonic, gone) + ahead)

    def _rest(self, timeout: float | None, until: float) -> Flow[None]:
        """Wait until then: in the process if that is soon enough, else let the run go."""
        delay = max(0.0, until - self._time)
        if delay > self._worker.policy.max_inline_wait or not self._fits(timeout, ahead=delay):
            yield from self._let_go(self.rests, until)
        else:
            yield from self._keep()
            if self._goes_on:
                _, self._time, self._monotonic = yield Delay(delay)

    # Attempts that failed.

    def _may_retry(self, node: Node, entry: Entry, error: Exception) -> Flow[bool]:
        """Whether there is a next attempt; not while the thread of one that timed out still runs."""
        retry = self._worker.retry(node)
        if entry.failures >= retry.retries or not retry.covers(error):
            return False
        return not isinstance(error, StepTimeout) or (yield from self._thread_ended())

    def _back_off(self, node: Node, entry: Entry, error: Exception) -> float:
        """Take the failed attempt into its entry, and return when the next is due."""
        retry = self._worker.retry(node)
        entry.note_try(self._tried_at, self._time, error_info(error, retryable=True))
        entry.intent = False
        entry.until = self._time + retry.delay(entry.failures, self._worker.draw())
        return entry.until

    def _thread_ended(self) -> Flow[bool]:
        """Wait for what the timed-out attempt left running, as long as the lease lasts; whether it has ended."""
        assert self._state.lease is not None  # noqa: S101 (a walk's run is held)
        left = self._state.lease.until - self._time
        if self._worker.deadline is not None:
            left = min(left, self._worker.deadline.at - self._monotonic)
        ended, self._time, self._monotonic = yield AwaitThread(max(0.0, left - MARGIN))
        return bool(ended)

    # Nodes that are put behind.

    def _close(self, entry: Entry, output: str = "null") -> None:
        """Put the finished node behind."""
        state = self._state
        entry.completed_at = self._time
        entry.output = output
        if entry.status is StepStatus.COMPLETED:
            state.interruptions = 0
        state.close(entry)

    def _accept(self, entry: Entry, letter: Letter) -> None:
        """Complete the open commit with what somebody knows of it."""
        entry.status = StepStatus.COMPLETED
        entry.attempts = max(1, entry.attempts)
        state = self._state
        if (entry.changes or entry.removed) and not state.back:  # of a handler that has suspended the run
            state.set_data(state.data_before(len(state.history)))
        entry.changes, entry.removed = letter.changes, letter.removed
        self._take_changes(entry)
        self._close(entry, letter.value)

    def _take_changes(self, entry: Entry) -> None:
        """Change data as the node did."""
        fields = dict(self._state.data)
        entry.apply(fields)
        self._state.set_data(fields)
        self._data = self._codec.build(fields)

    def _take_kept(self) -> None:
        """Let completed commits that a retry went back over count again: their compensations look at what they did."""
        for node in self._worker.workflow.nodes:
            if entry := self._state.kept.get(node.name):
                self._take_changes(entry)

    # What a handler is given.

    def _reload(self) -> None:
        """Take data, results and input as they are saved: what a failed attempt did to them is gone."""
        plan = self._worker.workflow.plan
        self._input = plan.input.decode(self._state.origin.input)
        self._data = plan.data.build(self._state.data)
        self._results = self._outputs()

    def _outputs(self) -> dict[str, Any]:
        """Return the outputs of the nodes that count; on the way back, of those that a retry went back over too."""
        state = self._state
        return outputs(
            self._worker.workflow, [*state.history, *state.kept.values()] if state.back else state.history
        )

    def _context(
        self, name: str, timeout: float | None, entry: Entry | None, suffix: str = ""
    ) -> Context[I, D]:
        state, worker = self._state, self._worker
        deadline = worker.deadline.at if worker.deadline else None
        if timeout is not None:
            ends = self._monotonic + timeout
            deadline = ends if deadline is None else min(deadline, ends)
        return Context(
            id=state.id,
            workflow=worker.workflow.name,
            step=name,
            attempt=entry.attempts + 1 if entry else 1,
            input=self._input,
            data=self._data,
            results=self._results,
            key=f"{state.id}/{name}/{state.generation(name)}{suffix}",
            deadline=deadline,
            monotonic=worker.monotonic,
            report=worker.report,
        )

    # What is told: nothing is built unless somebody listens.

    def _step_told(
        self, event: str, planned: PlannedNode, entry: Entry, hook: str = "", *arguments: object
    ) -> Flow[None]:
        if hook in self._worker.policy.hooks:
            _, self._time, self._monotonic = yield Call(hook, (planned.node.name, *arguments))
        if self._worker.policy.traced:
            _, self._time, self._monotonic = yield Emit(
                step_event(event, self._state, planned, entry, self._time)
            )

    def _run_told(self, event: str, hook: str = "", *arguments: object) -> Flow[None]:
        if hook in self._worker.policy.hooks:
            _, self._time, self._monotonic = yield Call(hook, arguments)
        if self._worker.policy.traced:
            _, self._time, self._monotonic = yield Emit(run_event(event, self._state, self._time))


def outputs(workflow: Workflow[Any, Any], entries: Collection[Entry]) -> dict[str, Any]:
    """Return the outputs of the completed nodes, by name, decoded under their types."""
    if not entries:
        return {}
    nodes = workflow.plan.by_name
    return {
        entry.name: nodes[entry.name].output.decode(entry.output)
        if entry.name in nodes
        else decode(entry.output)
        for entry in entries
        if entry.status is StepStatus.COMPLETED
    }
