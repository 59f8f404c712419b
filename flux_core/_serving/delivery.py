"""Deliveries: events that come many at once, or that come again when they are not done.

A delivery is done, and is acknowledged, if it could bring its run no further, whatever that has come to. It is to
come again if it could: its run failed at a step that is worth a retry, another worker holds the run, the store or
the time gave out, or it cannot be read, and then the source's own limit sends it where dead letters go.
"""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

from flux_core import FluxError, RunStatus
from flux_core._invocation import CURRENT
from flux_core._serving.service import KeyNeeded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from flux_core import Result
    from flux_core._invocation import Invocation
    from flux_core._serving.service import Service

log: Final = logging.getLogger("flux")

SPARE: Final = 1.0
"""Seconds before the deadline in which no delivery is begun; the engine begins no node in the last half of it."""
OUTCOMES: Final = {
    RunStatus.FAILED: "failed",
    RunStatus.CANCELLED: "was cancelled",
    RunStatus.ROLLED_BACK: "was rolled back",
    RunStatus.COMPENSATION_FAILED: "could not be rolled back",
}
"""How the log says that a run has not completed."""


class Undone(FluxError, RuntimeError):
    """Not all of an event is done; the platform is to bring it again."""

    code: ClassVar[str] = "UNDONE"


class Delivery(NamedTuple):
    """One thing to run the workflow on."""

    name: str
    """What the log calls it, such as `message m-1`."""
    event: Any
    """As the platform delivered it."""
    identity: str
    payload: Callable[[], Any]
    """Return the workflow's input; raises `MalformedBody`."""
    lane: str | None = None
    """Those of one lane are served in their order, none behind one that is not done; None is in no lane."""
    stable: bool = True
    """Whether `identity` stays the same however often it is delivered."""
    traceparent: str | None = None
    """The trace that its sender says it belongs to; None leaves it in that of the invocation."""


def undone(
    deliveries: Iterable[Delivery], invocation: Invocation, serve: Callable[[Delivery], bool]
) -> list[Delivery]:
    """Serve the deliveries in their order, and return those that are to come again.

    Args:
        deliveries: in their order.
        invocation: whose time is not overdrawn.
        serve: serves a delivery, and returns whether it is done.
    """
    again: list[Delivery] = []
    held: set[str] = set()
    for delivery in deliveries:
        if delivery.lane not in held and _is_time_left(invocation) and serve(delivery):
            continue
        again.append(delivery)
        if delivery.lane is not None:
            held.add(delivery.lane)
    return again


def run_all(service: Service, invocation: Invocation, deliveries: Iterable[Delivery]) -> list[Delivery]:
    """Run the workflow on each of the deliveries, and return those that are to come again."""
    return undone(deliveries, invocation, lambda delivery: run(service, invocation, delivery))


def run_or_raise(service: Service, invocation: Invocation, deliveries: list[Delivery]) -> None:
    """Run the workflow on each of the deliveries, for a source that brings the whole event again on an error.

    Raises:
        Undone: some are to come again. The others are done: their runs are found to have ended, and are not repeated.
    """
    if again := run_all(service, invocation, deliveries):
        names = ", ".join(delivery.name for delivery in again)
        raise Undone(f"{len(again)} of {len(deliveries)} is to come again; the log says why: {names}")


def run(service: Service, invocation: Invocation, delivery: Delivery) -> bool:
    """Run the workflow on a delivery; return whether the delivery is done.

    Raises:
        KeyNeeded: the handler must be told how to name the runs.
    """
    try:
        with _in_trace(delivery):
            result = service.execute(
                delivery.event,
                delivery.payload(),
                identity=delivery.identity,
                deadline=invocation.deadline,
                stable=delivery.stable,
                retry_failed=True,
            )
    except KeyNeeded:
        raise
    except FluxError as error:
        log.warning("%s is to come again: %s: %s", delivery.name, type(error).__name__, error)
        return False
    except Exception:
        log.exception("%s is to come again", delivery.name)
        return False
    if not result.status.ended or result.status is RunStatus.COMPLETED:
        return service.app.waker is not None or not _is_due(result)  # a waker has been told
    again = _is_worth_another_delivery(result)
    fate = "is to come again, to go on with it" if again else "is acknowledged, since no retry can help"
    what = OUTCOMES[result.status]
    log.warning(
        "%s %s: run %s %s; see why with: flux show %s", delivery.name, fate, result.id, what, result.id
    )
    return not again


def start(service: Service, delivery: Delivery) -> bool:
    """Save the run of a delivery, for `tick` or a wake-up to go on with; return whether that is enough.

    It is not for a delivery that no run can be made of, or whose run has failed at a step that is worth a retry.
    """
    try:
        workflow, payload = service.choose(delivery.event), delivery.payload()
        run_id = service.run_id(workflow, payload, delivery.identity)
        with _in_trace(delivery):
            result = service.app.start(workflow.name, payload, id=run_id)
    except Exception as error:  # noqa: BLE001 (nobody brings it again: the next one is to be saved all the same)
        log.warning("%s cannot be started: %s: %s", delivery.name, type(error).__name__, error)
        return False
    return not _is_worth_another_delivery(result)


@contextmanager
def _in_trace(delivery: Delivery) -> Iterator[None]:
    """Have the current invocation belong to the delivery's own trace in the block, if it has one."""
    current = CURRENT.get()
    if current is None or delivery.traceparent is None:
        yield
        return
    before = CURRENT.set(current._replace(traceparent=delivery.traceparent))
    try:
        yield
    finally:
        CURRENT.reset(before)


def _is_time_left(invocation: Invocation) -> bool:
    return invocation.deadline is None or invocation.deadline - time.monotonic() > SPARE


def _is_worth_another_delivery(result: Result[Any]) -> bool:
    """Whether a run that has ended goes on when its delivery comes again: with the failed step, or its rollback."""
    if result.status is RunStatus.FAILED:
        return result.error is not None and result.error.retryable
    return result.status is RunStatus.COMPENSATION_FAILED


def _is_due(result: Result[Any]) -> bool:
    """Whether the run only ran out of this invocation's time: the delivery brings it back at once."""
    return result.wake_at is not None and result.wake_at <= time.time()
