"""What must hold of the saves by which a worker goes on with the run that it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from crash.model import (
    ASK,
    DO,
    FATAL,
    LATE,
    NEWS,
    OK,
    RAISE,
    SLEEP,
    STUCK,
    UNDO,
    UNKNOWN,
    UNSAVEABLE,
    WAIT,
    WAIT_SHORT,
)
from crash.seen import Seen, behind, is_for_a_person, is_to_pause, standing, undone

from flux_core import RunStatus, StepStatus

if TYPE_CHECKING:
    from crash.fleet import Flight
    from crash.model import Deed, NodeModel

    from flux_core import Run, StepRecord

FAILING: Final = {
    RAISE: "STEP_FAILED",
    FATAL: "FATAL",
    UNKNOWN: "OUTCOME_UNKNOWN",
    LATE: "STEP_TIMEOUT",
    STUCK: "STEP_TIMEOUT",
    UNSAVEABLE: "NOT_SERIALIZABLE",
}
"""The acts that fail an attempt, and the code of its error."""
RETRIED: Final = {RAISE, UNKNOWN, LATE}


class Walked(Seen):
    """The run, as whoever holds it walks from node to node, or back."""

    def went_on(self, flight: Flight, before: Run, view: Run) -> None:
        """Look at a save by the worker that holds the run."""
        for deed in self.since_save[flight]:
            if deed.act in FAILING and deed.number not in self.failed:
                self.failed.add(deed.number)
                self.failures[deed.node, deed.part] += 1
        done, was = behind(view), behind(before)
        self.check(done[: len(was)] == was, "what is behind stays as it is")
        for place, record in enumerate(done[len(was) :], len(was)):
            self._put_behind(flight, before, place, record)
        self._compensated(flight, before, view)
        completed = any(record.status is StepStatus.COMPLETED for record in done[len(was) :])
        forgiven = completed or len(undone(view)) > len(undone(before))
        interruptions = 0 if forgiven else before.interruptions
        self.check(
            view.interruptions == interruptions, "what has completed forgives interruptions, nothing else"
        )
        self.check(view.expires_at == before.expires_at, "the time-out of a run stays")
        self._decided(flight, before, view)
        if view.held_until is None:
            self.owner = None
        self.saved_at[flight] = self.moment
        self.since_save[flight].clear()

    # Nodes that are put behind.

    def _put_behind(self, flight: Flight, before: Run, place: int, record: StepRecord) -> None:
        """Look at a node that the save has put behind."""
        name = record.name
        self.check(self.names[place : place + 1] == [name], "nodes are put behind in their order")
        self.failures[name, DO] = 0
        if record.status is StepStatus.SKIPPED:
            self._skipped(flight, before, self.nodes[name])
        elif kept := self.kept.pop(name, None):
            same = (kept.output, kept.changes, kept.attempts) == (
                record.output,
                record.changes,
                record.attempts,
            )
            self.check(same, "a completed commit that a retry went back over counts as it stood")
        elif record.output is None:
            over = self._is_over(flight, before, name) and before.waits_for is None
            self.check(over, "a sleep ends when it is over")
            self._check_suspended(record, SLEEP)
        elif isinstance(record.output, dict):
            self._check_done(flight, record)
        elif record.output[0] == "resolved":
            self.check((name, record.output) in self.resolved, "a commit is resolved as a person said")
        else:
            self._took(record)

    def _is_over(self, flight: Flight, before: Run, name: str) -> bool:
        """Whether the node stood open, and its time was up."""
        at = standing(before)
        open_ = at is not None and at.name == name and at.status is StepStatus.SUSPENDED
        return open_ and before.waits_until is not None and flight.latest >= before.waits_until

    def _skipped(self, flight: Flight, before: Run, node: NodeModel) -> None:
        at = standing(before)
        if at is not None and at.status is StepStatus.SUSPENDED and at.kind == "wait":
            over = node.on_timeout == "skip" and self._is_over(flight, before, at.name)
            self.check(over, "a wait is skipped when its time is up")
            self.check(
                f"signal {at.name}" not in before.inbox, "a signal that is there wins over the time-out"
            )
        else:
            self.check(node.when == "no", "a node is skipped if its condition says so")

    def _check_done(self, flight: Flight, record: StepRecord) -> None:
        """Check that what is recorded was done."""
        deed = self.deeds[record.output["deed"]]
        done = (deed.key, deed.part, deed.act) == (self.key(record.name), DO, OK)
        self.check(done, "what is recorded was done", deed)
        self.check(deed.changes == record.changes, "what a node has changed stands with it", deed)
        told = self.told(record.name, self.moment)
        self.check(deed.flight is flight or told, "a worker records what it has done, or was told")

    def _took(self, record: StepRecord) -> None:
        """Look at a wait that has got its signal."""
        name, node, signal = record.name, self.nodes[record.name], record.output[1]
        self.check(
            signal == (name if node.kind == "wait" else NEWS), "a wait takes the signal that it waits for"
        )
        sent, taken = self.sent[signal], self.taken[signal]
        self.check(sent[taken : taken + 1] == [record.output], "signals are taken in order, each once")
        self.taken[signal] += 1
        self._check_suspended(record, WAIT, WAIT_SHORT)

    def _check_suspended(self, record: StepRecord, *acts: str) -> None:
        """Check that what a handler changed before it suspended its run stands with its node."""
        if record.kind in ("step", "commit"):
            changes = [deed.changes for deed in self.by_key[self.key(record.name)] if deed.act in acts]
            self.check(record.changes in changes, "what a suspended node has changed stands with it")

    def _compensated(self, flight: Flight, before: Run, view: Run) -> None:
        """Look at the compensations that the save has put behind."""
        was, done = undone(before), undone(view)
        self.check(done[: len(was)] == was, "what is compensated stays as it is")
        names = [record.name for record in done]
        for place, record in enumerate(done[len(was) :], len(was)):
            due = [name for name in self.undoable(view) if name not in names[:place]]
            self.check(
                due[-1:] == [record.name], "compensations run in reverse, of completed nodes alone", due
            )
            deed = self.made(flight, record.name, UNDO)
            self.check(deed is not None and deed.act == OK, "what is compensated was compensated")
            self.check(
                deed and deed.changes == record.changes, "what a compensation has changed stands with it"
            )

    # What is decided.

    def _decided(self, flight: Flight, before: Run, view: Run) -> None:
        """Look at the status for which the worker has decided, with what lay in the inbox."""
        at, was = standing(view), standing(before)
        failed = not self.was_back and at is not None and at.status is StepStatus.FAILED
        if failed and not (was is not None and was.status is StepStatus.FAILED):
            self._check_failure(flight, before, view)
        else:
            failed = False
        if not self.is_back and view.status is not RunStatus.CANCELLED:
            self.check(
                "cancel" not in before.inbox or is_for_a_person(view), "a cancel that is there is heard"
            )
        if self.was_back == self.is_back and not view.status.ended and view.status is not RunStatus.PAUSED:
            self.check(not is_to_pause(before.inbox), "a pause that is there is heard")
        if self.is_back and not self.was_back:
            asked = "cancel" in before.inbox and any(self.cancels)
            doubtful = view.error is not None and failed and view.error.code in ("INTERRUPTED", "CRASH_LOOP")
            self.check(not doubtful, "an interrupted run waits for a person")
            self.check(asked or (failed and self.undoable(view)), "a run goes back for a reason")
        self._check_status(flight, before, view, failed=failed)

    def _check_status(self, flight: Flight, before: Run, view: Run, *, failed: bool) -> None:
        """Check that the run stands as its status says."""
        match view.status:
            case RunStatus.COMPLETED:
                self.check(len(behind(view)) == len(self.names), "a completed run has all its nodes behind")
            case RunStatus.SUSPENDED:
                self.check(f"signal {view.waits_for}" not in view.inbox, "a signal that is there is heard")
            case RunStatus.PAUSED:
                self.check(is_to_pause(before.inbox), "nobody pauses a run unasked")
            case RunStatus.CANCELLED:
                self.check("cancel" in before.inbox, "nobody cancels a run unasked")
                self.check(not any(self.cancels), "who asks for compensation gets it")
            case RunStatus.FAILED:
                self.check(failed, "a failed run stands at a failed node")
                final = is_for_a_person(view) or not self.undoable(view)
                self.check(final, "a failed run with compensations goes back")
            case RunStatus.ROLLED_BACK:
                done = {record.name for record in undone(view)}
                self.check(done == {*self.undoable(view)}, "a run is rolled back when all is compensated")
            case RunStatus.COMPENSATION_FAILED:
                record = view.compensations[-1]
                stuck = record.status is not StepStatus.COMPENSATED
                self.check(stuck, "a failed rollback stands at a failed compensation")
                self._check_spent(self.made(flight, record.name, UNDO), record.error and record.error.code)

    # Why a node has failed.

    def _check_failure(self, flight: Flight, before: Run, view: Run) -> None:
        """Look at a node that has failed for good."""
        at, was, error = view.history[-1], standing(before), view.error
        if error is None or at.error != error:
            self.check(holds=False, claim="a run fails with the error of its node")
            return
        node = self.nodes[at.name]
        self.check(not at.changes, "a failed node has changed nothing")
        if error.code == "INTERRUPTED":
            self.check(node.kind == "once" and was, "only a commit that is made once is interrupted")
        elif error.code == "WORKFLOW_TIMEOUT":
            over = before.expires_at is not None and flight.latest >= before.expires_at
            self.check(over, "the time-out of a run comes when its time is up")
        elif was is not None and was.status is StepStatus.SUSPENDED and was.name == at.name:
            over = error.code == "STEP_TIMEOUT" and self._is_over(flight, before, at.name)
            self.check(over, "a wait fails when its time is up")
            self.check(
                f"signal {before.waits_for}" not in before.inbox,
                "a signal that is there wins over the time-out",
            )
        else:
            deed = self.made(flight, at.name, ASK) if node.kind in ("sleep", "wait") else None
            self._check_spent(deed or self._last(flight, at.name), error.code)

    def _last(self, flight: Flight, name: str) -> Deed | None:
        """Return the last that the call has done for a node since it last saved the run."""
        deeds = [deed for deed in self.since_save[flight] if deed.node == name]
        return deeds[-1] if deeds else None

    def _check_spent(self, deed: Deed | None, code: Any) -> None:
        """Check that a node has failed as its last attempt did, and was tried as often as it says."""
        if deed is None:
            self.check(holds=False, claim="a node fails by an attempt")
        elif deed.part == ASK:
            self.check(
                code in ("STEP_FAILED", "INVALID_INPUT"), "a condition, or a length, fails its node", code
            )
        elif (deed.part, deed.act) == (UNDO, WAIT):
            self.check(code == "FATAL", "a compensation does not suspend its run")
        else:
            self.check(
                FAILING.get(deed.act) == code, "a node fails with the error of its attempt", deed, code
            )
            tried = self.failures[deed.node, deed.part]
            spent = deed.act not in RETRIED or tried == self.nodes[deed.node].retries + 1
            self.check(spent, "a node fails when its retries are spent", tried)
