"""An oracle for any number of runs: it looks at what is called, at what is saved, and at what calls return."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crash.model import ASK, DO, OK, RAISE, UNDO
from crash.seen import behind, outputs, standing, undone
from crash.watch import Watch

from flux_core import (
    Engine,
    InputMismatch,
    LeaseLost,
    NotRetryable,
    Result,
    RunBusy,
    RunEnded,
    RunNotFound,
    RunStatus,
    SignalNotExpected,
    StepStatus,
    StoreError,
)
from flux_core.storage import MemoryStorage

if TYPE_CHECKING:
    from collections.abc import Sequence
    from logging import LogRecord

    from crash.fleet import Flight
    from crash.model import Ctx, Deed, RunModel

    from flux_core import Run
    from flux_core.storage import Record


class SeenStorage(MemoryStorage):
    """A store that shows the oracle whatever was written."""

    def __init__(self, oracle: Oracle) -> None:
        super().__init__()
        self._oracle = oracle

    def create(self, record: Record) -> None:
        """Create the run, and show it."""
        super().create(record)
        self._oracle.saved(record.id)

    def save(self, record: Record, *, replaces: int) -> None:
        """Save the run, and show it."""
        super().save(record, replaces=replaces)
        self._oracle.saved(record.id)


class Noise(Exception):
    """What listeners raise to disturb."""


class Oracle:
    """Knows what is promised; `wrongs` is what does not hold."""

    def __init__(self, models: Sequence[RunModel]) -> None:
        self.wrongs: list[str] = []
        self.storage = SeenStorage(self)
        self.watches = {model.id: Watch(model, self.wrongs) for model in models}
        self.flight: Flight
        """The call, of those in progress, that moves."""
        self._since: dict[Flight, dict[str, int]] = {}
        self._reader = Engine(self.storage)

    def began(self, flight: Flight) -> None:
        """Take a call that is about to begin."""
        self._since[flight] = {run: max(0, watch.moment - 1) for run, watch in self.watches.items()}

    def saved(self, run_id: str) -> None:
        """Take what was written to the store."""
        view, watch = self._reader.get(run_id), self.watches[run_id]
        if view is None:
            watch.check(holds=False, claim="what is saved is there")
        elif watch.views:
            watch.saved(self.flight, view)
        else:
            watch.created(self.flight, view)

    # What is called.

    def called(self, deed: Deed, ctx: Ctx) -> None:
        """Take the call of a function of a node."""
        watch, flight, node = self.watches[deed.run], deed.flight, deed.node
        if deed.part != ASK:
            watch.by_key[deed.key].append(deed)
        watch.deeds[deed.number] = deed
        watch.since_save[flight].append(deed)
        watch.check(flight in watch.saved_at, "only who holds a run, or has held it, calls anything")
        watch.begun_at[deed.number] = watch.saved_at.get(flight, 0)
        if deed.part == DO and watch.nodes[node].kind == "once":
            self._check_once(watch, deed)
        if watch.owner is not flight:
            return  # it stood still while its lease ended, and will not be heard
        suffix = "/compensate" if deed.part == UNDO else ""
        watch.check(deed.key == watch.key(node) + suffix, "the key is the same for ever")
        watch.check(ctx.input == watch.last.input, "the input is the same for ever")
        if deed.part == UNDO:
            self._check_undo(watch, deed, ctx)
        else:
            self._check_do(watch, deed, ctx)

    @staticmethod
    def _check_once(watch: Watch, deed: Deed) -> None:
        """Check that a commit was not made before, unless that has failed or a person has decided in between."""
        for before in watch.by_key[deed.key][:-1]:
            first, second = sorted((watch.begun_at[before.number], watch.begun_at[deed.number]))
            decided = any(first < moment <= second for moment in watch.decided_at)
            failed = before.act == RAISE and before.number in watch.failed
            watch.check(decided or failed, "a commit that is made once is made once", before)

    @staticmethod
    def _check_do(watch: Watch, deed: Deed, ctx: Ctx) -> None:
        """Check that a handler, a condition or a length is to be called now."""
        view, name, flight = watch.last, deed.node, deed.flight
        done, at = [record.name for record in behind(view)], standing(view)
        stands = at if at is not None and at.name == name else None
        watch.check(view.status is RunStatus.RUNNING, "a handler is called while its run is running")
        watch.check(
            name not in done and name not in watch.kept, "a node that has completed is not called again"
        )
        watch.check(
            not watch.told(name, watch.saved_at[flight]), "a commit that was told of is not called again"
        )
        open_ = stands is not None and stands.status is StepStatus.SUSPENDED
        watch.check(not open_, "a node that stands open is not called again")
        if stands and view.waits_until is not None:
            watch.check(flight.latest >= view.waits_until, "an attempt comes when its back-off is over")
        watch.check(
            watch.failures[name, DO] <= watch.nodes[name].retries, "a node is tried as often as it says"
        )
        place = watch.names.index(name)
        watch.check(
            place == len(done) or (flight.sparing and place > len(done)), "nodes are called in their order"
        )
        if not flight.sparing:
            watch.check(ctx.attempt == (stands.attempts if stands else 0) + 1, "attempts are counted")
            watch.check(ctx.data == view.data, "an attempt begins with the data that is saved", ctx.data)
            watch.check(
                ctx.results == outputs(view), "an attempt begins with the results that are saved", ctx.results
            )

    @staticmethod
    def _check_undo(watch: Watch, deed: Deed, ctx: Ctx) -> None:
        """Check that a compensation is to be called now."""
        view, name = watch.last, deed.node
        done = {record.name for record in undone(view)}
        begun = view.compensations[-1] if len(view.compensations) > len(done) else None
        watch.check(view.status is RunStatus.ROLLING_BACK, "a compensation is called while its run goes back")
        watch.check(name not in done, "a compensation that has completed is not called again")
        if begun is not None:
            watch.check(begun.name == name, "a compensation that was begun is called until it has completed")
            late = view.waits_until is None or deed.flight.latest >= view.waits_until
            watch.check(late, "an attempt comes when its back-off is over")
        watch.check(ctx.attempt == (begun.attempts if begun else 0) + 1, "attempts are counted")
        watch.check(
            watch.failures[name, UNDO] <= watch.nodes[name].retries, "it is tried as often as it says"
        )
        if not watch.outcomes:  # what was told may be taken in together with what is done about it
            watch.check(name in watch.undoable(view), "nothing is compensated but what has completed")
            watch.check(ctx.data == view.data, "an attempt begins with the data that is saved", ctx.data)

    # How calls end.

    def ended(self, flight: Flight, result: Any, error: Exception | None) -> None:
        """Take the end of a call."""
        request = flight.request
        if request.run is None:
            if error is not None and not (flight.loses and isinstance(error, StoreError)):
                self.wrongs.append(f"a tick fails for a reason: {error!r}")
            return
        watch = self.watches[request.run]
        views = watch.views[self._since[flight][request.run] :]
        if error is not None:
            reason = self._may_fail(flight, watch, views, error)
            watch.check(reason, f"what {flight.verb} raises has a reason", repr(error))
            return
        watch.check(request.input in (None, watch.last.input), "one run has one input")
        if isinstance(result, Result):
            saved = any(
                view.status is result.status
                and view.data == result.data
                and (view.status is not RunStatus.COMPLETED or outputs(view) == result.results)
                for view in views
            )
            watch.check(saved, "what is returned is what is saved", result, result.data, result.results)
        self._check_acknowledged(flight, watch, views)

    @staticmethod
    def _check_acknowledged(flight: Flight, watch: Watch, views: list[Run]) -> None:
        """Check that what the caller was told has been done."""
        request = flight.request
        letters = {letter for view in views for letter in view.inbox}
        statuses = {view.status for view in views}
        match flight.verb:
            case "signal":
                delivered = request.id in watch.delivered or watch.is_back
                watch.check(delivered, "a signal that is acknowledged is delivered")
            case "cancel":
                delivered = RunStatus.CANCELLED in statuses or "cancel" in letters or watch.is_back
                watch.check(delivered, "a cancel that is acknowledged is delivered")
            case "pause":
                delivered = RunStatus.PAUSED in statuses or bool(letters & {"pause", "cancel"})
                watch.check(delivered, "a pause that is acknowledged is delivered")
            case "resolve":
                delivered = (request.step, request.output) in watch.resolved
                watch.check(delivered, "what is acknowledged to be resolved is")

    @staticmethod
    def _may_fail(flight: Flight, watch: Watch, views: list[Run], error: Exception) -> bool:
        """Whether there was a reason for a call to raise that error."""
        request, ended = flight.request, any(view.status.ended for view in views)
        match error:
            case StoreError():
                reason = flight.loses
            case RunNotFound():
                reason = not views or watch.views[0] is views[0]
            case InputMismatch():
                reason = request.input not in (None, watch.last.input)
            case RunBusy():
                contended = error.until == 0 and len(views) > CONTENDED
                reason = contended or any(view.held_until == error.until for view in views)
            case LeaseLost():
                reason = flight in watch.saved_at and watch.owner is not flight and is_told(flight, watch)
            case SignalNotExpected():
                reason = flight.verb == "signal" and ended
            case RunEnded():
                reason = flight.verb in ("cancel", "pause") and ended
            case NotRetryable():
                may = {"resolve": is_resolvable, "retry_step": is_retryable}[flight.verb]
                reason = any(not may(view, flight) for view in views)
            case _:
                reason = False
        return reason

    def logged(self, record: LogRecord) -> None:
        """Take what was logged: what listeners raise, lost answers, and outcomes for which nobody waits any more."""
        said = record.args if isinstance(record.args, tuple) else ()
        errors = [
            each for each in said if isinstance(each, BaseException)
        ]  # Flux's own go without a traceback
        error = record.exc_info[1] if record.exc_info else next(iter(errors), None)
        nobody = isinstance(error, LeaseLost) and "was completed after run" in str(error)
        lost = isinstance(error, StoreError) and self.flight.loses
        if not (isinstance(error, Noise) or nobody or lost):
            self.wrongs.append(f"nothing is logged without a reason: {record.getMessage()}: {error!r}")


CONTENDED = 9
"""So many saves of others, at least, before a call gives up writing a run."""


def is_told(flight: Flight, watch: Watch) -> bool:
    """Whether the run knows of the commit that a worker made before it lost its lease."""
    deeds = watch.since_save[flight]
    if not deeds or (deeds[-1].part, deeds[-1].act) != (DO, OK) or flight.loses:
        return True
    name, view = deeds[-1].node, watch.last
    told = (
        watch.nodes[name].kind == "step"
        or f"outcome {name}" in view.inbox
        or view.status is RunStatus.COMPLETED
    )
    return told or any(record.name == name for record in behind(view))


def is_resolvable(view: Run, flight: Flight) -> bool:
    """Whether the run has failed at that commit."""
    at = standing(view)
    failed = view.status is RunStatus.FAILED and at is not None
    return failed and at is not None and (at.name, at.kind) == (flight.request.step, "commit")


def is_retryable(view: Run, flight: Flight) -> bool:
    """Whether the run can go back to before that step."""
    begun = {record.name: record for record in view.history}
    if view.status not in (RunStatus.FAILED, RunStatus.COMPLETED) or flight.request.step not in begun:
        return False
    record = begun[flight.request.step]
    return flight.request.redo or record.kind != "commit" or record.status is not StepStatus.COMPLETED
