"""What is written to a run by those who do not hold it: letters, a stop, a later end of a lease.

It is done on the document as it stands, by compare-and-swap like every save; the run's values are not looked at.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from flux_core._display import LAST_MOMENT
from flux_core._document import UnreadableRun, parse
from flux_core._effects import Delay, Load, PutBlob, Save
from flux_core._entry import Lease
from flux_core._errors import (
    Conflict,
    Interrupted,
    LeaseLost,
    NotRetryable,
    RunBusy,
    RunEnded,
    RunNotFound,
    StoreError,
)
from flux_core._ids import check_id
from flux_core._letter import CANCEL, OUTCOME, PAUSE, REMEMBERED, RESUME, Letter, last_word, letter_text
from flux_core._listeners import report_failure
from flux_core._status import HELD, RUN_TRANSITIONS, RunStatus
from flux_core._stored import NOT_SMALL, put_out, reference
from flux_core._workflow import COMMIT

if TYPE_CHECKING:
    from collections.abc import Callable

    from flux_core._effects import Flow
    from flux_core._entry import Entry, Origin
    from flux_core.storage import Record

TRIES: Final = 10  # how often a run is looked at again because somebody else wrote it first
FAILURES: Final = 3  # how often the store may fail before its error is the caller's
PAUSE_AFTER_FAILURE: Final = 0.1  # seconds


class Draft:
    """A stored run, while somebody who does not hold it writes to it."""

    def __init__(self, record: Record, time: float) -> None:
        self.record = record
        self.status = record.status
        self.document = parse(record)
        self.time = time
        self.blobs: dict[str, bytes] = {}
        """What the document refers to and the store may not hold yet."""
        self._wake_at = record.wake_at

    @property
    def lease(self) -> Lease | None:
        """The lease, also one that has run out."""
        return Lease(**self.document["lease"]) if "lease" in self.document else None

    @property
    def held(self) -> bool:
        """Whether a worker holds the run."""
        return self.lease is not None and self.lease.until > self.time

    @property
    def back(self) -> bool:
        """Whether the run goes back."""
        return bool(self.document.get("back", False))

    def has(self, letter_id: str) -> bool:
        """Whether the run was sent that letter before, or was stopped or held by its sender."""
        return letter_id in self.document.get("received", ())

    def is_paused(self) -> bool:
        """Whether the inbox says that the run is to pause."""
        return last_word(raw["kind"] for raw in self.document.get("inbox", ())) == PAUSE

    def is_doubtful(self) -> bool:
        """Whether nobody knows what came of the open commit, which must not be made again."""
        return bool(self.document.get("current", {}).get("intent"))

    def is_cancelled(self) -> bool:
        """Whether the inbox says that the run is to be cancelled, and it does not go back yet."""
        return not self.back and any(raw["kind"] == CANCEL for raw in self.document.get("inbox", ()))

    def send(self, letter: Letter, *, wake: bool = True) -> None:
        """Put the letter into the inbox; somebody is to look at it now, or when the lease of the holder is over."""
        document = self.document
        document["sequence"] = document.get("sequence", 0) + 1
        self.note(letter.id)
        text = letter_text(letter._replace(number=document["sequence"]), self._stored)
        document["inbox"] = [*document.get("inbox", ()), json.loads(text)]
        lease = self.lease
        if wake and lease is not None and self.held:
            self._wake_at = lease.until if self._wake_at is None else min(self._wake_at, lease.until)
        elif wake:
            self._wake_at = self.time

    def stop(self, status: RunStatus, writer: str) -> None:
        """Move a run that nobody holds to a status in which nobody needs to look at it.

        That a worker was lost is remembered: whoever goes on with a paused run counts the interruption.
        """
        self.note(writer)
        if status not in RUN_TRANSITIONS[self.status]:
            raise AssertionError(f"run {self.record.id!r} cannot go from {self.status} to {status}")
        self.status = status
        self._wake_at = None
        if self.document.pop("lease", None):
            self.document["lost"] = True

    def hold(self, token: str, until: float) -> None:
        """Let that worker hold the run until then."""
        self.document["lease"] = {"token": token, "until": until}
        if not self.status.ended and self.status is not RunStatus.PAUSED:
            self._wake_at = until

    def sealed(self, writer: str) -> Record:
        """Return what is to be saved; it notes over which worker's save it was written."""
        record = self.record
        self.document.setdefault("over", [record.revision, record.writer])
        return record._replace(
            status=self.status,
            revision=record.revision + 1,
            writer=writer,
            wake_at=self._wake_at,
            updated_at=self.time,
            document=json.dumps(self.document, separators=(",", ":")).encode(),
        )

    def note(self, writer: str) -> None:
        """Remember who wrote, so that nothing is written twice after an answer was lost."""
        self.document["received"] = [*self.document.get("received", ()), writer][-REMEMBERED:]

    def _stored(self, text: str) -> str:
        return text if len(text) <= NOT_SMALL else reference(put_out(text, self.blobs))


def change(run_id: str, writer: str, decide: Callable[[Draft], bool]) -> Flow[Record]:
    """Write to a run what `decide` makes of it, unless it returns False; return the run as it is stored then.

    What fails is tried again a few times; what is read then tells whether a write stood.

    Raises:
        RunNotFound: there is no such run.
        RunBusy: others wrote it again and again.
        StoreError: the store failed again and again, or the run cannot be read.
    """
    failures = 0
    for _ in range(TRIES):
        try:
            stored, time, _ = yield Load(check_id(run_id))
            if stored is None:
                raise not_found(run_id)
            draft = Draft(stored, time)
            if draft.has(writer) or not decide(draft):  # it has what was written before an answer was lost
                return draft.record
            sealed = draft.sealed(writer)
            for key, value in draft.blobs.items():
                yield PutBlob(run_id, key, value)
            yield Save(sealed, draft.record.revision)
        except Conflict:
            continue
        except UnreadableRun:
            raise
        except StoreError:
            failures += 1
            if failures == FAILURES:
                raise
            yield Delay(PAUSE_AFTER_FAILURE)
        else:
            return sealed
    raise contended(run_id)


def ask(run_id: str, writer: str, letter: Letter, allow: Callable[[Draft], bool]) -> Flow[Record]:
    """Send the run a letter, unless it was sent it before or `allow` says that it would change nothing."""

    def decide(draft: Draft) -> bool:
        if draft.has(letter.id) or not allow(draft):
            return False
        draft.send(letter, wake=draft.status is not RunStatus.PAUSED)
        return True

    return change(run_id, writer, decide)


def cancel(run_id: str, writer: str, *, compensate: bool, allow: Callable[[Draft], object]) -> Flow[Record]:
    """Cancel a run that nobody holds, or ask the worker that does.

    Whoever comes next is asked if there is more to do: to compensate, or to say that a commit is in doubt.

    Raises:
        RunEnded: it has ended.
    """

    def decide(draft: Draft) -> bool:
        allow(draft)
        _check_open(draft, "cancelled")
        if draft.back or (draft.is_cancelled() and not compensate):
            return False
        if compensate or draft.held or draft.is_doubtful():
            draft.send(Letter(CANCEL, writer, compensate=compensate))
        else:
            draft.stop(RunStatus.CANCELLED, writer)
        return True

    return change(run_id, writer, decide)


def pause(run_id: str, writer: str) -> Flow[Record]:
    """Pause a run that nobody holds, or ask the worker that does.

    Raises:
        RunEnded: it has ended.
    """

    def decide(draft: Draft) -> bool:
        _check_open(draft, "paused")
        if draft.status is RunStatus.PAUSED or (draft.is_paused() if draft.held else draft.is_cancelled()):
            return False
        if draft.held:
            draft.send(Letter(PAUSE, writer))
        else:
            draft.stop(RunStatus.PAUSED, writer)
        return True

    return change(run_id, writer, decide)


def take_pause_back(run_id: str, writer: str) -> Flow[bool]:
    """Ask the worker that holds a run to forget that it was to pause; return whether it was."""
    paused = False

    def decide(draft: Draft) -> bool:
        nonlocal paused
        paused = draft.held and draft.is_paused()
        if paused:
            draft.send(Letter(RESUME, writer))
        return paused

    yield from change(run_id, writer, decide)
    return paused


def resolve(run_id: str, writer: str, letter: Letter, allow: Callable[[Draft], object]) -> Flow[Record]:
    """Tell a failed run what came of the commit that it failed at.

    Raises:
        NotRetryable: the run has not failed at that commit.
    """

    def decide(draft: Draft) -> bool:
        allow(draft)
        current = draft.document.get("current", {})
        at = (current.get("name"), current.get("kind"))
        if draft.status is not RunStatus.FAILED or at != (letter.name, COMMIT):
            where = f" at {at[1]} {at[0]!r}" if current else ""
            raise NotRetryable(
                f"run {run_id!r} is {draft.status}{where}: of {letter.name!r} there is nothing to resolve, only of a"
                f" commit at which a run has failed; see it with: flux show {run_id}"
            )
        draft.send(letter._replace(generation=_generation(draft, letter.name)))
        return True

    return change(run_id, writer, decide)


def tell_outcome(run_id: str, entry: Entry, generation: int, worker: str) -> Flow[None]:
    """Tell a run that was taken over what came of a commit: what was done in the world is not forgotten.

    It completes the commit if that is still open, or has failed as `Interrupted`.
    """
    letter = Letter(
        OUTCOME,
        f"{worker}/{entry.name}",
        name=entry.name,
        value=entry.output,
        generation=generation,
        changes=entry.changes,
        removed=entry.removed,
    )

    def decide(draft: Draft) -> bool:
        if draft.status is RunStatus.COMPLETED:
            return False
        if draft.status in (RunStatus.CANCELLED, RunStatus.ROLLED_BACK):
            lost = LeaseLost(f"commit {entry.name!r} was completed after run {run_id!r} was {draft.status}")
            report_failure(f"telling run {run_id!r} the outcome", lost)
        current = draft.document.get("current", {})
        doubtful = (
            current.get("name") == entry.name and current.get("error", {}).get("code") == Interrupted.code
        )
        awaited = draft.status is RunStatus.FAILED and doubtful
        due = awaited and generation == _generation(draft, entry.name)
        draft.send(letter, wake=due or not (draft.status.ended or draft.status is RunStatus.PAUSED))
        return True

    try:
        yield from change(run_id, letter.id, decide)
    except (RunNotFound, RunBusy, StoreError) as error:
        report_failure(f"telling run {run_id!r} the outcome of commit {entry.name!r}", error)


def renew(run_id: str, token: str, span: float, writer: str) -> Flow[tuple[bool, bool]]:
    """Renew a worker's lease of which less than half is left; return whether it is held, and is to be cancelled."""
    held = cancelled = False

    def decide(draft: Draft) -> bool:
        nonlocal held, cancelled
        lease = draft.lease
        held = lease is not None and lease.token == token and draft.status in HELD
        cancelled = draft.is_cancelled()
        if not held or lease is None or lease.until - draft.time >= span / 2:
            return False
        draft.hold(token, draft.time + span)
        return True

    yield from change(run_id, writer, decide)
    return held, cancelled


def hold(run_id: str, worker: str, lease: float) -> Flow[Record]:
    """Hold a run that nobody holds, so that nobody else begins to.

    Raises:
        RunBusy: a worker holds it.
        StoreError: nobody can work on the run, for it cannot be read.
    """

    def decide(draft: Draft) -> bool:
        check_free(run_id, draft.lease, draft.time)
        draft.hold(worker, draft.time + lease)
        draft.note(worker)
        return True

    return change(run_id, worker, decide)


def check_free(run_id: str, lease: Lease | None, time: float) -> None:
    """Do nothing if nobody holds the run.

    Raises:
        RunBusy: a worker does.
    """
    if lease is not None and lease.until > time:
        raise RunBusy(
            f"run {run_id!r} is held by worker {lease.token} until {utc(lease.until)}; try again after that, or see"
            f" it with: flux show {run_id}",
            until=lease.until,
        )


def check_workflow(record: Record | Origin, workflow: str) -> None:
    """Do nothing if the run is one of that workflow.

    Raises:
        RunNotFound: it is one of another.
    """
    if record.workflow != workflow:
        raise RunNotFound(f"run {record.id!r} is one of workflow {record.workflow!r}, not of {workflow!r}")


def not_found(run_id: str) -> RunNotFound:
    """Return the error that there is no such run."""
    return RunNotFound(f"no run {run_id!r} in the store; see those there are with: flux list")


def contended(run_id: str) -> RunBusy:
    """Return the error that a run could not be written for all that others write to it."""
    return RunBusy(f"run {run_id!r} is being written by others again and again; try again", until=0.0)


def utc(time: float) -> str:
    """Return Unix seconds as the time of day in UTC."""
    from time import gmtime, strftime  # for messages

    return strftime("%H:%M:%SZ", gmtime(min(time, LAST_MOMENT)))


def _check_open(draft: Draft, done: str) -> None:
    if draft.status.ended:
        run_id = draft.record.id
        raise RunEnded(
            f"run {run_id!r} is {draft.status}: it has ended and cannot be {done}; see it with: flux show {run_id}"
        )


def _generation(draft: Draft, name: str) -> int:
    return int(draft.document.get("generations", {}).get(name, 1))
