"""What a retry would do: which nodes run again, which are kept, which come next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from flux_core import NotRetryable, RunStatus, StepNotFound, StepStatus
from flux_core._definition import check_kept, check_nodes
from flux_core._going_back import check_ended, check_reached, is_done
from flux_core._http.call import json_reply
from flux_core._http.workflows import defined
from flux_core._serving.control.actions import failed_step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flux_core import Run, Workflow
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
    names = [node.name for node in (workflow.nodes if workflow else run.history)]
    if step not in names:
        raise StepNotFound(f"workflow {run.workflow!r} has no step {step!r}; it has: {', '.join(names)}")
    place = names.index(step)
    forgotten = run.history[place:]
    check_ended(run.id, run.status)
    if workflow:
        check_nodes(run.id, run.history[: place + 1], workflow)
    check_reached(run.id, step, forgotten, redo_commits=redo_commits)
    completed = {record.name for record in forgotten if is_done(record)}.union(run.kept)
    ran = {record.name for record in forgotten if record.status is not StepStatus.SKIPPED} | completed
    kept = set() if redo_commits else completed
    if workflow:
        check_kept(run.id, sorted(kept), workflow)
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
