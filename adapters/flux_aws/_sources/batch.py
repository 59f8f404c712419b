"""Events that come many at once, or that come again when they are not done: what their sources share.

A record that is done is acknowledged, whatever its run has come to, if the record could bring it no further. It is to
come again if it could: its run failed at a step that is worth a retry, another worker holds the run, the store or
the time gave out, or the record cannot be read, and then the source's own limit sends it where dead letters go.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

from flux_aws._service import KeyNeeded
from flux_core import FluxError, RunStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from flux_aws._service import Service
    from flux_aws._sources.source import Invocation
    from flux_core import Result

log: Final = logging.getLogger("flux")

SPARE: Final = 1.0
"""Seconds before the deadline in which no record is begun; the engine begins no node in the last half of it."""
OUTCOMES: Final = {
    RunStatus.FAILED: "failed",
    RunStatus.CANCELLED: "was cancelled",
    RunStatus.ROLLED_BACK: "was rolled back",
    RunStatus.COMPENSATION_FAILED: "could not be rolled back",
}
"""How the log says that a run has not completed."""


class Undone(FluxError, RuntimeError):
    """Not all of an event is done; Lambda, and whoever invoked it, is to bring the event again."""

    code: ClassVar[str] = "UNDONE"


class Record(NamedTuple):
    """One thing to run the workflow on."""

    name: str
    """What the log calls it, such as `message m-1`."""
    event: Any
    """As Lambda delivered it."""
    identity: str
    payload: Callable[[], Any]
    """Return the workflow's input; raises `MalformedBody`."""
    lane: str | None = None
    """Records of one lane are served in their order, none behind one that is not done; None is in no lane."""
    stable: bool = True
    """Whether `identity` stays the same however often the record is delivered."""


def undone(
    records: Iterable[Record], invocation: Invocation, serve: Callable[[Record], bool]
) -> list[Record]:
    """Serve the records in their order, and return those that are to come again.

    Args:
        records: what was delivered.
        invocation: whose time is not overdrawn.
        serve: serves a record, and returns whether it is done.
    """
    again: list[Record] = []
    held: set[str] = set()
    for record in records:
        if record.lane not in held and _is_time_left(invocation) and serve(record):
            continue
        again.append(record)
        if record.lane is not None:
            held.add(record.lane)
    return again


def run_all(service: Service, invocation: Invocation, records: Iterable[Record]) -> list[Record]:
    """Run the workflow on each of the records, and return those that are to come again."""
    return undone(records, invocation, lambda record: run(service, invocation, record))


def run_or_raise(service: Service, invocation: Invocation, records: list[Record]) -> None:
    """Run the workflow on each of the records, for a source that brings the whole event again on an error.

    Raises:
        Undone: some are to come again. The others are done: their runs are found to have ended, and are not repeated.
    """
    if again := run_all(service, invocation, records):
        names = ", ".join(record.name for record in again)
        raise Undone(f"{len(again)} of {len(records)} is to come again; the log says why: {names}")


def run(service: Service, invocation: Invocation, record: Record) -> bool:
    """Run the workflow on a record; return whether the record is done.

    Raises:
        KeyNeeded: the handler must be told how to name the runs.
    """
    try:
        result = service.execute(
            record.event,
            record.payload(),
            identity=record.identity,
            deadline=invocation.deadline,
            stable=record.stable,
            retry_failed=True,
        )
    except KeyNeeded:
        raise
    except FluxError as error:
        log.warning("%s is to come again: %s: %s", record.name, type(error).__name__, error)
        return False
    except Exception:
        log.exception("%s is to come again", record.name)
        return False
    if not result.status.ended or result.status is RunStatus.COMPLETED:
        return service.app.waker is not None or not _is_due(result)  # a waker has been told
    again = _is_worth_another_delivery(result)
    fate = "is to come again, to go on with it" if again else "is acknowledged, since no retry can help"
    what = OUTCOMES[result.status]
    log.warning("%s %s: run %s %s; see why with: flux show %s", record.name, fate, result.id, what, result.id)
    return not again


def _is_time_left(invocation: Invocation) -> bool:
    return invocation.deadline is None or invocation.deadline - time.monotonic() > SPARE


def _is_worth_another_delivery(result: Result[Any]) -> bool:
    """Whether a run that has ended goes on when its record comes again: with the failed step, or its rollback."""
    if result.status is RunStatus.FAILED:
        return result.error is not None and result.error.retryable
    return result.status is RunStatus.COMPENSATION_FAILED


def _is_due(result: Result[Any]) -> bool:
    """Whether the run only ran out of this invocation's time: the record brings it back at once."""
    return result.wake_at is not None and result.wake_at <= time.time()
