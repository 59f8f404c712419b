"""What is known of one run from outside: how every save has left it, what was done for it, what it was sent."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, Final

from crash.model import LARGE

from flux_core import RunStatus, StepStatus

if TYPE_CHECKING:
    from collections.abc import Iterable

    from crash.fleet import Flight
    from crash.model import Deed, NodeModel, RunModel

    from flux_core import Run, StepRecord

BEHIND: Final = {StepStatus.COMPLETED, StepStatus.SKIPPED, StepStatus.COMPENSATING, StepStatus.COMPENSATED}
FOR_A_PERSON: Final = {"INTERRUPTED", "CRASH_LOOP"}
"""The codes of failures that nobody but a person goes on from."""


class Seen:
    """One run, watched by the public view of it."""

    def __init__(self, model: RunModel, wrongs: list[str]) -> None:
        self.id = model.id
        self._wrongs = wrongs
        self.nodes: dict[str, NodeModel] = dict(model.named())
        self.names = list(self.nodes)
        self.views: list[Run] = []
        """The run as each save has left it."""
        self.owner: Flight | None = None
        """Who holds the run."""
        self.saved_at: dict[Flight, int] = {}
        """Whoever has held the run, and how many saves there were when it last saved it."""
        self.is_back = False
        """Whether the run goes back, or has."""
        self.was_back = False
        """The same, before the save that is looked at."""
        self.is_lost = False
        """Whether the run was paused after its worker was lost, and nobody has counted that yet."""
        self.since_save: dict[Flight, list[Deed]] = defaultdict(list)
        """What a call has done since it last saved the run."""
        self.deeds: dict[int, Deed] = {}
        self.by_key: dict[str, list[Deed]] = defaultdict(list)
        self.begun_at: dict[int, int] = {}
        """How many saves there were when the worker that did a deed had last saved the run."""
        self.failed: set[int] = set()
        """The numbers of deeds that were saved as failed attempts."""
        self.failures: Counter[tuple[str, str]] = Counter()
        """Failed attempts that were saved, by node and part, since the node was begun anew."""
        self.generations: Counter[str] = Counter()
        """How often a commit was redone."""
        self.kept: dict[str, StepRecord] = {}
        """Completed commits that a retry went back over."""
        self.sent: dict[str, list[Any]] = defaultdict(list)
        """The payloads of the signals that were put into the inbox, by name, in order."""
        self.taken: Counter[str] = Counter()
        """How many of them a wait has taken."""
        self.delivered: set[str] = set()
        """The ids of these signals."""
        self.cancels: list[bool] = []
        """The cancellations that were put into the inbox: with compensation, or without."""
        self.resolved: list[tuple[str, Any]] = []
        """What persons have said that came of a commit."""
        self.outcomes: list[tuple[str, int, int]] = []
        """Of which node and generation the run was told the outcome, and at which save."""
        self.decided_at: list[int] = []
        """At which saves a person has decided something."""

    @property
    def last(self) -> Run:
        """The run as it stands."""
        return self.views[-1]

    @property
    def moment(self) -> int:
        """How many saves there were."""
        return len(self.views)

    def check(self, holds: object, claim: str, *about: object) -> None:
        """Note a claim that does not hold."""
        if not holds:
            shown = "".join(f"\n    {view}" for view in self.views[-2:])
            wrong = f"{claim} {about or ''}: {self.id}, save {self.moment}{shown}"
            self._wrongs.append(wrong.replace(LARGE * ".", "..."))

    def due(self, name: str) -> tuple[str, int]:
        """Return the node and its generation that is due."""
        return name, 1 + self.generations[name]

    def key(self, name: str) -> str:
        """Return the idempotency key that is due."""
        return f"{self.id}/{name}/{1 + self.generations[name]}"

    def told(self, name: str, upto: int) -> bool:
        """Whether the run was told by that save what came of the commit that is due."""
        due = self.due(name)
        return any((node, generation) == due and moment <= upto for node, generation, moment in self.outcomes)

    def undoable(self, view: Run) -> list[str]:
        """Return the nodes that have completed and have a compensation, in order."""
        done = {
            record.name for record in behind(view) if record.status is not StepStatus.SKIPPED
        } | self.kept.keys()
        return [name for name, node in self.nodes.items() if name in done and node.undoes]

    def made(self, flight: Flight, name: str, part: str) -> Deed | None:
        """Return the last that a call has done for that part of a node since it last saved the run."""
        deeds = [deed for deed in self.since_save[flight] if (deed.node, deed.part) == (name, part)]
        return deeds[-1] if deeds else None


def behind(view: Run) -> list[StepRecord]:
    """Return the nodes that are behind; one that is being compensated, as it stood."""
    return [
        record
        if record.status is StepStatus.SKIPPED
        else record._replace(status=StepStatus.COMPLETED, error=None)
        for record in view.history
        if record.status in BEHIND
    ]


def undone(view: Run) -> list[StepRecord]:
    """Return the compensations that have completed."""
    return [record for record in view.compensations if record.status is StepStatus.COMPENSATED]


def outputs(view: Run) -> dict[str, Any]:
    """Return the outputs of the completed nodes, by name."""
    return {record.name: record.output for record in behind(view) if record.status is not StepStatus.SKIPPED}


def standing(view: Run) -> StepRecord | None:
    """Return the node that the run stands at, if it was begun."""
    return view.history[-1] if view.history and view.history[-1].status not in BEHIND else None


def is_for_a_person(view: Run) -> bool:
    """Whether the run has failed with what nobody but a person goes on from."""
    return view.status is RunStatus.FAILED and view.error is not None and view.error.code in FOR_A_PERSON


def is_free(view: Run, flight: Flight) -> bool:
    """Whether nobody holds the run, as far as the call can know."""
    return view.held_until is None or view.held_until <= flight.latest


def is_to_pause(inbox: Iterable[str]) -> bool:
    """Whether the last word about it is that the run is to pause."""
    words = [letter for letter in inbox if letter in ("pause", "resume", "cancel")]
    return words[-1:] == ["pause"]


def replayed(data: dict[str, Any], records: Iterable[StepRecord]) -> dict[str, Any]:
    """Return data as the records change it."""
    changed = dict(data)
    for record in records:
        changed.update(record.changes)
    return {name: value for name, value in changed.items() if value is not None}
