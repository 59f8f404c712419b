"""The walk through the nodes of a run that a worker holds: attempts, retries, skips, the end."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, Final, Generic

from flux_core._context import Context, D, I
from flux_core._effects import AwaitThread, Call, Delay, Emit, Invoke, Now
from flux_core._errors import NotSerializable, StepTimeout
from flux_core._events import attempt_event, error_info, run_event, step_event
from flux_core._json import decode
from flux_core._keeping import save
from flux_core._result import Result
from flux_core._state import Entry
from flux_core._status import RunStatus, StepStatus
from flux_core._worker import CLOCK_SKEW, MARGIN

if TYPE_CHECKING:
    from collections.abc import Collection

    from flux_core._effects import Flow, Moment, Outcome
    from flux_core._plan import PlannedNode
    from flux_core._state import RunState
    from flux_core._worker import Worker
    from flux_core._workflow import Workflow


SCALARS: Final = frozenset({type(None), bool, int, float, str, bytes})  # what nobody can change


class Runner(Generic[I, D]):
    """Takes a run that its worker holds from node to node until it ends or is suspended."""

    __slots__ = (
        "_begin_by",
        "_codec",
        "_data",
        "_input",
        "_kept",
        "_monotonic",
        "_nodes",
        "_results",
        "_state",
        "_time",
        "_timed",
        "_worker",
    )

    def __init__(self, worker: Worker, state: RunState, now: Moment, data: D | None = None) -> None:
        plan = worker.workflow.plan
        self._worker = worker
        self._nodes = plan.nodes
        self._codec = plan.data
        self._state = state
        self._time = now.time
        self._monotonic = now.monotonic
        self._input: I = plan.input.decode(state.origin.input)
        self._data: D = plan.data.build(state.data) if data is None else data
        self._results = outputs(worker.workflow, state.history)
        self._timed = plan.timed or worker.policy.timeout is not None  # else one lease fits every node
        self._begin_by = inf  # when a lease that is not renewed is too short for the node that stands next
        self._fit_lease(0.0)
        self._kept = outputs(worker.workflow, state.kept.values())
        for entry in state.kept.values():
            plan.data.build({**state.data, **entry.changes})  # does not fit any more? then not a node is run

    def run(self) -> Flow[Result[D]]:
        """Go on until the run has ended or is suspended."""
        state = self._state
        _, self._time, self._monotonic = yield Now()  # creating or claiming it may have taken long
        while len(state.history) < len(self._nodes):
            if not (yield from self._node(self._nodes[len(state.history)])):
                break
        else:  # the definition has become shorter
            state.end(RunStatus.COMPLETED)
            yield from self._save()
            yield from self._completed_told()
        return Result(state, self._data, self._results)

    def give_up(self, error: Exception) -> Flow[Result[D]]:
        """Tell that the run has failed without an attempt of its next node, and return it."""
        context = self._context(self._nodes[len(self._state.history)].node.name, None)
        yield from self._run_told("workflow:error", "workflow_error", context, error)
        return Result(self._state, self._data, self._results)

    # A node's flow returns whether the run goes on with the next one.

    def _node(self, planned: PlannedNode) -> Flow[bool]:
        """Return the flow of the node, by what may stand before its first attempt."""
        node, timeout = planned.node, planned.node.timeout or self._worker.policy.timeout
        if node.name in self._state.kept:
            return self._apply(planned)
        if node.when is None and self._worker.deadline is None and self._time <= self._begin_by:
            return self._attempts(planned, timeout)
        return self._begin(planned, timeout)

    def _begin(self, planned: PlannedNode, timeout: float | None) -> Flow[bool]:
        """Suspend before the node, skip it, or attempt it."""
        node, current = planned.node, self._state.current
        if not (yield from self._may_begin(timeout)):
            return False
        if node.when is not None and (current is None or not current.failures):
            context = self._context(node.name, None)
            effect = Invoke(node.when, context, None, is_async=False)
            (holds, error), self._time, self._monotonic = yield effect
            self._reload()  # a condition changes nothing
            skip, error = _is_false(holds, error)
            if error is not None:
                return (yield from self._fail(planned, context, error))
            if skip:
                return (yield from self._skip(planned))
        return (yield from self._attempts(planned, timeout))

    def _attempts(self, planned: PlannedNode, timeout: float | None) -> Flow[bool]:
        """Attempt the node until it completes or fails."""
        node, heard = planned.node, self._worker.policy.heard
        while True:
            context = self._context(node.name, timeout)
            if heard:
                yield from self._began(planned, context)
            if (heard or node.when is not None) and not (yield from self._may_begin(timeout)):
                return False  # hooks or the condition have taken the time
            effect = Invoke(node.handler, context, timeout, is_async=planned.is_async)
            (output, error), self._time, self._monotonic = yield effect
            if error is None and (error := self._complete(planned, context, output)) is None:
                _, self._time, self._monotonic = yield from self._save()
                if heard:
                    yield from self._node_completed_told(planned, context, output)
                return self._state.lease is not None
            if not (yield from self._failed_attempt(planned, context, error)):
                return False

    def _complete(self, planned: PlannedNode, context: Context[I, D], output: Any) -> NotSerializable | None:
        """Take what the handler did into the state, or return why it cannot be saved."""
        state = self._state
        try:
            fields = self._codec.fields(context.data)
            text = "null" if output is None else planned.output.encode(output)
        except Exception as error:  # noqa: BLE001 (a user's type may raise anything)
            return NotSerializable(f"step {planned.node.name!r} left what cannot be saved: {error}")
        entry = self._entry(planned, StepStatus.COMPLETED)
        entry.attempts += 1
        entry.completed_at = self._time
        entry.output = text
        before = state.data
        if fields != before:
            entry.note_changes(before, fields)
            state.set_data(fields)
        self._data = context.data
        # a list or an object is kept as it was saved: what is done to it later does not count
        self._results[entry.name] = output if type(output) in SCALARS else planned.output.decode(text)
        state.interruptions = 0
        self._close(entry)
        return None

    def _close(self, entry: Entry) -> None:
        """Put the finished node behind; with the last one the run has completed."""
        self._state.close(entry)
        if len(self._state.history) == len(self._nodes):
            self._state.end(RunStatus.COMPLETED)

    def _skip(self, planned: PlannedNode) -> Flow[bool]:
        """Pass the node over."""
        entry = self._entry(planned, StepStatus.SKIPPED)
        entry.attempts = 0  # an interrupted one was none: it ended before the handler was called
        entry.completed_at = self._time
        return (yield from self._pass(planned, entry, "step:skipped"))

    def _apply(self, planned: PlannedNode) -> Flow[bool]:
        """Pass a completed commit that a retry went back over: its output and changes count again."""
        entry = self._state.kept.pop(planned.node.name)
        fields = dict(self._state.data)
        entry.apply(fields)
        self._state.set_data(fields)
        self._data = self._codec.build(fields)
        self._results[entry.name] = self._kept[entry.name]
        return (yield from self._pass(planned, entry))

    def _pass(self, planned: PlannedNode, entry: Entry, event: str = "") -> Flow[bool]:
        """Save a node that is finished without having run, so that an interruption counts for the one after it."""
        self._close(entry)
        _, self._time, self._monotonic = yield from self._save()
        if event:
            yield from self._step_told(event, planned, entry)
        if self._state.lease is None:
            yield from self._completed_told()
        return self._state.lease is not None

    def _failed_attempt(self, planned: PlannedNode, context: Context[I, D], error: Exception) -> Flow[bool]:
        """Save the failed attempt and wait for the next; return whether there is one in this process."""
        state, policy = self._state, self._worker.policy
        retry = self._worker.retry(planned.node)
        entry = self._entry(planned, StepStatus.RUNNING)
        if entry.failures >= retry.retries or not retry.covers(error):
            return (yield from self._fail(planned, context, error))
        if isinstance(error, StepTimeout) and not (yield from self._thread_ended()):
            return (yield from self._fail(planned, context, error))
        self._reload()
        entry.attempts += 1
        entry.failures += 1
        entry.error = error_info(error, retryable=True)
        state.current = entry
        delay = retry.delay(entry.failures, self._worker.draw())
        yield from self._step_told("step:error", planned, entry, "step_error", context, error)
        yield from self._step_told("step:retry", planned, entry)
        timeout = planned.node.timeout or policy.timeout
        if delay > policy.max_inline_wait or not self._fits(timeout, ahead=delay):
            yield from self._suspend(self._time + delay)
            return False
        yield from self._save(ahead=delay)
        _, self._time, self._monotonic = yield Delay(delay)
        return True

    def _fail(self, planned: PlannedNode, context: Context[I, D], error: Exception) -> Flow[bool]:
        """End the run with the node's failure."""
        state = self._state
        retry = self._worker.retry(planned.node)
        entry = self._entry(planned, StepStatus.FAILED)
        entry.completed_at = self._time
        entry.attempts += 1
        entry.failures += 1
        entry.error = state.error = error_info(error, retryable=retry.covers(error))
        state.current = entry
        self._reload()
        self._state.end(RunStatus.FAILED)
        yield from self._save()
        yield from self._step_told("step:error", planned, entry, "step_error", context, error)
        yield from self._run_told("workflow:error", "workflow_error", context, error)
        return False

    def _thread_ended(self) -> Flow[bool]:
        """Wait for what the timed-out attempt left running, as long as the lease lasts; whether it has ended."""
        assert self._state.lease is not None  # noqa: S101 (a runner's run is held)
        left = self._state.lease.until - self._time
        if self._worker.deadline is not None:
            left = min(left, self._worker.deadline.at - self._monotonic)
        ended, self._time, self._monotonic = yield AwaitThread(max(0.0, left - MARGIN))
        return bool(ended)

    def _suspend(self, wake_at: float) -> Flow[None]:
        state = self._state
        state.change_status(RunStatus.SUSPENDED)
        state.lease, state.wake_at = None, wake_at
        yield from self._save()
        yield from self._run_told("workflow:suspend")

    def _node_completed_told(self, planned: PlannedNode, context: Context[I, D], output: Any) -> Flow[None]:
        entry = self._state.history[-1]
        yield from self._step_told("step:complete", planned, entry, "step_complete", context, output)
        if self._state.lease is None:
            yield from self._run_told("workflow:complete", "workflow_complete", context)

    def _completed_told(self) -> Flow[None]:
        context = self._context(self._nodes[-1].node.name, None)
        yield from self._run_told("workflow:complete", "workflow_complete", context)

    def _save(self, ahead: float = 0.0) -> Flow[Outcome]:
        """Return the flow that saves, with a lease that fits what comes next, `ahead` seconds on."""
        if self._timed or self._time + ahead > self._begin_by:
            self._fit_lease(ahead)
        return save(self._state, self._worker.token, self._time)

    def _fit_lease(self, ahead: float) -> None:
        """Make the lease anew if it is too short for the next node, or far too long."""
        state, worker = self._state, self._worker
        if state.lease is None or worker.deadline is not None:
            return
        work = worker.work(len(state.history))
        least = max(worker.policy.lease / 2, work)
        if not least <= state.lease.until - self._time - ahead <= 2 * worker.span(work):
            state.lease = worker.lease(self._time + ahead, self._monotonic, work)
            state.wake_at = state.lease.until
        self._begin_by = state.lease.until - least

    def _may_begin(self, timeout: float | None) -> Flow[bool]:
        """Suspend the run if too little time is left for work of so many seconds; renew a lease that is short."""
        if not self._fits(timeout):
            yield from self._suspend(self._time)
            return False
        if self._time > self._begin_by:
            _, self._time, self._monotonic = yield from self._save()
        return True

    def _fits(self, seconds: float | None, ahead: float = 0.0) -> bool:
        """Whether the deadline leaves time for the work, by whichever of the two clocks says sooner."""
        deadline, lease = self._worker.deadline, self._state.lease
        if deadline is None or lease is None:
            return True
        gone = deadline.at + CLOCK_SKEW - (lease.until - self._time)  # what the wall clock makes it
        return deadline.leaves(seconds, max(self._monotonic, gone) + ahead)

    def _reload(self) -> None:
        """Take data, results and input as they are saved: what a failed attempt did to them is gone."""
        plan = self._worker.workflow.plan
        self._input = plan.input.decode(self._state.origin.input)
        self._data = plan.data.build(self._state.data)
        self._results = outputs(self._worker.workflow, self._state.history)

    def _entry(self, planned: PlannedNode, status: StepStatus) -> Entry:
        """Return the entry of the node that stands next, with the status."""
        entry = self._state.current
        if entry is None:
            return Entry(planned.node.name, planned.node.kind, self._state.updated_at, status)
        entry.status = status
        return entry

    def _context(self, name: str, timeout: float | None) -> Context[I, D]:
        state, worker = self._state, self._worker
        deadline = worker.deadline.at if worker.deadline else None
        if timeout is not None:
            ends = self._monotonic + timeout
            deadline = ends if deadline is None else min(deadline, ends)
        return Context(
            id=state.id,
            workflow=worker.workflow.name,
            step=name,
            attempt=state.current.attempts + 1 if state.current else 1,
            input=self._input,
            data=self._data,
            results=self._results,
            key=f"{state.id}/{name}/{state.generations.get(name, 1) if state.generations else 1}",
            deadline=deadline,
            monotonic=worker.monotonic,
            report=worker.report,
        )

    # What is told: nothing is built unless somebody listens.

    def _began(self, planned: PlannedNode, context: Context[I, D]) -> Flow[None]:
        policy = self._worker.policy
        if "step_start" in policy.hooks:
            _, self._time, self._monotonic = yield Call("step_start", (context.step, context))
        if policy.traced:
            _, self._time, self._monotonic = yield Emit(
                attempt_event(self._state, planned.node, self._worker.retry(planned.node), self._time)
            )

    def _step_told(
        self, event: str, planned: PlannedNode, entry: Entry, hook: str = "", *arguments: object
    ) -> Flow[None]:
        if hook in self._worker.policy.hooks:
            _, self._time, self._monotonic = yield Call(hook, (planned.node.name, *arguments))
        if self._worker.policy.traced:
            _, self._time, self._monotonic = yield Emit(
                step_event(event, self._state, planned.node, entry, self._time)
            )

    def _run_told(self, event: str, hook: str = "", *arguments: object) -> Flow[None]:
        if hook in self._worker.policy.hooks:
            _, self._time, self._monotonic = yield Call(hook, arguments)
        if self._worker.policy.traced:
            _, self._time, self._monotonic = yield Emit(run_event(event, self._state, self._time))


def _is_false(value: object, error: Exception | None) -> tuple[bool, Exception | None]:
    """Whether a condition's value is false, or why nobody can say so."""
    try:
        return error is None and not value, error
    except Exception as undecided:  # noqa: BLE001 (an array, for one, has no truth)
        return False, undecided


def outputs(workflow: Workflow[Any, Any], entries: Collection[Entry]) -> dict[str, Any]:
    """Return the outputs of the completed nodes, by name, decoded under their types."""
    if not entries:
        return {}
    codecs = {planned.node.name: planned.output for planned in workflow.plan.nodes}
    return {
        entry.name: codecs[entry.name].decode(entry.output) if entry.name in codecs else decode(entry.output)
        for entry in entries
        if entry.status is StepStatus.COMPLETED
    }
