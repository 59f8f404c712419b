"""What a retry would do: which nodes run again, which are kept, which come next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from flux_core import DefinitionChanged, NotRetryable, RunStatus, StepNotFound, StepStatus
from flux_core._http.call import json_reply
from flux_core._http.workflows import defined
from flux_core._serving.control.actions import check_retryable, failed_step
from flux_core._workflow import COMMIT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flux_core import Run, StepRecord, Workflow
    from flux_core._http.call import Call
    from flux_core._serving.http import Reply


class Plan(NamedTuple):
    """What a retry would do, by the names of nodes."""

    step: str
    """The node that it goes back to; of a rollback, the one whose compensation has failed."""
    again: Sequence[str]
    """Nodes that have run, and run again; of a rollback, the compensation that is tried again."""
    kept: Sequence[str]
    """Completed commits that do not run again; of a rollback, nodes that are compensated already."""
    next: Sequence[str]
    """Nodes that have not run, and may; of a rollback, nodes still to be compensated."""
    rollback: bool = False
    """Whether it goes on with a rollback that has failed."""


def plan(call: Call) -> Reply:
    """Answer what a retry from a step would do; without one, from what has failed."""
    run = call.run
    redo = call.query["redo_commits"]
    workflow = defined(call.runs, run.workflow, run.version)
    if "step" not in call.query and run.status is RunStatus.COMPENSATION_FAILED and not redo:
        planned = rollback_plan(run, workflow)
    else:
        step = call.query.get("step") or failed_step(run)
        planned = retry_plan(run, workflow, step, redo_commits=redo)
    return json_reply(planned._asdict())


def retry_plan(
    run: Run, workflow: Workflow[Any, Any] | None, step: str, *, redo_commits: bool = False
) -> Plan:
    """Return what `retry_step` would do, by the rules by which it does it.

    Args:
        run: as it is stored.
        workflow: its definition; without one, its nodes are those that it has run.
        step: the node to go back to.
        redo_commits: as for `retry_step`.

    Raises:
        NotRetryable: it would do nothing.
        StepNotFound: there is no such node.
        DefinitionChanged: the definition does not continue the run.
    """
    nodes = [(node.name, node.kind) for node in workflow.nodes] if workflow else _nodes(run.history)
    names = [name for name, _ in nodes]
    if step not in names:
        raise StepNotFound(f"workflow {run.workflow!r} has no node {step!r}; it has: {', '.join(names)}")
    place = names.index(step)
    check_retryable(run)
    for record, node in zip(run.history[: place + 1], nodes, strict=False):
        if (record.name, record.kind) != node:
            raise DefinitionChanged(
                f"run {run.id!r} ran {record.kind} {record.name!r} where workflow {run.workflow!r} now has"
                f" {node[1]} {node[0]!r}; go on with it under the definition that it was started with"
            )
    if place >= len(run.history):
        raise NotRetryable(f"step {step!r} of run {run.id!r} has not run; retry an earlier one")
    commits = {
        record.name
        for record in run.history[place:]
        if record.kind == COMMIT and record.status is StepStatus.COMPLETED
    }
    if step in commits and not redo_commits:
        raise NotRetryable(
            f"commit {step!r} of run {run.id!r} has completed and is never run again by a retry; if it must be, say"
            " redo_commits=true"
        )
    completed = commits | set(run.kept)
    ran = {record.name for record in run.history[place:] if record.status is not StepStatus.SKIPPED}
    ran |= completed
    kept = set() if redo_commits else completed
    for name in sorted(kept.difference(name for name, kind in nodes if kind == COMMIT)) if workflow else ():
        raise DefinitionChanged(
            f"run {run.id!r} has completed commit {name!r}, which workflow {run.workflow!r} no longer has; put it back,"
            " or retry a step with redo_commits=true"
        )
    ahead = names[place:]
    return Plan(
        step,
        again=[name for name in ahead if name in ran and name not in kept],
        kept=[name for name in ahead if name in kept],
        next=[name for name in ahead if name not in ran],
    )


def rollback_plan(run: Run, workflow: Workflow[Any, Any] | None) -> Plan:
    """Return what going on with a rollback that has failed would do.

    Raises:
        NotRetryable: nothing is known of a compensation that has failed.
    """
    done = [record.name for record in run.compensations if record.status is StepStatus.COMPENSATED]
    failed = [record.name for record in run.compensations if record.name not in done]
    if not failed:
        raise NotRetryable(f"run {run.id!r} is {run.status}, and nothing shows which compensation has failed")
    completed = {record.name for record in run.history if record.status is StepStatus.COMPLETED}
    completed |= set(run.kept)
    nodes = reversed(workflow.nodes) if workflow else ()
    left = [node.name for node in nodes if node.compensate and node.name in completed]
    return Plan(failed[-1], again=failed, kept=done, next=left, rollback=True)


def _nodes(history: Sequence[StepRecord]) -> list[tuple[str, str]]:
    return [(record.name, record.kind) for record in history]
