"""The nodes that a picture shows: those of the definition, or of the run where it went another way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from flux_core import RunStatus, StepStatus
from flux_web._pictures.words import span

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flux_core import Run, StepRecord

COMPENSATION: Final = "compensation"
LEAST_WAIT: Final = 1.0  # seconds; a condition is decided in less, and no wait times out in less
OPEN: Final = (StepStatus.PENDING, StepStatus.RUNNING, StepStatus.SUSPENDED)
DONE: Final = (StepStatus.COMPLETED, StepStatus.COMPENSATING, StepStatus.COMPENSATED)


class Planned(NamedTuple):
    """A node as its definition has it."""

    name: str
    kind: str
    conditional: bool = False
    undoable: bool = False
    details: tuple[str, ...] = ()
    """How it is treated, in words."""


def nodes_of(description: Mapping[str, Any]) -> list[Planned]:
    """Return the nodes of what `Workflow.describe()` gives, or of what has its shape."""
    return [
        Planned(
            str(node["name"]),
            str(node.get("kind", "step")),
            bool(node.get("conditional")),
            bool(node.get("compensated")),
            tuple(_details(node)),
        )
        for node in description.get("nodes", ())
    ]


def nodes_of_run(run: Run, defined: list[Planned]) -> list[Planned]:
    """Return the nodes of the run: as defined if its history agrees with that, else those that it came to."""
    history = run.history
    agrees = all(
        (step.name, step.kind) == node[:2] for step, node in zip(history, defined, strict=False)
    ) and len(history) <= len(defined)
    if agrees and (run.status is not RunStatus.COMPLETED or len(history) == len(defined)):
        return defined
    return [Planned(step.name, step.kind, conditional=passed_by(step)) for step in history]


def passed_by(step: StepRecord) -> bool:
    """Whether a condition said no; a wait that nobody answered was skipped well after it began."""
    waited = (step.completed_at or 0) - (step.started_at or 0) >= LEAST_WAIT
    return step.status is StepStatus.SKIPPED and not (step.kind == "wait" and waited)


def is_open(record: StepRecord) -> bool:
    """Whether there is more to come of a record: of a compensation's while it is being undone, of a node's not then."""
    under_way = record.kind == COMPENSATION and record.status is StepStatus.COMPENSATING
    return under_way or record.status in OPEN


def in_hand(run: Run) -> bool:
    """Whether a worker is at the first node that no record is kept of."""
    return run.status is RunStatus.RUNNING and all(step.status not in OPEN for step in run.history)


def _details(node: Mapping[str, Any]) -> list[str]:
    kind, duration = node.get("kind", "step"), node.get("duration")
    details = []
    if kind == "sleep":
        details += ["as the run says"] if duration is None else [span(duration)]
    details += [f"retries {node['retries']}"] if node.get("retries") else []
    details += [f"timeout {span(node['timeout'])}"] if node.get("timeout") else []
    details += ["then skipped"] if node.get("on_timeout") == "skip" else []
    details += ["once"] if node.get("once") else []
    details += ["compensated"] if node.get("compensated") else []
    return details
