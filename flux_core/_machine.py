"""The machine: who may start, take over, go on with or retry a run. It decides, and does nothing else.

Each method is a generator that yields effects and is sent their outcomes. It touches no clock, thread, store or
socket; a driver does. So it can be stopped at any effect, and two of them can be interleaved in any order.
"""

from __future__ import annotations

from os import urandom
from typing import TYPE_CHECKING, Any, Final, Generic

from flux_core._context import D
from flux_core._effects import Emit, Load, Now, Wake
from flux_core._entry import Origin
from flux_core._errors import Conflict, InvalidInput, NotSerializable, RunBusy, SignalNotExpected
from flux_core._events import display, outside_event, run_event
from flux_core._forward import Forward
from flux_core._ids import check_id, check_letter_id, check_tags
from flux_core._json import encode
from flux_core._keeping import create, load, open_record
from flux_core._letter import OUTCOME, SIGNAL, Letter
from flux_core._outside import (
    Draft,
    ask,
    cancel,
    check_workflow,
    contended,
    not_found,
    resolve,
    take_pause_back,
)
from flux_core._standing import Standing
from flux_core._state import RunState
from flux_core._status import RunStatus
from flux_core._stored import check_size
from flux_core._suspension import signal_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from flux_core._effects import Flow, Moment
    from flux_core._result import Result
    from flux_core._worker import Worker
    from flux_core.storage import Record


UNSAID: Final = object()
SAME_MOMENT: Final = 1.0  # seconds that two times of one wake-up may differ by: a queue counts in whole ones
CLAIMS: Final = 10  # how often a run is looked at again because somebody else wrote it first


class Machine(Generic[D]):
    """The decisions of one worker about runs of one workflow."""

    __slots__ = ("_plan", "_worker", "_workflow")

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._workflow = worker.workflow
        self._plan = worker.workflow.plan

    @property
    def name(self) -> str:
        """The name of the workflow."""
        return self._workflow.name

    def anew(self) -> Machine[D]:
        """Return another instance of the same, with a token of its own."""
        return Machine(self._worker._replace(token=urandom(8).hex()))

    def execute(
        self, given: object, run_id: str | None, tags: Iterable[str] | None, *, retry_failed: bool = False
    ) -> Flow[Result[D]]:
        """Start a run and go on until it ends or is suspended; if the id is taken, go on with that run."""
        now, *_ = yield Now()
        data = self._plan.data.initial()
        try:
            state = self._new(given, data, run_id, tags, now)
        except InvalidInput as error:
            older = yield from self._of_another_version(run_id, error)
            return (yield from self._join(older, given, retry_failed=retry_failed))
        state.change_status(RunStatus.RUNNING)
        state.hold(self._worker.lease(now.time, now.monotonic))
        if stored := (yield from create(state, self._worker.token, now.time)):
            return (yield from self._join(stored, given, retry_failed=retry_failed))
        if self._worker.policy.traced:
            yield Emit(run_event("workflow:start", state, now.time))
        forward: Forward[Any, D] = Forward(self._worker, state, now, data)
        return (yield from forward.run())

    def start(self, given: object, run_id: str | None, tags: Iterable[str] | None) -> Flow[Result[D]]:
        """Save a run that a later `tick` or `resume` will run; if the id is taken, return that run as it stands."""
        now, *_ = yield Now()
        try:
            state = self._new(given, self._plan.data.initial(), run_id, tags, now)
        except InvalidInput as error:
            older = yield from self._of_another_version(run_id, error)
            return (yield from self._opened(older, given)).result()
        state.wake_at = now.time
        if stored := (yield from create(state, self._worker.token, now.time)):
            return (yield from self._opened(stored, given)).result()
        if self._worker.policy.traced:
            yield Emit(run_event("workflow:start", state, now.time))
        yield from self._wake(state)
        return self._standing(state).result()

    def resume(self, run_id: str) -> Flow[Result[D]]:
        """Go on with a stored run if it can go on; otherwise return it as it stands.

        A run that is held, and was asked to pause, is asked to go on instead.
        """
        for _ in range(CLAIMS):
            standing = yield from self._loaded(run_id)
            try:
                return (yield from self._go_on(standing, by_hand=True))
            except RunBusy:
                if (yield from take_pause_back(run_id, self._worker.token)):
                    break
                if (yield from self._loaded(run_id)).state.status is not RunStatus.PAUSED:
                    raise  # else the worker has heard the pause just now
        return (yield from self._loaded(run_id)).result()

    def wake(self, run_id: str, at: float | None) -> Flow[Result[D]]:
        """Go on with a run that is due; one whose time has not come is left to the waker once more.

        Not if the wake-up was asked for another moment: whatever has moved the run's time since has asked for another
        wake-up, and there would be one more on its way for each wait that was answered in time.
        """
        standing = yield from self._loaded(run_id)
        state, (now, *_) = standing.state, (yield Now())
        if state.wake_at is None or state.wake_at > now.time:
            if at is None or state.wake_at is None or abs(state.wake_at - at) <= SAME_MOMENT:
                yield from self._wake(state)
            return standing.result()
        return (yield from self._go_on(standing))

    def go_on(self, record: Record) -> Flow[Result[D]]:
        """Go on with a run that was found due."""
        return (yield from self._go_on((yield from self._opened(record))))

    def retry_step(
        self, run_id: str, step: str, *, redo_commits: bool = False, revision: int | None = None
    ) -> Flow[Result[D]]:
        """Go back to before a step of a run that has ended, and run on from there; see `Engine.retry_step`."""
        if revision is not None and type(revision) is not int:
            raise InvalidInput(f"expected an int, got {revision!r}", path="revision")
        for _ in range(CLAIMS):
            standing = yield from self._loaded(run_id)
            if revision not in {None, standing.state.revision} and not standing.has_retried:
                raise Conflict(
                    f"run {run_id!r} has changed since revision {revision} was looked at; see how it stands now with:"
                    f" flux show {run_id}"
                )
            if result := (yield from standing.retry(step, redo_commits=redo_commits)):
                return result
        raise contended(run_id)

    def signal(
        self, run_id: str, name: str, payload: object, letter_id: str | None, *, run: bool
    ) -> Flow[Result[D]]:
        """Put a signal into the run's inbox, and go on with the run if nobody holds it."""
        value = self._outside_text(lambda: encode(payload), "payload")
        letter_id = self._worker.token if letter_id is None else check_letter_id(letter_id)
        letter = Letter(SIGNAL, letter_id, name=signal_name(name), value=value)

        def allow(draft: Draft) -> bool:
            check_workflow(draft.record, self._workflow.name)
            if draft.status.ended:
                raise SignalNotExpected(
                    f"run {run_id!r} is {draft.status}: it has ended, and no wait will take signal {name!r}; see it"
                    f" with: flux show {run_id}"
                )
            return not draft.back

        record = yield from ask(run_id, self._worker.token, letter, allow)
        if self._worker.policy.traced and record.writer == self._worker.token:
            yield Emit(outside_event("signal:received", record, {"signal": name, "payload": display(value)}))
        return (yield from self._follow(record, run=run))

    def cancel(self, run_id: str, *, compensate: bool) -> Flow[Result[D]]:
        """Cancel a run, or ask the worker that holds it to; roll it back if nobody else does."""
        record = yield from cancel(
            run_id,
            self._worker.token,
            compensate=compensate,
            allow=lambda draft: check_workflow(draft.record, self._workflow.name),
        )
        if self._worker.policy.traced and record.status is RunStatus.CANCELLED:
            yield Emit(outside_event("workflow:cancel", record))
        return (yield from self._follow(record, run=True))

    def resolve(self, run_id: str, step: str, output: object, *, run: bool) -> Flow[Result[D]]:
        """Tell a run that has failed at a commit that the commit did happen, and go on with the run."""
        workflow = (yield from self._loaded(run_id)).workflow
        codec = workflow.plan.nodes[workflow.index(step)].output
        value = self._outside_text(lambda: codec.encode(codec.validate(output)), "output")
        letter = Letter(OUTCOME, self._worker.token, name=step, value=value)
        record = yield from resolve(
            run_id,
            self._worker.token,
            letter,
            lambda draft: check_workflow(draft.record, self._workflow.name),
        )
        return (yield from self._follow(record, run=run))

    def _follow(self, record: Record, *, run: bool) -> Flow[Result[D]]:
        """Go on with a run that a letter was sent to, unless somebody else does; return it as it stands then."""
        standing = yield from self._opened(record)
        if not run:
            yield from self._wake(standing.state)
            return standing.result()
        try:
            return (yield from self._go_on(standing))
        except RunBusy:  # somebody else will hear it
            return (yield from self._loaded(record.id)).result()

    def _go_on(self, standing: Standing[D], *, by_hand: bool = False) -> Flow[Result[D]]:
        """Go on with a run if it can go on; look at it again if somebody else was faster to write it."""
        for _ in range(CLAIMS):
            if result := (yield from standing.go_on(by_hand=by_hand)):
                return result
            standing = yield from self._loaded(standing.state.id)
        raise contended(standing.state.id)

    def _join(self, stored: Record, given: object, *, retry_failed: bool) -> Flow[Result[D]]:
        """Go on with a run that was there when it was to be created."""
        standing = yield from self._opened(stored, given)
        for _ in range(CLAIMS):
            if not (retry_failed and standing.is_worth_retrying):
                return (yield from self._go_on(standing, by_hand=retry_failed and standing.is_stuck))
            if result := (yield from standing.retry(None)):
                return result
            standing = yield from self._loaded(
                standing.state.id
            )  # whoever was faster may have retried it already
        raise contended(standing.state.id)

    def _loaded(self, run_id: str) -> Flow[Standing[D]]:
        state = yield from load(check_id(run_id))
        if state is None:
            raise not_found(run_id)
        check_workflow(state.origin, self._workflow.name)
        return self._standing(state)

    def _opened(self, record: Record, given: object = UNSAID) -> Flow[Standing[D]]:
        """Return the run that the record holds; if an input is given, it must be the run's."""
        standing = self._standing((yield from open_record(record)))
        if given is not UNSAID:
            standing.check_input(given)
        return standing

    def _of_another_version(self, run_id: str | None, error: InvalidInput) -> Flow[Record]:
        """Return the run of that id: an event that another version had started may be delivered again.

        Raises:
            InvalidInput: there is none; the input fits no run.
        """
        if run_id is None or len(self._worker.versions) < 2:  # noqa: PLR2004 (one is no other)
            raise error
        stored, *_ = yield Load(check_id(run_id))
        if stored is None:
            raise error
        record: Record = stored
        return record

    def _standing(self, state: RunState) -> Standing[D]:
        return Standing(self._worker, state)

    def _wake(self, state: RunState) -> Flow[None]:
        """Tell the waker about a run that is left to somebody else."""
        if self._worker.policy.wakes and state.wake_at is not None and state.lease is None:
            yield Wake(state.id, state.wake_at)

    def _new(
        self, given: object, data: D, run_id: str | None, tags: Iterable[str] | None, now: Moment
    ) -> RunState:
        run_id = self._new_id(now.time) if run_id is None else check_id(run_id)
        state = RunState(
            Origin(
                run_id,
                self._workflow.name,
                self._workflow.version,
                self._plan.fingerprint,
                self._encoded(given),
                self._plan.data.fields(data),
                check_tags(tags),
                now.time,
                self._worker.traceparent(run_id, self._workflow.name),
            )
        )
        state.expires_at = self._worker.expiry(now.time)
        return state

    def _encoded(self, given: object) -> str:
        try:
            text = self._plan.input.encode(self._plan.input.validate(given))
            check_size(self._worker.policy.largest, (text,))
        except NotSerializable as error:
            raise InvalidInput(error.reason, path=error.path) from error
        return text

    def _new_id(self, time: float) -> str:
        """Return an id that sorts by the time at which it was made, and that no other worker makes."""
        return f"{round(time * 1000):012x}{self._worker.token}"

    def _outside_text(self, write: Callable[[], str], path: str) -> str:
        """Return the text of a value that came from outside, or raise what is wrong with it and where.

        Raises:
            InvalidInput: it cannot be saved, or is not of the type that it must be.
        """
        try:
            text = write()
            check_size(self._worker.policy.largest, (text,))
        except (InvalidInput, NotSerializable) as error:
            dot = "." if error.path and not error.path.startswith("[") else ""
            raise InvalidInput(error.reason, path=f"{path}{dot}{error.path}") from error
        return text
