"""Workflows: as they are defined, or as their runs show them; and how their last runs went."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flux_core import UnknownWorkflow
from flux_core._describe import describe
from flux_core._http.call import json_reply
from flux_core._http.newest import newest
from flux_core._http.statistics import Statistics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flux_core import Run, Workflow
    from flux_core._http.call import Call
    from flux_core._http.runs import Runs
    from flux_core._serving.http import Reply

NEWEST: Final = 200
"""How many of the newest runs are looked at for workflows that have no definition at hand."""


def workflows(call: Call) -> Reply:
    """Answer all workflows: those that are defined here, and others of which there are runs."""
    defined = _defined(call.runs)
    seen: dict[str, Observed] = {}
    for run in newest(call.runs, NEWEST):
        if run.workflow not in defined:
            seen.setdefault(run.workflow, Observed(run)).add(run)
    described = [_described(versions) for versions in defined.values()]
    return json_reply({"workflows": described + [seen[name].document() for name in sorted(seen)]})


def workflow(call: Call) -> Reply:
    """Answer a workflow, with how its last runs went.

    Raises:
        UnknownWorkflow: it is not defined here, and there is no run of it.
    """
    name = call.path["name"]
    versions = _defined(call.runs).get(name)
    statistics = Statistics()
    seen: Observed | None = None
    for run in newest(call.runs, call.query["last"], workflow=name):
        statistics.add(run)
        if versions is None:
            seen = seen or Observed(run)
            seen.add(run)
    if versions is not None:
        described = _described(versions)
    elif seen is not None:
        described = seen.document()
    else:
        raise UnknownWorkflow(
            f"there is no workflow {name!r}, and no run of one; GET /workflows lists those there are"
        )
    return json_reply(described | {"statistics": statistics.document(described["nodes"])})


def defined(runs: Runs, name: str, version: str) -> Workflow[Any, Any] | None:
    """Return the definition under which a run goes on: its own version, else the one that starts new runs."""
    versions = {each.version: each for each in _defined(runs).get(name, ())}
    return versions.get(version) or (tuple(versions.values())[-1] if versions else None)


class Observed:
    """What the runs of a workflow show of it; they are told one after the other, and nothing of them is kept but names.

    Args:
        newest: the newest of them; it is still to be added.
    """

    def __init__(self, newest: Run) -> None:
        self._name = newest.workflow
        self._version = newest.version
        self._fingerprint = newest.fingerprint
        self._versions: dict[str, None] = {}
        self._order: list[str] = []
        self._kinds: dict[str, str] = {}

    def add(self, run: Run) -> None:
        """Look at a run, which is older than those before it: a node stands after the one that it came after."""
        self._versions.pop(run.version, None)
        self._versions[run.version] = None
        place = 0
        for step in run.history:
            if step.name not in self._kinds:
                self._kinds[step.name] = step.kind
                self._order.insert(place, step.name)
            place = self._order.index(step.name) + 1

    def document(self) -> dict[str, Any]:
        """Return what `describe` would, as far as it is known; the versions as they were first used."""
        return {
            "name": self._name,
            "version": self._version,
            "timeout": None,
            "fingerprint": self._fingerprint,
            "input": None,
            "data": None,
            "nodes": [_node(name, self._kinds[name]) for name in self._order],
            "observed": True,
            "versions": [*reversed(self._versions)],
        }


def observed(runs: Sequence[Run]) -> dict[str, Any]:
    """Return what `describe` would, as far as runs of the workflow show it, the newest first."""
    seen = Observed(runs[0])
    for run in runs:
        seen.add(run)
    return seen.document()


def _node(name: str, kind: str) -> dict[str, Any]:
    """Return a node of which no more is known than its name and its kind."""
    unknown = ("retries", "timeout", "conditional", "compensated", "once", "duration", "on_timeout")
    return {"name": name, "kind": kind, **dict.fromkeys(unknown)}


def _described(versions: Sequence[Workflow[Any, Any]]) -> dict[str, Any]:
    """Return the version that starts new runs, and which others there are."""
    return describe(versions[-1]) | {"observed": False, "versions": [each.version for each in versions]}


def _defined(runs: Runs) -> dict[str, list[Workflow[Any, Any]]]:
    """Return the versions of each workflow, by its name."""
    versions: dict[str, list[Workflow[Any, Any]]] = {}
    for each in runs.workflows:
        versions.setdefault(each.name, []).append(each)
    return versions
