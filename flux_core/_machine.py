"""The machine: who may start, take over, go on with or retry a run. It decides, and does nothing else.

Each method is a generator that yields effects and is sent their outcomes. It touches no clock, thread, store or
socket; a driver does. So it can be stopped at any effect, and two of them can be interleaved in any order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Generic

from flux_core._context import D
from flux_core._effects import Delete, Emit, Find, Load, Now
from flux_core._errors import (
    CrashLoop,
    DefinitionChanged,
    InputMismatch,
    InvalidInput,
    LeaseLost,
    NotRetryable,
    NotSerializable,
    RunBusy,
    RunNotFound,
    StoreError,
)
from flux_core._events import error_info, run_event
from flux_core._ids import check_id
from flux_core._keeping import create, load, open_record, save
from flux_core._listeners import report_failure
from flux_core._result import Result
from flux_core._runner import Runner, outputs
from flux_core._state import Entry, Lease, Origin, RunState
from flux_core._status import RunStatus, StepStatus
from flux_core._views import run_view
from flux_core._workflow import COMMIT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from flux_core._effects import Flow, Moment, T
    from flux_core._run import Run
    from flux_core._worker import Worker
    from flux_core.storage import Query, Record


LAST_MOMENT: Final = 253_402_300_799.0  # the end of the year 9999, in Unix seconds
CLAIMS: Final = 10  # how often a run is looked at again because somebody else wrote it first


class Machine(Generic[D]):
    """The decisions of one worker about runs of one workflow."""

    __slots__ = ("_plan", "_worker", "_workflow")

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._workflow = worker.workflow
        self._plan = worker.workflow.plan

    def execute(
        self, given: object, run_id: str | None, tags: Iterable[str] | None, *, retry_failed: bool = False
    ) -> Flow[Result[D]]:
        """Start a run and go on until it ends or is suspended; if the id is taken, go on with that run."""
        now, *_ = yield Now()
        data = self._plan.data.initial()
        state = self._new(given, data, run_id, tags, now)
        self._take(state, now)
        if stored := (yield from create(state, self._worker.token, now.time)):
            return (yield from self._join(stored, given, retry_failed=retry_failed))
        if self._worker.policy.traced:
            yield from self._emit("workflow:start", state, now)
        runner: Runner[Any, D] = Runner(self._worker, state, now, data)
        return (yield from runner.run())

    def start(self, given: object, run_id: str | None, tags: Iterable[str] | None) -> Flow[Result[D]]:
        """Save a run that a later `tick` or `resume` will run; if the id is taken, return that run as it stands."""
        now, *_ = yield Now()
        state = self._new(given, self._plan.data.initial(), run_id, tags, now)
        state.wake_at = now.time
        if stored := (yield from create(state, self._worker.token, now.time)):
            state = yield from open_record(stored)
            self._check_input(state, given)
        else:
            yield from self._emit("workflow:start", state, now)
        return self._result(state)

    def resume(self, run_id: str) -> Flow[Result[D]]:
        """Go on with a stored run if it can go on; otherwise return it as it stands."""
        return (yield from self._go_on((yield from self._load(run_id))))

    def go_on(self, record: Record) -> Flow[Result[D]]:
        """Go on with a run that was found, as `resume` does."""
        return (yield from self._go_on((yield from open_record(record))))

    def retry_step(self, run_id: str, step: str, *, redo_commits: bool = False) -> Flow[Result[D]]:
        """Go back to before a step of a run that has ended, and run on from there."""
        position = self._workflow.index(step)
        for _ in range(CLAIMS):
            state = yield from self._load(run_id)
            if runner := (yield from self._retry(state, position, redo_commits=redo_commits)):
                return (yield from runner.run())
        raise _contended(run_id)

    def _new(
        self, given: object, data: D, run_id: str | None, tags: Iterable[str] | None, now: Moment
    ) -> RunState:
        return RunState(
            Origin(
                self._new_id(now.time) if run_id is None else check_id(run_id),
                self._workflow.name,
                self._workflow.version,
                self._plan.fingerprint,
                self._encoded(given),
                self._plan.data.fields(data),
                check_tags(tags),
                now.time,
            )
        )

    def _encoded(self, given: object) -> str:
        try:
            return self._plan.input.encode(self._plan.input.validate(given))
        except NotSerializable as error:
            raise InvalidInput(error.reason, path=error.path) from error

    def _new_id(self, time: float) -> str:
        """Return an id that sorts by the time at which it was made, and that no other worker makes."""
        return f"{round(time * 1000):012x}{self._worker.token}"

    def _join(self, stored: Record, given: object, *, retry_failed: bool) -> Flow[Result[D]]:
        """Go on with a run that was there when it was to be created."""
        state = yield from open_record(stored)
        self._check_input(state, given)
        for _ in range(CLAIMS):
            if not (retry_failed and state.error and state.error.retryable):
                return (yield from self._go_on(state))
            self._check_definition(state, len(state.history) + 1)
            if runner := (yield from self._retry(state, len(state.history), redo_commits=False)):
                return (yield from runner.run())
            state = yield from self._load(state.id)  # whoever was faster may have retried it already
        raise _contended(state.id)

    def _retry(self, state: RunState, position: int, *, redo_commits: bool) -> Flow[Runner[Any, D] | None]:
        """Go back to before the node at that place; return what runs on, or None if somebody else was faster."""
        now, *_ = yield Now()
        self._check_retryable(state, position, now.time, redo_commits=redo_commits)
        self._go_back(state, position, redo_commits=redo_commits)
        self._take(state, now)
        runner = self._runner(state, now)
        return runner if (yield from self._claim(state, now)) else None

    def _go_on(self, state: RunState) -> Flow[Result[D]]:
        for _ in range(CLAIMS):
            now, *_ = yield Now()
            if state.status.ended or (
                state.status is RunStatus.SUSPENDED and (state.wake_at or 0) > now.time
            ):
                return self._result(state)
            interrupted = state.status is RunStatus.RUNNING and len(state.history) < len(self._workflow.nodes)
            check_free(state, now.time)
            self._check_definition(state, len(state.history) + 1)
            self._take(state, now)
            runner = self._runner(state, now)
            looping = self._count_interruption(state) if interrupted else None
            if (yield from self._claim(state, now)):
                return (yield from (runner.give_up(looping) if looping else runner.run()))
            state = yield from self._load(state.id)
        raise _contended(state.id)

    def _claim(self, state: RunState, now: Moment) -> Flow[bool]:
        """Save what was decided about a run that nobody holds; return whether nobody else wrote it first."""
        try:
            yield from save(state, self._worker.token, now.time)
        except LeaseLost:
            return False
        if not state.status.ended:
            yield from self._emit("workflow:resume", state, now)
        return True

    def _take(self, state: RunState, now: Moment) -> None:
        if state.status is not RunStatus.RUNNING:
            state.change_status(RunStatus.RUNNING)
        work = self._worker.work(len(state.history))
        state.lease = self._worker.lease(now.time, now.monotonic, work)
        state.wake_at = state.lease.until

    def _count_interruption(self, state: RunState) -> CrashLoop | None:
        """Record that the worker before was lost; if that was once too often, end the run and return why."""
        state.interruptions += 1
        node = self._workflow.nodes[len(state.history)]
        state.current = state.current or Entry(node.name, node.kind, state.updated_at)
        state.current.attempts += 1
        if state.interruptions < self._worker.policy.max_interruptions:
            return None
        error = CrashLoop(
            f"{node.kind} {node.name!r} lost its worker {state.interruptions} times in a row: out of memory, a"
            " crash, or a time-out of the platform? See to the cause, then retry the step"
        )
        state.current.status = StepStatus.FAILED
        state.current.error = state.error = error_info(error, retryable=False)
        state.end(RunStatus.FAILED)
        return error

    def _go_back(self, state: RunState, position: int, *, redo_commits: bool) -> None:
        """Forget the nodes from that place on; completed commits are kept, or made due under a new generation."""
        state.set_data(state.data_before(position))
        for entry in [*state.cut(position), *state.kept.values()]:
            if entry.kind != COMMIT or entry.status is not StepStatus.COMPLETED:
                continue
            if not redo_commits:
                self._check_kept(state, entry)
                state.kept[entry.name] = entry
            else:
                state.kept.pop(entry.name, None)
                state.generations[entry.name] = state.generations.get(entry.name, 1) + 1
        state.error = None
        state.interruptions = 0

    def _check_kept(self, state: RunState, entry: Entry) -> None:
        """Refuse to forget a completed commit: under another name it would be run again."""
        if not any((node.name, node.kind) == (entry.name, COMMIT) for node in self._workflow.nodes):
            raise DefinitionChanged(
                f"run {state.id!r} has completed commit {entry.name!r}, which workflow {self._workflow.name!r} no"
                " longer has; put it back, or say redo_commits=True"
            )

    def _load(self, run_id: str) -> Flow[RunState]:
        state = yield from load(check_id(run_id))
        if state is None:
            raise _not_found(run_id)
        if state.origin.workflow != self._workflow.name:
            raise RunNotFound(
                f"run {run_id!r} is one of workflow {state.origin.workflow!r}, not of {self._workflow.name!r}"
            )
        return state

    def _runner(self, state: RunState, now: Moment) -> Runner[Any, D]:
        """Return what runs the state on; made before the run is claimed, since its values may not fit any more."""
        return self._fitting(state, lambda: Runner(self._worker, state, now))

    def _fitting(self, state: RunState, read: Callable[[], T]) -> T:
        """Return what is read of the values that the run has saved, if they fit the types as they are now."""
        try:
            return read()
        except (InvalidInput, NotSerializable) as error:
            raise DefinitionChanged(
                f"what run {state.id!r} has saved does not fit the types that workflow {self._workflow.name!r} has"
                f" now: {error}"
            ) from error

    def _result(self, state: RunState) -> Result[D]:
        data = self._fitting(state, lambda: self._plan.data.build(state.data))
        return Result(state, data, self._fitting(state, lambda: outputs(self._workflow, state.history)))

    def _emit(self, event: str, state: RunState, now: Moment) -> Flow[None]:
        if self._worker.policy.traced:
            yield Emit(run_event(event, state, now.time))

    def _check_input(self, state: RunState, given: object) -> None:
        """Refuse another input under the same id; both are compared under the type as it is now."""
        codec = self._plan.input
        if state.origin.workflow != self._workflow.name:
            raise InputMismatch(
                f"the id {state.id!r} is taken by a run of workflow {state.origin.workflow!r}; use another id"
            )
        text = self._encoded(given)
        saved = self._fitting(state, lambda: codec.decode(state.origin.input))
        if codec.encode(saved) != text and saved != codec.decode(text):
            raise InputMismatch(
                f"run {state.id!r} was started with a different input; the same id must mean the same input"
            )

    def _check_definition(self, state: RunState, upto: int) -> None:
        """Refuse to go on unless every node that ran still stands at its place, with its kind."""
        nodes = self._workflow.nodes
        for place, entry in enumerate(state.entries[:upto]):
            node = nodes[place] if place < len(nodes) else None
            if node is None or (node.name, node.kind) != (entry.name, entry.kind):
                raise DefinitionChanged(
                    f"run {state.id!r} ran {entry.kind} {entry.name!r} as node {place + 1}, where workflow"
                    f" {self._workflow.name!r} now has {f'{node.kind} {node.name!r}' if node else 'no node'}; go on"
                    " with it under the definition that it was started with, or start it anew"
                )

    def _check_retryable(self, state: RunState, position: int, time: float, *, redo_commits: bool) -> None:
        step = self._workflow.nodes[position]
        check_free(state, time)
        if not state.status.ended:
            raise NotRetryable(f"run {state.id!r} is {state.status}, not ended; go on with it by resume")
        self._check_definition(state, position + 1)
        if position >= len(state.entries):
            raise NotRetryable(f"step {step.name!r} of run {state.id!r} has not run; retry an earlier one")
        entry = state.entries[position]
        if entry.kind == COMMIT and entry.status is StepStatus.COMPLETED and not redo_commits:
            raise NotRetryable(
                f"commit {step.name!r} of run {state.id!r} has completed and is never run again by a retry; if it"
                " must be, say redo_commits=True"
            )


def get(run_id: str) -> Flow[Run | None]:
    """Return the stored run, or None."""
    try:
        state = yield from load(check_id(run_id))
    except RunNotFound:  # it was deleted just now
        return None
    return None if state is None else run_view(state)


def find(query: Query) -> Flow[tuple[list[Run], str | None]]:
    """Return the runs that a query finds, and the cursor of the next page; what cannot be read is logged."""
    page, *_ = yield Find(query)
    runs = []
    for record in page.records:
        try:
            runs.append(run_view((yield from open_record(record))))
        except RunNotFound:
            continue  # it was deleted just now
        except StoreError as error:
            report_failure(f"reading run {record.id!r}", error)
    return runs, page.cursor


def delete(run_id: str, worker: str, lease: float) -> Flow[None]:
    """Remove a run that nobody holds: hold it first, so that nobody else begins to."""
    for _ in range(CLAIMS):
        record, time, _ = yield Load(check_id(run_id))
        if record is None:
            raise _not_found(run_id)
        try:
            state = yield from open_record(record)
        except StoreError:  # nobody can work on what cannot be read
            break
        check_free(state, time)
        state.lease = Lease(worker, time + lease)
        try:
            yield from save(state, worker, time)
        except LeaseLost:
            continue
        break
    else:
        raise _contended(run_id)
    yield Delete(run_id)


def check_free(state: RunState, time: float) -> None:
    """Do nothing if nobody holds the run.

    Raises:
        RunBusy: a worker does.
    """
    if state.lease is not None and state.lease.until > time:
        raise RunBusy(
            f"run {state.id!r} is held by worker {state.lease.token} until {utc(state.lease.until)}; try again"
            f" after that, or see it with: flux show {state.id}",
            until=state.lease.until,
        )


def check_tags(tags: Iterable[object] | None) -> tuple[str, ...]:
    """Return the tags without repeats, in order.

    Raises:
        InvalidInput: a tag is not a non-empty str, or they are one str instead of several.
    """
    if isinstance(tags, str):
        raise InvalidInput(f"expected several strings, got the one string {tags!r}", path="tags")
    unique: dict[str, None] = {}
    for index, tag in enumerate(tags or ()):
        if not isinstance(tag, str) or not tag or not tag.isprintable():
            raise InvalidInput(
                f"expected a non-empty str of printable characters, got {tag!r}", path=f"tags[{index}]"
            )
        unique[tag] = None
    return tuple(unique)


def utc(time: float) -> str:
    """Return Unix seconds as the time of day in UTC."""
    from time import gmtime, strftime  # for messages

    return strftime("%H:%M:%SZ", gmtime(min(time, LAST_MOMENT)))


def _not_found(run_id: str) -> RunNotFound:
    return RunNotFound(f"no run {run_id!r} in the store; see those there are with: flux list")


def _contended(run_id: str) -> RunBusy:
    return RunBusy(f"run {run_id!r} is being written by others again and again; try again", until=0.0)
