"""Whether a stored run can go on under a definition that may have changed since."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flux_core._errors import DefinitionChanged, InvalidInput, NotSerializable
from flux_core._workflow import COMMIT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from flux_core._effects import T
    from flux_core._entry import Entry
    from flux_core._run import StepRecord
    from flux_core._state import RunState
    from flux_core._workflow import Workflow


def check_definition(state: RunState, workflow: Workflow[Any, Any], upto: int) -> None:
    """Refuse to go on unless each of the first nodes that ran still stands at its place, with its kind.

    Raises:
        DefinitionChanged: one does not, or the compensation at which the run stands is not there any more.
    """
    check_nodes(state.id, state.entries[:upto], workflow)
    undoing = state.undoing
    if undoing and not any(node.name == undoing.name and node.compensate for node in workflow.nodes):
        raise DefinitionChanged(
            f"run {state.id!r} stands at the compensation of {undoing.name!r}, which workflow {workflow.name!r} no"
            " longer has; put it back, or go on with the run under the definition that it was started with"
        )


def check_nodes(run_id: str, ran: Iterable[Entry | StepRecord], workflow: Workflow[Any, Any]) -> None:
    """Refuse to go on with a run unless each of these nodes, the first that ran, stands at its place, with its kind.

    Raises:
        DefinitionChanged: one does not.
    """
    nodes = workflow.nodes
    for place, entry in enumerate(ran):
        node = nodes[place] if place < len(nodes) else None
        if node is None or (node.name, node.kind) != (entry.name, entry.kind):
            raise DefinitionChanged(
                f"run {run_id!r} ran {entry.kind} {entry.name!r} as node {place + 1}, where workflow"
                f" {workflow.name!r} now has {f'{node.kind} {node.name!r}' if node else 'no node'}; go on"
                " with it under the definition that it was started with, or start it anew"
            )


def check_kept(run_id: str, kept: Iterable[str], workflow: Workflow[Any, Any]) -> None:
    """Refuse to go on without a completed commit that a retry goes back over: under another name it would run again.

    Raises:
        DefinitionChanged: the workflow no longer has one of these.
    """
    for name in kept:
        if not any((node.name, node.kind) == (name, COMMIT) for node in workflow.nodes):
            raise DefinitionChanged(
                f"run {run_id!r} has completed commit {name!r}, which workflow {workflow.name!r} no longer has;"
                " put it back, or retry a step with redo_commits"
            )


def fitting(state: RunState, workflow: Workflow[Any, Any], read: Callable[[], T], what: str = "") -> T:
    """Return what is read of the values that the run has saved, if they fit the types as they are now.

    Raises:
        DefinitionChanged: they do not; the message says of `what`, if that is given.
    """
    try:
        return read()
    except (InvalidInput, NotSerializable) as error:
        raise DefinitionChanged(
            f"what run {state.id!r} has saved{what} does not fit the types that workflow {workflow.name!r} has now:"
            f" {error}"
        ) from error
