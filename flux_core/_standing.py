"""A stored run under the definition that it goes on with: whether it can go on, who may take it, from where."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic

from flux_core._backward import Backward
from flux_core._context import D
from flux_core._definition import check_definition, check_kept, fitting
from flux_core._effects import Emit, Now
from flux_core._errors import InputMismatch, LeaseLost
from flux_core._events import run_event
from flux_core._forward import Forward
from flux_core._going_back import check_ended, check_reached, is_done
from flux_core._keeping import save
from flux_core._letter import PAUSE, RESUME, cancel_in
from flux_core._outside import check_free
from flux_core._result import Result
from flux_core._status import RunStatus
from flux_core._walk import Walk, outputs

if TYPE_CHECKING:
    from flux_core._effects import Flow, Moment
    from flux_core._state import RunState
    from flux_core._worker import Worker


class Standing(Generic[D]):
    """A run as it was read, in the eyes of a worker that may go on with it."""

    __slots__ = ("_plan", "_worker", "state", "workflow")

    def __init__(self, worker: Worker, state: RunState) -> None:
        self.workflow = worker.versions.get(state.origin.version, worker.workflow)
        self._worker = worker._replace(workflow=self.workflow)
        self._plan = self.workflow.plan
        self.state = state

    @property
    def is_worth_retrying(self) -> bool:
        """Whether the run has failed with an error that trying again could help."""
        state = self.state
        return state.status is RunStatus.FAILED and state.error is not None and state.error.retryable

    @property
    def is_stuck(self) -> bool:
        """Whether the run's rollback has failed."""
        return self.state.status is RunStatus.COMPENSATION_FAILED

    @property
    def has_retried(self) -> bool:
        """Whether this worker has gone back in the run already."""
        return self._worker.token in self.state.received

    def result(self) -> Result[D]:
        """Return the run as it stands.

        Raises:
            DefinitionChanged: what it has saved does not fit the types any more.
        """
        state = self.state
        counts = [*state.history, *state.kept.values()] if state.back else state.history
        data = fitting(self.state, self.workflow, lambda: self._plan.data.build(state.data))
        return Result(state, data, fitting(self.state, self.workflow, lambda: outputs(self.workflow, counts)))

    def go_on(self, *, by_hand: bool) -> Flow[Result[D] | None]:
        """Go on with the run, if it can go on, and return it; None if somebody else was faster to write it.

        Args:
            by_hand: whether a person asks: only then does one go on that is paused, or whose rollback has failed.

        Raises:
            RunBusy: a worker holds the run.
            DefinitionChanged: the run does not go on under this definition.
        """
        state = self.state
        now, *_ = yield Now()
        if not self._can_go_on(now.time, by_hand=by_hand):
            return self.result()
        check_free(state.id, state.lease, now.time)
        check_definition(state, self.workflow, len(state.history) + 1)
        check_kept(state.id, state.kept, self.workflow)
        lost = state.lease is not None or state.lost
        state.lost = False
        self._take(now, by_hand=by_hand)
        walk = self._walk(now)
        looping = walk.count_interruption() if lost else None
        if not (yield from self._claim(now)):
            return None
        return (yield from (walk.give_up(looping) if looping else walk.run()))

    def retry(self, step: str | None, *, redo_commits: bool = False) -> Flow[Result[D] | None]:
        """Go back to before a step, or to the one that failed, and run on; None if somebody else was faster.

        Raises:
            StepNotFound: the workflow has no such node.
            NotRetryable: the run or the step is not one that can be retried.
            RunBusy: a worker holds the run.
            DefinitionChanged: the run does not go on under this definition.
        """
        state = self.state
        if self.has_retried:  # before its answer was lost
            return (yield from self.go_on(by_hand=False))
        position = len(state.history) if step is None else self.workflow.index(step)
        now, *_ = yield Now()
        self._check_retryable(position, now.time, redo_commits=redo_commits)
        self._go_back(position, redo_commits=redo_commits)
        state.expires_at = self._worker.expiry(now.time)  # it begins anew
        self._take(now, by_hand=True)
        walk = self._walk(now)
        return (yield from walk.run()) if (yield from self._claim(now, position)) else None

    def check_input(self, given: object) -> None:
        """Refuse another input under the same id; both are compared under the type as it is now.

        Raises:
            InputMismatch: it is another.
        """
        state, codec = self.state, self._plan.input
        if state.origin.workflow != self.workflow.name:
            raise InputMismatch(
                f"the id {state.id!r} is taken by a run of workflow {state.origin.workflow!r}; use another id"
            )
        text = codec.encode(codec.validate(given))
        saved = fitting(self.state, self.workflow, lambda: codec.decode(state.origin.input))
        if codec.encode(saved) != text and saved != codec.decode(text):
            raise InputMismatch(
                f"run {state.id!r} was started with a different input; the same id must mean the same input"
            )

    def _can_go_on(self, time: float, *, by_hand: bool) -> bool:
        """Whether there is anything to do for a worker."""
        state = self.state
        if state.status is RunStatus.COMPENSATION_FAILED:
            return by_hand
        if state.status is RunStatus.PAUSED:
            return by_hand or (not state.back and cancel_in(state.inbox) is not None)
        if state.status is RunStatus.FAILED:
            return state.current is not None and state.outcome(state.current.name) is not None
        if state.status.ended:
            return False
        if state.status in (RunStatus.PENDING, RunStatus.RUNNING) or state.lease is not None:
            return True
        return state.wake_at is not None and state.wake_at <= time

    def _claim(self, now: Moment, back_to: int | None = None) -> Flow[bool]:
        """Save what was decided about a run that nobody holds; return whether nobody else wrote it first.

        Args:
            now: the moment of the decision.
            back_to: the position of the node that a retry goes back to.
        """
        state = self.state
        try:
            yield from save(state, self._worker.token, now.time)
        except LeaseLost:
            return False
        if self._worker.policy.traced and not state.status.ended:
            yield Emit(run_event("workflow:resume", state, now.time, back_to))
        return True

    def _take(self, now: Moment, *, by_hand: bool) -> None:
        """Let the worker hold the run; it goes on in the direction in which it stood."""
        state = self.state
        if by_hand or state.status.ended:
            state.inbox = [letter for letter in state.inbox if letter.kind not in (PAUSE, RESUME)]
        if state.status is RunStatus.COMPENSATION_FAILED and state.undoing is not None:
            state.undoing.failures = state.interruptions = 0
        elif state.status is RunStatus.FAILED:
            state.error, state.interruptions = None, 0
            state.expires_at = self._worker.expiry(now.time)
        status = RunStatus.ROLLING_BACK if state.back else RunStatus.RUNNING
        if state.status is not status:
            state.change_status(status)
        state.hold(self._worker.lease(now.time, now.monotonic))

    def _go_back(self, position: int, *, redo_commits: bool) -> None:
        """Forget the nodes from that place on; completed commits are kept, or made due under a new generation."""
        state = self.state
        state.set_data(state.data_before(position))
        for entry in [*state.cut(position), *state.kept.values()]:
            if not is_done(entry):
                continue
            if not redo_commits:
                state.kept[entry.name] = entry
            else:
                state.kept.pop(entry.name, None)
                state.generations[entry.name] = state.generation(entry.name) + 1
        check_kept(state.id, state.kept, self.workflow)
        state.error = None
        state.interruptions = 0
        state.note(self._worker.token)

    def _walk(self, now: Moment) -> Walk[Any, D]:
        """Return what goes on with the run; made before the run is claimed, since its values may not fit any more."""
        way: type[Walk[Any, D]] = Backward if self.state.back else Forward
        return fitting(self.state, self.workflow, lambda: way(self._worker, self.state, now))

    def _check_retryable(self, position: int, time: float, *, redo_commits: bool) -> None:
        state = self.state
        check_free(state.id, state.lease, time)
        check_ended(state.id, state.status)
        check_definition(state, self.workflow, position + 1)
        step = self.workflow.nodes[position].name
        check_reached(state.id, step, state.entries[position:], redo_commits=redo_commits)
