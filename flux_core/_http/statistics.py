"""How the last runs of a workflow went: how many of each status, and how its nodes fared."""

from __future__ import annotations

from collections import Counter
from math import ceil
from typing import TYPE_CHECKING, Any

from flux_core import RunStatus, StepStatus
from flux_core._run_json import COMPLETED, moment_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from flux_core import Run, StepRecord


def statistics(nodes: Iterable[Mapping[str, Any]], runs: Sequence[Run]) -> dict[str, Any]:
    """Return the figures of runs.

    Args:
        nodes: of the workflow, each with its `name` and `kind`.
        runs: the newest first.

    Returns:
        `runs`, how many they are; `since`, when the oldest was created; `statuses`, how many have each; `success_rate`,
        the part of those that have ended which completed; `steps`, for each node how many runs have reached it, in how
        many it completed, failed or was skipped, how many attempts it took on average, and of the seconds that it took
        to complete the median and the 95th percentile.
    """
    statuses = Counter(run.status for run in runs)
    ended = sum(count for status, count in statuses.items() if status.ended)
    records: dict[str, list[StepRecord]] = {}
    for run in runs:
        for record in run.history:
            records.setdefault(record.name, []).append(record)
    return {
        "runs": len(runs),
        "since": moment_text(runs[-1].created_at) if runs else None,
        "statuses": {str(status): statuses[status] for status in RunStatus if status in statuses},
        "success_rate": statuses[RunStatus.COMPLETED] / ended if ended else None,
        "steps": [_step(node, records.get(node["name"], [])) for node in nodes],
    }


def percentile(values: Sequence[float], part: float) -> float | None:
    """Return the smallest of the values, in ascending order, that at least this part of them does not exceed."""
    return values[max(0, ceil(part * len(values)) - 1)] if values else None


def _step(node: Mapping[str, Any], records: Sequence[StepRecord]) -> dict[str, Any]:
    completed = [record for record in records if record.status in COMPLETED]
    seconds = sorted(
        max(0.0, record.completed_at - record.started_at)  # a clock may have been put back
        for record in completed
        if record.started_at is not None and record.completed_at is not None
    )
    attempts = [record.attempts for record in records if record.attempts]
    return {
        "name": node["name"],
        "kind": node["kind"],
        "reached": len(records),
        "completed": len(completed),
        "failed": sum(record.status is StepStatus.FAILED for record in records),
        "skipped": sum(record.status is StepStatus.SKIPPED for record in records),
        "tries": sum(attempts) / len(attempts) if attempts else None,
        "p50": percentile(seconds, 0.5),
        "p95": percentile(seconds, 0.95),
    }
