"""What must hold of every save of a run, whoever makes it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from crash.model import DO, OK
from crash.seen import behind, is_for_a_person, is_free, is_to_pause, replayed, standing, undone
from crash.walked import Walked

from flux_core import RunStatus as Status
from flux_core import StepStatus

if TYPE_CHECKING:
    from crash.fleet import Flight

    from flux_core import Run

MAX_INTERRUPTIONS: Final = 2
LEGAL: Final = {
    Status.PENDING: {Status.RUNNING, Status.PAUSED, Status.CANCELLED},
    Status.RUNNING: {
        Status.SUSPENDED,
        Status.PAUSED,
        Status.COMPLETED,
        Status.FAILED,
        Status.CANCELLED,
        Status.ROLLING_BACK,
    },
    Status.SUSPENDED: {Status.RUNNING, Status.PAUSED, Status.CANCELLED},
    Status.PAUSED: {
        Status.RUNNING,
        Status.FAILED,
        Status.CANCELLED,
        Status.ROLLING_BACK,
        Status.COMPENSATION_FAILED,
    },
    Status.COMPLETED: {Status.RUNNING},
    Status.FAILED: {Status.RUNNING},
    Status.CANCELLED: set[Status](),
    Status.ROLLING_BACK: {Status.PAUSED, Status.ROLLED_BACK, Status.COMPENSATION_FAILED},
    Status.ROLLED_BACK: set[Status](),
    Status.COMPENSATION_FAILED: {Status.ROLLING_BACK},
}
"""What a status may change to."""
WORKING: Final = {"execute", "signal", "cancel", "resume", "resolve", "retry_step", "tick", "wake"}
LETTERS: Final = {
    "signal": "signal",
    "cancel": "cancel",
    "pause": "pause",
    "resume": "resume",
    "resolve": "outcome",
}
"""The kind of letter that each call sends."""
STOPS: Final = {"cancel": Status.CANCELLED, "pause": Status.PAUSED}
"""What a call may make of a run that nobody holds."""


class Watch(Walked):
    """One run, as it was created and as every save has left it."""

    def created(self, flight: Flight, view: Run) -> None:
        """Take the run as it was created."""
        self.views.append(view)
        held = flight.verb == "execute"
        self.check(
            view.status is (Status.RUNNING if held else Status.PENDING), "a run begins running, or pending"
        )
        self.check((view.history, view.data, view.inbox) == ((), {}, ()), "a run begins with nothing")
        self._check_wake(flight, view)
        if held:
            self._hold(flight)

    def saved(self, flight: Flight, view: Run) -> None:
        """Look at a save."""
        before = self.last
        self.views.append(view)
        self.was_back = self.is_back
        self.is_back = self.was_back or view.status is Status.ROLLING_BACK
        self.check(view.revision == before.revision + 1, "a save is the next revision")
        origin = (view.id, view.workflow, view.version, view.input, view.initial, view.created_at)
        was = (before.id, before.workflow, before.version, before.input, before.initial, before.created_at)
        self.check(origin == was, "the origin of a run stays")
        legal = view.status is before.status or view.status in LEGAL[before.status]
        self.check(legal, "a status changes as the table says")
        if len(view.inbox) > len(before.inbox) and is_same(before, view._replace(inbox=before.inbox)):
            self._posted(flight, before, view)
        elif flight.verb == "beat":
            self._renewed(flight, before, view)
        elif flight is self.owner:
            self.went_on(flight, before, view)
        elif view.status is STOPS.get(flight.verb):
            self._stopped(flight, before, view)
        else:
            self._claimed(flight, before, view)
        self._check_letters(flight, before, view)
        self._check_data(before, view)
        self._check_wake(flight, view)

    # Saves of those who do not hold the run.

    def _posted(self, flight: Flight, before: Run, view: Run) -> None:
        """Take a letter that was put into the inbox."""
        kind, _, name = view.inbox[-1].partition(" ")
        request, tells = flight.request, flight in self.saved_at and kind == "outcome"
        self.check(tells or kind == LETTERS.get(flight.verb), "a letter is of its sender", kind)
        if kind == "signal":
            self.check(request.id not in self.delivered, "a signal is delivered once", request.id)
            self.delivered.add(request.id)
            self.sent[name].append(request.payload)
        elif kind == "cancel":
            self.cancels.append(request.compensate)
        elif tells:
            deed = self.made(flight, name, DO)
            knows = deed is not None and deed.act == OK  # or was not told that it is saved
            self.check(knows or flight.loses, "an outcome is told by whoever knows it")
            generation = int(deed.key.split("/")[2]) if deed else 1 + self.generations[name]
            self.outcomes.append((name, generation, self.moment))
        elif kind == "outcome":
            at = standing(before)
            self.check(before.status is Status.FAILED and at, "only a failed run is resolved")
            self.check(
                at and (at.name, at.kind) == (name, "commit"), "the commit that has failed is resolved"
            )
            self.resolved.append((name, request.output))
            self.outcomes.append((*self.due(name), self.moment))
            self.decided_at.append(self.moment)
        if kind in ("signal", "cancel", "pause"):
            self.check(not before.status.ended, "a run that has ended gets no such letter", kind)
        if kind in ("signal", "cancel"):
            self.check(not self.was_back, "a run that goes back gets no such letter", kind)

    def _renewed(self, flight: Flight, before: Run, view: Run) -> None:
        """Take it that the heart of a worker has renewed its lease."""
        self.check(self.owner is flight.request.heart_of, "only the holder renews its lease")
        self.check(is_same(before, view._replace(held_until=before.held_until)), "nothing else is renewed")
        self.check((view.held_until or 0) > (before.held_until or 0), "a lease is made longer")

    def _stopped(self, flight: Flight, before: Run, view: Run) -> None:
        """Take it that the run was stopped by who does not hold it."""
        self.check(is_free(before, flight), "a run that is held is not stopped from outside")
        stood = view._replace(
            status=before.status,
            held_until=before.held_until,
            waits_for=before.waits_for,
            waits_until=before.waits_until,
            inbox=before.inbox,
        )
        self.check(is_same(before, stood), "nothing else of a stopped run changes")
        self.check(view.held_until is None, "a stopped run is held by nobody")
        self.check(view.status is Status.PAUSED or not any(self.cancels), "who asks for compensation gets it")
        self.is_lost = before.held_until is not None
        self.owner = None

    def _claimed(self, flight: Flight, before: Run, view: Run) -> None:
        """Look at the save by which a worker takes the run."""
        self.check(flight.verb in WORKING and is_free(before, flight), "a run that is held is not taken")
        lost, self.is_lost = before.held_until is not None or self.is_lost, False
        if self._is_retried(flight, before):
            self._retried(flight, before, view)
        else:
            self._check_claim(flight, before)
            self.check(behind(view) == behind(before), "who takes a run puts nothing behind")
            again = before.status is Status.FAILED
            self.check(again or view.expires_at == before.expires_at, "the time-out of a run stays")
            idle = self.was_back and not self.undoable(before)  # there was nothing left to be interrupted
            anew = before.status.ended
            interruptions = 0 if anew else before.interruptions + (lost and not idle)
            self.check(view.interruptions == interruptions, "each interruption is counted")
        if view.held_until is not None:
            self.check(
                view.status is (Status.ROLLING_BACK if self.was_back else Status.RUNNING),
                "who is taken goes on",
            )
            self._hold(flight)
        else:
            loops = lost and view.interruptions == MAX_INTERRUPTIONS
            failed = Status.COMPENSATION_FAILED if self.was_back else Status.FAILED
            self.check(
                loops and view.status is failed, "a run is a crash loop when it was interrupted too often"
            )
            self.owner = None
        if before.status is Status.COMPENSATION_FAILED:
            self.failures.clear()

    def _check_claim(self, flight: Flight, before: Run) -> None:
        """Check that whoever takes the run may do so."""
        status, person, at = before.status, flight.verb == "resume", standing(before)
        if status is Status.PAUSED:
            self.check(person or "cancel" in before.inbox, "a pause holds")
        elif status is Status.COMPENSATION_FAILED:
            self.check(
                person or flight.request.retry_failed, "a failed rollback waits for a person, or a redelivery"
            )
        elif status is Status.FAILED:
            self.check(
                at and f"outcome {at.name}" in before.inbox, "a failed run waits for a person, or its outcome"
            )
        elif before.held_until is None and status is not Status.PENDING:
            due = before.wake_at is not None and before.wake_at <= flight.latest
            self.check(due, "a run rests until it is due, and an ended one for ever")

    def _is_retried(self, flight: Flight, before: Run) -> bool:
        if flight.verb == "retry_step":
            return before.status in (Status.FAILED, Status.COMPLETED)
        failed = before.status is Status.FAILED and before.error is not None and before.error.retryable
        return failed and flight.request.retry_failed

    def _retried(self, flight: Flight, before: Run, view: Run) -> None:
        """Take it that the run goes back to before a node."""
        done = behind(before)
        place = self.names.index(flight.request.step) if flight.verb == "retry_step" else len(done)
        self.check(place < len(before.history), "a retry is of a node that was begun")
        forgotten = behind(view) == done[:place] and standing(view) is None
        self.check(forgotten, "a retry forgets what is from its node on, no more")
        for record in [*done[place:], *self.kept.values()]:
            if record.kind != "commit" or record.status is not StepStatus.COMPLETED:
                continue
            if flight.request.redo:
                self.kept.pop(record.name, None)
                self.generations[record.name] += 1
            else:
                self.check(record.name != self.names[place], "a completed commit is only redone on demand")
                self.kept[record.name] = record
        self.check((view.error, view.interruptions) == (None, 0), "a retry begins anew")
        self.failures.clear()
        if flight.verb == "retry_step":
            self.decided_at.append(self.moment)

    def _hold(self, flight: Flight) -> None:
        self.owner = flight
        self.saved_at[flight] = self.moment
        self.since_save[flight].clear()

    # What holds after every save.

    def _check_letters(self, flight: Flight, before: Run, view: Run) -> None:
        """Check that no letter is lost: each stays in the inbox until it has been served."""
        for name, sent in self.sent.items():
            left = view.inbox.count(f"signal {name}")
            self.check(
                left == len(sent) - self.taken[name], "a signal stays until a wait takes it, and no longer"
            )
        names = {record.name for record in behind(view)}
        for letter in Counter(before.inbox) - Counter(view.inbox):
            kind, _, name = letter.partition(" ")
            if kind in ("pause", "resume"):
                served = before.status is Status.PAUSED or before.status.ended or flight.verb == "resume"
                same = is_to_pause(before.inbox) is is_to_pause(view.inbox)
                self.check(served or same, "a pause stays until it is served")
            elif kind == "cancel":
                served = self.is_back or view.status is Status.CANCELLED
                self.check(served, "a cancel stays until it is served")
            elif kind == "outcome":
                self.check(name in names, "an outcome stays until its commit is behind")

    def _check_data(self, before: Run, view: Run) -> None:
        """Check that data is what was changed, in order."""
        if self.was_back:
            late = behind(view)[len(behind(before)) :]
            data = replayed(before.data, [*late, *undone(view)[len(undone(before)) :]])
        else:
            data = replayed(view.initial, view.history)
            if self.is_back:
                data = replayed(data, [self.kept[name] for name in self.names if name in self.kept])
        self.check(view.data == data, "data is what was changed, in order", data)

    def _check_wake(self, flight: Flight, view: Run) -> None:
        """Check that somebody will look at the run if nothing else happens."""
        wake_at, held, now = view.wake_at, view.held_until, flight.latest
        if view.status is Status.PAUSED:
            self.check(wake_at is None or "cancel" in view.inbox, "a paused run stands still")
        elif view.status.ended:
            self.check(
                wake_at is None or view.status is Status.FAILED, "nobody looks at a run that has ended"
            )
        elif held is not None:
            self.check(
                wake_at is not None and wake_at <= max(held, now), "somebody looks when a lease is over"
            )
        else:
            self.check(view.status is not Status.RUNNING, "somebody holds a run that is running")
            latest = self._due_at(view, now)
            due = latest is None or (wake_at is not None and wake_at <= max(latest, now))
            self.check(due, "somebody looks when a run is due")
        held_by = view.status in (Status.RUNNING, Status.ROLLING_BACK)
        self.check(held is None or held_by, "nobody holds a run that rests")

    def _due_at(self, view: Run, now: float) -> float | None:
        """Return when somebody must look at a run that nobody holds; None if that is when a signal comes."""
        if self.is_back:
            return now if view.waits_until is None else view.waits_until
        if {"cancel", "pause", f"signal {view.waits_for}"} & set(view.inbox):
            return now
        ends = [end for end in (view.waits_until, view.expires_at) if end is not None]
        return min(ends, default=now if view.waits_for is None else None)

    # The end.

    def check_end(self) -> None:
        """Check what holds when everything has come to rest."""
        view, at = self.last, standing(self.last)
        self.check(view.status.ended, "every run ends")
        if self.cancels:
            gone = view.status in (Status.CANCELLED, Status.ROLLED_BACK, Status.COMPENSATION_FAILED)
            self.check(gone or is_for_a_person(view), "a run that was cancelled is")
        if (
            is_for_a_person(view)
            and view.error is not None
            and view.error.code == "INTERRUPTED"
            and at is not None
        ):
            self.check(not self.told(at.name, self.moment), "an outcome completes an interrupted commit")


def is_same(before: Run, view: Run) -> bool:
    """Whether nothing but the time of the save and of the next look is different."""
    return before == view._replace(
        revision=before.revision, wake_at=before.wake_at, updated_at=before.updated_at
    )
