"""Workflows: as they are defined, or as their runs show them; and how their last runs went."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flux_core import UnknownWorkflow
from flux_core._describe import describe
from flux_core._http.call import json_reply
from flux_core._http.statistics import statistics

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from flux_core import Run, Workflow
    from flux_core._http.call import Call
    from flux_core._http.runs import Runs
    from flux_core._serving.http import Reply

PAGE: Final = 200
"""How many of the newest runs are looked at for workflows that have no definition at hand; at most so many at once."""


def workflows(call: Call) -> Reply:
    """Answer all workflows: those that are defined here, and others of which there are runs."""
    defined = _defined(call.runs)
    seen: dict[str, list[Run]] = {}
    for run in call.runs.list(limit=PAGE):
        if run.workflow not in defined:
            seen.setdefault(run.workflow, []).append(run)
    described = [_described(versions) for versions in defined.values()]
    return json_reply({"workflows": described + [observed(seen[name]) for name in sorted(seen)]})


def workflow(call: Call) -> Reply:
    """Answer a workflow, with how its last runs went.

    Raises:
        UnknownWorkflow: it is not defined here, and there is no run of it.
    """
    name = call.path["name"]
    versions = _defined(call.runs).get(name)
    runs = _newest(call.runs, name, call.query["last"])
    if versions is None and not runs:
        raise UnknownWorkflow(f"there is no workflow {name!r}, and no run of one")
    described = observed(runs) if versions is None else _described(versions)
    return json_reply(described | {"statistics": statistics(described["nodes"], runs)})


def defined(runs: Runs, name: str, version: str) -> Workflow[Any, Any] | None:
    """Return the definition under which a run goes on: its own version, else the one that starts new runs."""
    versions = {each.version: each for each in _defined(runs).get(name, ())}
    return versions.get(version) or (tuple(versions.values())[-1] if versions else None)


def observed(runs: Sequence[Run]) -> dict[str, Any]:
    """Return what `describe` would, as far as runs of the workflow show it, the newest first."""
    newest = runs[0]
    return {
        "name": newest.workflow,
        "version": newest.version,
        "timeout": None,
        "fingerprint": newest.fingerprint,
        "input": None,
        "data": None,
        "nodes": [_node(name, kind) for name, kind in _merged(runs).items()],
        "observed": True,
        "versions": list(dict.fromkeys(run.version for run in reversed(runs))),
    }


def _node(name: str, kind: str) -> dict[str, Any]:
    """Return a node of which no more is known than its name and its kind."""
    unknown = ("retries", "timeout", "conditional", "compensated", "once", "duration", "on_timeout")
    return {"name": name, "kind": kind, **dict.fromkeys(unknown)}


def _merged(runs: Iterable[Run]) -> dict[str, str]:
    """Return the kinds of the nodes in the histories, by name, each after the node that it came after."""
    order: list[str] = []
    kinds: dict[str, str] = {}
    for run in runs:
        place = 0
        for step in run.history:
            if step.name not in kinds:
                kinds[step.name] = step.kind
                order.insert(place, step.name)
            place = order.index(step.name) + 1
    return {name: kinds[name] for name in order}


def _described(versions: Sequence[Workflow[Any, Any]]) -> dict[str, Any]:
    """Return the version that starts new runs, and which others there are."""
    return describe(versions[-1]) | {"observed": False, "versions": [each.version for each in versions]}


def _defined(runs: Runs) -> dict[str, list[Workflow[Any, Any]]]:
    """Return the versions of each workflow, by its name."""
    versions: dict[str, list[Workflow[Any, Any]]] = {}
    for each in runs.workflows:
        versions.setdefault(each.name, []).append(each)
    return versions


def _newest(runs: Runs, name: str, count: int) -> list[Run]:
    """Return the newest runs of a workflow."""
    newest: list[Run] = []
    cursor: str | None = None
    while len(newest) < count:
        page = runs.list(workflow=name, limit=min(PAGE, count - len(newest)), cursor=cursor)
        newest += page
        cursor = page.cursor
        if cursor is None:
            break
    return newest
