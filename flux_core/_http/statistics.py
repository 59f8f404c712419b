"""How the last runs of a workflow went: how many of each status, and how its nodes fared."""

from __future__ import annotations

from collections import Counter, defaultdict
from math import ceil
from typing import TYPE_CHECKING, Any

from flux_core import RunStatus, StepStatus
from flux_core._run_json import COMPLETED, moment_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from flux_core import Run, StepRecord


class Statistics:
    """The figures of runs, which are told one after the other, the newest first; of each only numbers are kept."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._statuses: Counter[RunStatus] = Counter()
        self._nodes: defaultdict[str, _Node] = defaultdict(_Node)

    def add(self, run: Run) -> None:
        """Count a run, which is older than those before it."""
        self._since = run.created_at
        self._statuses[run.status] += 1
        for record in run.history:
            self._nodes[record.name].add(record)

    def document(self, nodes: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
        """Return the figures.

        Args:
            nodes: of the workflow, each with its `name` and `kind`.

        Returns:
            `runs`, how many they are; `since`, when the oldest was created; `statuses`, how many have each;
            `success_rate`, the part of those that have ended which completed; `steps`, for each node how many runs have
            reached it, in how many it completed, failed or was skipped, how many attempts it took on average, and of
            the seconds that it took to complete the median and the 95th percentile.
        """
        statuses = self._statuses
        ended = sum(count for status, count in statuses.items() if status.ended)
        return {
            "runs": statuses.total(),
            "since": None if self._since is None else moment_text(self._since),
            "statuses": {str(status): statuses[status] for status in RunStatus if status in statuses},
            "success_rate": statuses[RunStatus.COMPLETED] / ended if ended else None,
            "steps": [
                {"name": node["name"], "kind": node["kind"]}
                | self._nodes.get(node["name"], _Node()).document()
                for node in nodes
            ],
        }


class _Node:
    """The figures of a node."""

    def __init__(self) -> None:
        self.statuses: Counter[StepStatus] = Counter()
        self.attempts: list[int] = []
        self.seconds: list[float] = []

    def add(self, record: StepRecord) -> None:
        self.statuses[record.status] += 1
        if record.attempts:
            self.attempts.append(record.attempts)
        if record.status not in COMPLETED or record.started_at is None or record.completed_at is None:
            return
        self.seconds.append(
            max(0.0, record.completed_at - record.started_at)
        )  # a clock may have been put back

    def document(self) -> dict[str, Any]:
        seconds = sorted(self.seconds)
        return {
            "reached": self.statuses.total(),
            "completed": sum(self.statuses[status] for status in COMPLETED),
            "failed": self.statuses[StepStatus.FAILED],
            "skipped": self.statuses[StepStatus.SKIPPED],
            "tries": sum(self.attempts) / len(self.attempts) if self.attempts else None,
            "p50": percentile(seconds, 0.5),
            "p95": percentile(seconds, 0.95),
        }


def percentile(values: Sequence[float], part: float) -> float | None:
    """Return the smallest of the values, in ascending order, that at least this part of them does not exceed."""
    return values[max(0, ceil(part * len(values)) - 1)] if values else None
