"""A call of the API: a request that has found its route, with what it gives, read and checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from flux_core import InvalidInput, RunNotFound
from flux_core._serving.control.command import LONGEST_VALUE
from flux_core._serving.http import JSON, Reply
from flux_core._serving.problem import cut

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flux_core import Run
    from flux_core._http.runs import Runs
    from flux_core._serving.service import Service


class Call(NamedTuple):
    """What is asked for, and of whom."""

    service: Service
    runs: Runs
    path: Mapping[str, str]
    """The variable segments of the path, by the names that the route gives them, decoded."""
    query: Mapping[str, Any]
    """The parameters that are given, and those that have a default."""
    headers: Mapping[str, str]
    """Their names in lower case."""
    body: Any = None
    """The JSON value of the body; None without a body."""
    deadline: float | None = None
    """When the function is killed, in `time.monotonic()` seconds; None if nobody says."""

    @property
    def run(self) -> Run:
        """The run that the path names.

        Raises:
            RunNotFound: there is none.
        """
        return found(self.runs, self.path["id"])


def found(runs: Runs, run_id: str) -> Run:
    """Return a run.

    Raises:
        RunNotFound: there is none.
    """
    run = runs.get(run_id)
    if run is None:
        raise RunNotFound(f"there is no run {run_id!r}; GET /runs lists those there are")
    return run


def json_reply(document: Mapping[str, Any], status: int = 200) -> Reply:
    """Return the answer that says a document."""
    return Reply(status, {"Content-Type": JSON}, document)


def wrong(name: str, expected: str, value: object) -> InvalidInput:
    """Return the error that a parameter has another value than it may have."""
    return InvalidInput(f"expected {expected}, got {cut(repr(value), LONGEST_VALUE)}", path=name)
