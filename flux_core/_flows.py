"""What both engines are made of: their options, and the flow behind each of their methods."""

from __future__ import annotations

from math import inf
from os import urandom
from typing import TYPE_CHECKING, Any

from flux_core import _machine
from flux_core._clock import SystemClock
from flux_core._effects import Find, Now
from flux_core._errors import InvalidInput, InvalidWorkflow, LeaseLost, RunBusy
from flux_core._events import progress_event
from flux_core._listeners import Listeners, report_failure
from flux_core._machine import Machine
from flux_core._options import EngineOptions
from flux_core._policy import Policy, check_policy
from flux_core._retry import Retry
from flux_core._run import TickReport
from flux_core._status import RunStatus
from flux_core._worker import Deadline, Worker
from flux_core._workflow import Workflow
from flux_core.storage import MemoryStorage, Query

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, timedelta

    from flux_core._clock import Clock
    from flux_core._context import Context, D, I
    from flux_core._effects import Flow
    from flux_core._options import Hooks
    from flux_core._result import Result
    from flux_core._run import Run
    from flux_core._trace import TraceSink
    from flux_core.storage import Record, Storage


FARTHEST = 1e18  # seconds from 1970 that every store can compare
LARGEST_PAGE = 10_000  # runs
PAGE = 100  # due runs that tick asks the store for at a time


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
        lease: float = 60.0,
        max_inline_wait: float = 5.0,
        max_interruptions: int = 5,
        redact: Iterable[str] = (),
        clock: Clock | None = None,
        **unknown: object,
    ) -> None:
        for name in unknown:
            known = ", ".join(EngineOptions.__annotations__)
            raise InvalidInput(f"an engine has no option {name!r}; there are: {known}", path=name)
        if isinstance(storage, str):
            raise InvalidInput("expected a store; open_storage(url) opens one by its URL", path="storage")
        self.storage: Storage = MemoryStorage() if storage is None else storage
        self.clock: Clock = SystemClock() if clock is None else clock
        self.listeners = Listeners(trace, on or {}, redact)
        self._policy = check_policy(
            Policy(
                retry=_retry(default_retries),
                timeout=_timeout(default_timeout),
                lease=lease,
                max_inline_wait=max_inline_wait,
                max_interruptions=max_interruptions,
                hooks=frozenset(self.listeners.hooks),
                traced=bool(self.listeners.sinks),
                heard=bool(self.listeners.sinks or self.listeners.hooks),
            )
        )

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

    def retry_step(
        self, workflow: Workflow[I, D], run_id: str, step: str, *, redo_commits: bool, deadline: float | None
    ) -> Flow[Result[D]]:
        return self._machine(workflow, self._deadline(deadline)).retry_step(
            run_id, step, redo_commits=redo_commits
        )

    def list(  # noqa: PLR0917 (the options of the public method)
        self,
        workflow: str | None,
        status: RunStatus | str | Iterable[RunStatus | str] | None,
        since: datetime | float | None,
        until: datetime | float | None,
        limit: int,
        cursor: str | None,
    ) -> Flow[tuple[list[Run], str | None]]:
        if type(limit) is not int or not 1 <= limit <= LARGEST_PAGE:
            raise InvalidInput(f"expected 1 to {LARGEST_PAGE}, got {limit!r}", path="limit")
        return _machine.find(
            Query(
                workflow=workflow,
                statuses=_statuses(status),
                created_since=_seconds(since, "since"),
                created_until=_seconds(until, "until"),
                limit=limit,
                cursor=cursor,
            )
        )

    def get(self, run_id: str) -> Flow[Run | None]:
        return _machine.get(run_id)

    def delete(self, run_id: str) -> Flow[None]:
        return _machine.delete(run_id, urandom(8).hex(), self._policy.lease)

    def tick(
        self, workflows: Iterable[Workflow[Any, Any]], limit: int, deadline: float | None
    ) -> Flow[TickReport]:
        """Go on with what is due, each workflow's runs in random order, `limit` runs at most."""
        report = TickReport()
        ends = self._deadline(deadline)
        for workflow in sorted(workflows, key=lambda _: self._draw()):
            cursor: str | None = None
            while report.claimed < limit:
                now, *_ = yield Now()
                query = Query(workflow=workflow.name, wake_before=now.time, limit=PAGE, cursor=cursor)
                page, *_ = yield Find(query)
                for record in sorted(page.records, key=lambda _: self._draw()):
                    now, *_ = yield Now()
                    if report.claimed == limit or (ends is not None and not ends.leaves(None, now.monotonic)):
                        return report
                    status = yield from self._tick_one(self._machine(workflow, ends), record)
                    report = _counted(report, status)
                cursor = page.cursor
                if cursor is None:
                    break
        return report

    def _tick_one(self, machine: Machine[Any], record: Record) -> Flow[RunStatus | None]:
        """Go on with a due run; return where it stands then, or None if it was not this worker's to run."""
        try:
            result = yield from machine.go_on(record)
        except (RunBusy, LeaseLost):
            return None
        except Exception as error:  # noqa: BLE001 (one run that cannot be gone on with stops no other)
            report_failure(f"going on with run {record.id!r}", error)
            return None
        return result.status

    def _deadline(self, at: float | None) -> Deadline | None:
        if at is None or at == inf:
            return None
        given: object = at
        if not isinstance(given, int | float) or not abs(given) < inf:
            raise InvalidInput(f"expected time.monotonic() seconds, got {at!r}", path="deadline")
        return Deadline(at, at - self.clock.monotonic())

    def _machine(self, workflow: Workflow[I, D], deadline: Deadline | None = None) -> Machine[D]:
        if not isinstance(workflow, Workflow):
            raise InvalidInput(f"expected a Workflow, got {workflow!r}; an App takes names", path="workflow")
        return Machine(
            Worker(
                workflow,
                self._policy,
                urandom(8).hex(),
                deadline,
                self._draw,
                self.clock.monotonic,
                self._report,
            )
        )

    def _report(self, context: Context[Any, Any], fraction: float, message: str) -> None:
        if self._policy.traced:
            self.listeners.emit(progress_event(context, fraction, message, self.clock.time()))

    @staticmethod
    def _draw() -> float:
        return int.from_bytes(urandom(7), "big") / (1 << 56)


def _counted(report: TickReport, status: RunStatus | None) -> TickReport:
    return TickReport(
        due=report.due + 1,
        claimed=report.claimed + (status is not None),
        completed=report.completed + (status is RunStatus.COMPLETED),
        suspended=report.suspended + (status is RunStatus.SUSPENDED),
        failed=report.failed + (status is RunStatus.FAILED),
        skipped=report.skipped + (status is None),
    )


def _retry(retries: int | Retry) -> Retry:
    try:
        return retries if isinstance(retries, Retry) else Retry(retries)
    except InvalidWorkflow as error:
        raise InvalidInput(f"Engine(default_retries=...): {error}", path="default_retries") from None


def _timeout(timeout: float | timedelta | None) -> float | None:
    return timeout if timeout is None or not hasattr(timeout, "total_seconds") else timeout.total_seconds()


def _statuses(status: RunStatus | str | Iterable[RunStatus | str] | None) -> frozenset[RunStatus] | None:
    if status is None:
        return None
    try:
        return frozenset(map(RunStatus, [status] if isinstance(status, str) else status))
    except (ValueError, TypeError):
        known = ", ".join(RunStatus)
        raise InvalidInput(f"no run status is called {status!r}; there are: {known}", path="status") from None


def _seconds(moment: datetime | float | None, path: str) -> float | None:
    if moment is None:
        return None
    seconds: object = moment.timestamp() if hasattr(moment, "timestamp") else moment
    if isinstance(seconds, int | float) and abs(seconds) < FARTHEST:
        return float(seconds)
    raise InvalidInput(f"expected Unix seconds or a datetime, got {moment!r}", path=path)
