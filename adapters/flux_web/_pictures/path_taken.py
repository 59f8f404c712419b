"""What a run made of a workflow's nodes: where each stands, which edges were taken, and where the run stands still."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from flux_core import RunStatus, StepStatus
from flux_web._pictures.definition import DONE, OPEN, Planned, in_hand, is_open, nodes_of_run, passed_by
from flux_web._pictures.marks import NOT_REACHED
from flux_web._pictures.standing import Standing, as_of, standing, undoing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flux_core import Run, StepRecord
    from flux_web._pictures.words import Zone

TOO_LONG: Final = 9  # digits, for a number of nodes
BACKWARD: Final = (RunStatus.ROLLING_BACK, RunStatus.ROLLED_BACK, RunStatus.COMPENSATION_FAILED)
_STANDS: Final = {
    RunStatus.PAUSED: "paused",
    RunStatus.SUSPENDED: "suspended",
    RunStatus.FAILED: "failed",
    RunStatus.CANCELLED: "cancelled",
} | dict.fromkeys(BACKWARD, "cancelled")


class Stop(NamedTuple):
    """A node of the picture."""

    node: Planned
    standing: Standing | None = None
    """Where it stands in the run; None without a run."""
    undo: Standing | None = None
    """Where its compensation stands, if the run went back and it has one."""
    record: StepRecord | None = None
    chosen: bool = False

    @property
    def reached(self) -> bool:
        """Whether the run came to it, if only to pass it by."""
        return self.standing is not None and self.standing.status != NOT_REACHED

    @property
    def passed_by(self) -> bool:
        """Whether its condition said no."""
        return self.record is not None and passed_by(self.record)


class PathTaken(NamedTuple):
    """A workflow's nodes, and what a run made of them."""

    stops: Sequence[Stop]
    run: Run | None = None
    goes_back: bool = False
    stands: str | None = None
    """How the run stands still between the last node that it came to and the next: `paused`, `cancelled`, ..."""

    @property
    def reached(self) -> int:
        """How many nodes the run came to."""
        return sum(stop.reached for stop in self.stops)

    @property
    def completed(self) -> bool:
        """Whether it came to its end."""
        return self.run is not None and self.run.status is RunStatus.COMPLETED


def path_taken(defined: list[Planned], run: Run | None, step: str | int | None, zone: Zone) -> PathTaken:
    """Return the nodes of the definition as they stand in the run; with a step, as they stood once it was done."""
    if run is None:
        return PathTaken([Stop(node, chosen=node.name == step) for node in defined])
    nodes = nodes_of_run(run, defined)
    passed = _passed(run, step)
    if passed is not None:
        return PathTaken(
            [_before(node, run, index, passed, zone) for index, node in enumerate(nodes)], _begun(run)
        )
    goes_back = bool(run.compensations) or run.status in BACKWARD
    last = _last_to_undo(nodes, run) if goes_back else -1
    stops = [
        _stop(node, run, index, zone, goes_back=goes_back, last=last)._replace(chosen=node.name == step)
        for index, node in enumerate(nodes)
    ]
    return PathTaken(stops, run, goes_back, _stands(run))


def _passed(run: Run, step: str | int | None) -> int | None:
    """Return how many of the nodes that the run came to the picture shows as reached; None for all."""
    if isinstance(step, int) or (step is not None and step.isdecimal() and len(step) < TOO_LONG):
        passed = int(step)
        return passed if passed < len(run.history) else None
    return next((index for index, record in enumerate(run.history, 1) if record.name == step), None)


def _begun(run: Run) -> Run:
    """Return the run as it was when it had begun: how it ended is not known there."""
    return run._replace(status=RunStatus.RUNNING)


def _before(node: Planned, run: Run, index: int, passed: int, zone: Zone) -> Stop:
    if index >= passed:
        return Stop(node, Standing())
    record = as_of(run.history[index])
    return Stop(node, standing(record, run, zone), record=record, chosen=index == passed - 1)


def _stop(node: Planned, run: Run, index: int, zone: Zone, *, goes_back: bool, last: int) -> Stop:
    if index >= len(run.history):
        next_one = index == len(run.history) and in_hand(run)
        return Stop(node, Standing("running" if next_one else NOT_REACHED))
    record = run.history[index]
    undo = (
        undoing(run, node.name, next_to_undo=index == last)
        if goes_back and _has_undo(node, run, index)
        else None
    )
    return Stop(node, standing(record, run, zone), undo, record)


def _has_undo(node: Planned, run: Run, index: int) -> bool:
    begun = any(record.name == node.name for record in run.compensations)
    return begun or (node.undoable and run.history[index].status in DONE)


def _last_to_undo(nodes: list[Planned], run: Run) -> int:
    """Return which node's compensation a worker has in hand, without a record yet; -1 if none."""
    if any(is_open(record) or record.status is StepStatus.FAILED for record in run.compensations):
        return -1
    begun = {record.name for record in run.compensations}
    left = [
        index
        for index, (node, record) in enumerate(zip(nodes, run.history, strict=False))
        if node.undoable and record.status in DONE and node.name not in begun
    ]
    return max(left, default=-1)


def _stands(run: Run) -> str | None:
    """Return how the run stands between two nodes; None if it goes on, or if a node shows how it stands."""
    last = run.history[-1].status if run.history else StepStatus.COMPLETED
    return None if last in (*OPEN, StepStatus.FAILED) else _STANDS.get(run.status)
