"""What both engines are made of: their options, and the flow behind each of their methods."""

from __future__ import annotations

from math import inf
from os import urandom
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, cast

from flux_core import _reading
from flux_core._clock import SystemClock
from flux_core._effects import Emit, Find, Left, Now, Wake
from flux_core._errors import InvalidInput, InvalidWorkflow, LeaseLost, RunBusy
from flux_core._events import outside_event, progress_event
from flux_core._invocation import CURRENT
from flux_core._keeping import open_record
from flux_core._listeners import Listeners, report_failure
from flux_core._machine import Machine
from flux_core._options import EngineOptions
from flux_core._outside import pause
from flux_core._policy import Policy, check_policy
from flux_core._query import checked_edges, query_of
from flux_core._retry import Retry
from flux_core._run import TickReport
from flux_core._status import RunStatus
from flux_core._views import run_view
from flux_core._worker import Deadline, Worker
from flux_core._workflow import Workflow
from flux_core.storage import MemoryStorage, Query

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import timedelta

    from flux_core._clock import Clock
    from flux_core._context import Context, D, I
    from flux_core._effects import Flow
    from flux_core._options import Hooks
    from flux_core._result import Result
    from flux_core._run import Run
    from flux_core._status import Counts
    from flux_core._trace import TraceSink
    from flux_core._waker import Waker
    from flux_core.storage import Record, Storage


HANDFUL = 10  # due runs that a tick goes on with itself if there is a waker for the others
MOST_REPORTED = 1000  # runs that cannot be gone on with and are remembered
PAGE = 25  # due runs that tick asks the store for at a time; their documents are in memory together


class Flows:
    """An engine's store, clock and listeners, with the flow of each public method. Arguments: `EngineOptions`."""

    def __init__(
        self,
        storage: Storage | None,
        *,
        trace: Iterable[TraceSink] = (),
        on: Hooks | None = None,
        default_retries: int | Retry = 0,
        default_timeout: float | timedelta | None = None,
        checkpoint: Literal["step", "commit"] = "step",
        waker: Waker | None = None,
        lease: float = 60.0,
        max_inline_wait: float = 5.0,
        max_interruptions: int = 5,
        redact: Iterable[str] = (),
        clock: Clock | None = None,
        **unknown: object,
    ) -> None:
        for name in unknown:
            known = ", ".join(("storage", *EngineOptions.__annotations__))
            raise InvalidInput(f"an engine has no option {name!r}; there are: {known}", path=name)
        if isinstance(storage, str):
            raise InvalidInput("expected a store; open_storage(url) opens one by its URL", path="storage")
        self.storage: Storage = MemoryStorage() if storage is None else storage
        self.clock: Clock = SystemClock() if clock is None else clock
        self.listeners = Listeners(trace, on or {}, redact)
        self.waker = waker
        self.versions: dict[str, dict[str, Workflow[Any, Any]]] = {}
        """The versions that are known of a workflow, by its name."""
        self._reported: dict[str, int] = {}  # the revisions of runs that are known not to go on
        ports = (
            ("storage", self.storage, "load"),
            ("clock", self.clock, "monotonic"),
            ("waker", waker, "wake"),
        )
        for path, port, method in ports:
            if port is not None and not callable(getattr(port, method, None)):
                raise InvalidInput(f"expected an object with a method {method}, got {port!r}", path=path)
        if checkpoint not in ("step", "commit"):
            raise InvalidInput(f'expected "step" or "commit", got {checkpoint!r}', path="checkpoint")
        self._policy = check_policy(
            Policy(
                retry=_retry(default_retries),
                timeout=_timeout(default_timeout),
                lease=lease,
                max_inline_wait=max_inline_wait,
                max_interruptions=max_interruptions,
                hooks=frozenset(self.listeners.hooks),
                sparing=checkpoint == "commit",
                wakes=waker is not None,
                traced=bool(self.listeners.sinks),
                heard=bool(self.listeners.sinks or self.listeners.hooks),
                largest=getattr(storage, "largest", None) or inf,
            )
        )

    @property
    def lease(self) -> float:
        """The seconds for which a worker without a deadline holds a run."""
        return self._policy.lease

    def call_waker(self, effect: Wake) -> None:
        """Call the waker; what it raises changes nothing."""
        try:
            cast("Waker", self.waker).wake(effect.run_id, effect.at)
        except Exception as error:  # noqa: BLE001 (it is a hint)
            report_failure(f"waking run {effect.run_id!r}", error)

    def execute(
        self,
        workflow: Workflow[I, D],
        given: object,
        run_id: str | None,
        deadline: float | None,
        tags: Iterable[str] | None,
        *,
        retry_failed: bool,
    ) -> Flow[Result[D]]:
        machine = self._machine(workflow, self._deadline(deadline))
        return machine.execute(given, run_id, tags, retry_failed=retry_failed)

    def start(
        self, workflow: Workflow[I, D], given: object, run_id: str | None, tags: Iterable[str] | None
    ) -> Flow[Result[D]]:
        return self._machine(workflow).start(given, run_id, tags)

    def resume(self, workflow: Workflow[I, D], run_id: str, deadline: float | None) -> Flow[Result[D]]:
        return self._machine(workflow, self._deadline(deadline)).resume(run_id)

    def wake(
        self, workflow: Workflow[I, D], run_id: str, at: float | None, deadline: float | None
    ) -> Flow[Result[D]]:
        return self._machine(workflow, self._deadline(deadline)).wake(run_id, at)

    def retry_step(
        self,
        workflow: Workflow[I, D],
        run_id: str,
        step: str,
        *,
        redo_commits: bool,
        revision: int | None,
        deadline: float | None,
    ) -> Flow[Result[D]]:
        machine = self._machine(workflow, self._deadline(deadline))
        return machine.retry_step(run_id, step, redo_commits=redo_commits, revision=revision)

    def signal(  # noqa: PLR0917 (the options of the public method)
        self,
        workflow: Workflow[I, D],
        run_id: str,
        name: str,
        payload: object,
        letter_id: str | None,
        run: bool,  # noqa: FBT001 (as above)
        deadline: float | None,
    ) -> Flow[Result[D]]:
        machine = self._machine(workflow, self._deadline(deadline))
        return machine.signal(run_id, name, payload, letter_id, run=run)

    def cancel(
        self, workflow: Workflow[I, D], run_id: str, *, compensate: bool, deadline: float | None
    ) -> Flow[Result[D]]:
        return self._machine(workflow, self._deadline(deadline)).cancel(run_id, compensate=compensate)

    def pause(self, run_id: str) -> Flow[Run]:
        """Pause a run that nobody holds, or ask the worker that does; return the run as it stands then."""
        record = yield from pause(run_id, urandom(8).hex())
        if self._policy.traced and record.status is RunStatus.PAUSED:
            yield Emit(outside_event("workflow:suspend", record))
        return run_view((yield from open_record(record)))

    def resolve(  # noqa: PLR0917 (the options of the public method)
        self,
        workflow: Workflow[I, D],
        run_id: str,
        step: str,
        output: object,
        run: bool,  # noqa: FBT001 (as above)
        deadline: float | None,
    ) -> Flow[Result[D]]:
        return self._machine(workflow, self._deadline(deadline)).resolve(run_id, step, output, run=run)

    def list(self, **conditions: Any) -> Flow[tuple[list[Run], str | None]]:
        return _reading.find(query_of(**conditions))

    def tally(self, edges: Sequence[float], **conditions: Any) -> Flow[Counts]:
        return _reading.tally(
            query_of(**conditions), checked_edges(edges), can_count=hasattr(self.storage, "tally")
        )

    def get(self, run_id: str) -> Flow[Run | None]:
        return _reading.get(run_id)

    def delete(self, run_id: str) -> Flow[None]:
        return _reading.delete(run_id, urandom(8).hex(), self._policy.lease)

    def tick(
        self, workflows: Iterable[Workflow[Any, Any]], limit: int, deadline: float | None
    ) -> Flow[TickReport]:
        """Go on with what is due, each workflow's runs in random order, `limit` runs at most."""
        report = TickReport()
        ends = self._deadline(deadline)
        for versions in sorted(_by_name(workflows).values(), key=lambda _: self._draw()):
            machine = self._machine(tuple(versions.values())[-1], ends, versions)
            cursor: str | None = None
            while report.claimed + report.handed < limit:
                now, *_ = yield Now()
                query = Query(workflow=machine.name, wake_before=now.time, limit=PAGE, cursor=cursor)
                page, *_ = yield Find(query)
                for record in sorted(page.records, key=lambda _: self._draw()):
                    now, *_ = yield Now()
                    if report.claimed + report.handed == limit:
                        return report
                    if ends is not None and not ends.leaves(None, now.monotonic):
                        return report
                    if self.waker is not None and report.claimed >= HANDFUL:
                        yield Wake(record.id, now.time)
                        report = report._replace(due=report.due + 1, handed=report.handed + 1)
                    else:
                        report = _counted(report, (yield from self._tick_one(machine.anew(), record)))
                cursor = page.cursor
                if cursor is None:
                    break
        return report

    def _tick_one(self, machine: Machine[Any], record: Record) -> Flow[RunStatus | None]:
        """Go on with a due run; return where it stands then, or None if it was not this worker's to run."""
        try:
            result = yield from machine.go_on(record)
        except (RunBusy, LeaseLost) as error:
            yield Left(record.id, error)
            return None
        except Exception as error:  # noqa: BLE001 (one run that cannot be gone on with stops no other)
            self._report_once(record, error)
            yield Left(record.id, error)
            return None
        return result.status

    def _report_once(self, record: Record, error: Exception) -> None:
        """Log why a due run cannot be gone on with; not again while it stands as it does, at each tick."""
        if self._reported.get(record.id) != record.revision:
            report_failure(f"going on with run {record.id!r}", error)
        self._reported[record.id] = record.revision
        if len(self._reported) > MOST_REPORTED:
            del self._reported[next(iter(self._reported))]

    def _deadline(self, at: float | None) -> Deadline | None:
        if at is None or at == inf:
            return None
        given: object = at
        if not isinstance(given, int | float) or not abs(given) < inf:
            raise InvalidInput(f"expected time.monotonic() seconds, got {at!r}", path="deadline")
        invocation = CURRENT.get()
        killed = at if invocation is None or invocation.deadline is None else max(at, invocation.deadline)
        return Deadline(at, at - self.clock.monotonic(), killed)

    def _machine(
        self,
        workflow: Workflow[I, D],
        deadline: Deadline | None = None,
        versions: Mapping[str, Workflow[Any, Any]] = MappingProxyType({}),
    ) -> Machine[D]:
        if not isinstance(workflow, Workflow):
            raise InvalidInput(f"expected a Workflow, got {workflow!r}; an App takes names", path="workflow")
        return Machine(
            Worker(
                workflow,
                versions or self.versions.get(workflow.name, versions),
                self._policy,
                urandom(8).hex(),
                deadline,
                self._draw,
                self.clock.monotonic,
                self._report,
                self._traceparent,
            )
        )

    def _report(self, context: Context[Any, Any], fraction: float, message: str) -> None:
        if self._policy.traced:
            self.listeners.emit(progress_event(context, fraction, message, self.clock.time()))

    def _traceparent(self, run_id: str, workflow: str) -> str | None:
        """Return the trace that a new run belongs to: as a sink has it, else that of what is being served."""
        for sink in self.listeners.sinks:
            if (parent := _asked(sink, run_id, workflow)) is not None:
                return parent
        invocation = CURRENT.get()
        return None if invocation is None else invocation.traceparent

    @staticmethod
    def _draw() -> float:
        return int.from_bytes(urandom(7), "big") / (1 << 56)


def _asked(sink: TraceSink, run_id: str, workflow: str) -> str | None:
    """Return the trace that a sink has for a new run, if it has one."""
    begin = getattr(sink, "traceparent", None)
    if begin is None:
        return None
    from flux_core._serving.trace_context import valid_traceparent  # most sinks have no trace

    try:
        return valid_traceparent(begin(run_id, workflow))
    except Exception as error:  # noqa: BLE001 (a sink breaks no run)
        report_failure(f"trace sink {type(sink).__name__}.traceparent", error)
        return None


def _counted(report: TickReport, status: RunStatus | None) -> TickReport:
    completed = status is RunStatus.COMPLETED
    return report._replace(
        due=report.due + 1,
        claimed=report.claimed + (status is not None),
        completed=report.completed + completed,
        suspended=report.suspended + (status is not None and not status.ended),
        failed=report.failed + (status is not None and status.ended and not completed),
        skipped=report.skipped + (status is None),
    )


def _by_name(workflows: Iterable[Workflow[Any, Any]]) -> dict[str, dict[str, Workflow[Any, Any]]]:
    """Return the workflows by name, and then by version."""
    found: dict[str, dict[str, Workflow[Any, Any]]] = {}
    if isinstance(workflows, str | Workflow):
        raise InvalidInput(
            f"expected several workflows, got {workflows!r}; an App takes none", path="workflows"
        )
    for workflow in workflows:
        if not isinstance(workflow, Workflow):
            raise InvalidInput(f"expected workflows, got {workflow!r}", path="workflows")
        found.setdefault(workflow.name, {})[workflow.version] = workflow
    return found


def _retry(retries: int | Retry) -> Retry:
    try:
        return retries if isinstance(retries, Retry) else Retry(retries)
    except InvalidWorkflow as error:
        raise InvalidInput(f"Engine(default_retries=...): {error}", path="default_retries") from None


def _timeout(timeout: float | timedelta | None) -> float | None:
    return timeout if timeout is None or not hasattr(timeout, "total_seconds") else timeout.total_seconds()
