"""The pictures of the viewer: a workflow, a run, when its steps were at work, how many runs there were."""

from __future__ import annotations

import re
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from flux_core import UnknownWorkflow
from flux_core._http.call import wrong
from flux_core._http.parameters import (
    FILTERS,
    RUN_ID,
    SINCE,
    UNTIL,
    WORKFLOW_NAME,
    Parameter,
    count,
    counted,
    text,
)
from flux_core._http.reading import counts
from flux_core._http.workflows import defined, observed
from flux_core._serving.http import Reply
from flux_web import _pictures

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flux_core import Run
    from flux_core._http.call import Call
    from flux_core._http.runs import Runs

SVG: Final = "image/svg+xml"
SAMPLE: Final = 50
"""The runs by which a workflow is drawn of which there is no definition."""
WIDTH: Final = Parameter(
    "width",
    "CSS pixels that there are for the picture.",
    {"type": "integer"},
    count(1, 1_000_000),
    default=720,
)
FARTHEST: Final = 14 * 60  # minutes from UTC, which no clock is farther off


def minutes(name: str, value: str) -> int:
    """Return how many minutes east of UTC a clock is; raises `InvalidInput` for what is no clock's."""
    said = int(value) if re.fullmatch(r"-?[0-9]{1,3}", value) else FARTHEST + 1
    if abs(said) > FARTHEST:
        raise wrong(name, f"minutes east of UTC, from -{FARTHEST} to {FARTHEST}", value)
    return said


OFFSET: Final = Parameter(
    "offset",
    "How many minutes east of UTC the clocks of those are who look at the picture.",
    {"type": "integer"},
    minutes,
    default=0,
)
STEP: Final = Parameter("step", "The run as it stood when this step had ended.", {"type": "string"}, text)


class Drawing(NamedTuple):
    """A picture that can be asked for, by who may read."""

    path: str
    """Its variable segments stand in braces, as in the routes of the API."""
    draw: Callable[[Call], Reply]
    path_parameters: Sequence[Parameter] = ()
    query: Sequence[Parameter] = ()


def workflow_graph(call: Call) -> Reply:
    """Answer a workflow as a graph.

    Raises:
        UnknownWorkflow: it is not defined here, and there is no run of it.
    """
    return _svg(_pictures.graph(_description(call.runs, call.path["name"])))


def run_graph(call: Call) -> Reply:
    """Answer the graph of a run's workflow, with the way that it has taken."""
    run = call.run
    description = _description(call.runs, run.workflow, run)
    step, offset = call.query.get("step"), call.query["offset"]
    return _svg(_pictures.graph(description, call.runs.shown(run), step=step, offset=offset))


def timeline(call: Call) -> Reply:
    """Answer when the attempts of a run's steps, its waits and its sleeps were."""
    run = call.run
    now = float(int(time.time()))  # one picture, and one entity tag, a second
    description = _description(call.runs, run.workflow, run)
    return _svg(_pictures.timeline(call.runs.shown(run), now=now, description=description, **call.query))


def chart(call: Call) -> Reply:
    """Answer how many runs were created when, by status."""
    query = dict(call.query)
    drawn = {name: query.pop(name) for name in ("width", "offset")}
    counted: Any = counts(call._replace(query=query)).document
    slots = [(_seconds(slot["since"]), slot["counts"]) for slot in counted["slots"]]
    return _svg(_pictures.chart(slots, _seconds(counted["until"]), **drawn))


DRAWINGS: Final = (
    Drawing("/viewer/workflows/{name}/graph.svg", workflow_graph, (WORKFLOW_NAME,)),
    Drawing("/viewer/runs/{id}/graph.svg", run_graph, (RUN_ID,), (STEP, OFFSET)),
    Drawing("/viewer/runs/{id}/timeline.svg", timeline, (RUN_ID,), (WIDTH, OFFSET)),
    Drawing(
        "/viewer/chart.svg",
        chart,
        query=(*FILTERS, SINCE, UNTIL, counted("slots", "How many slots.", 1, 200, 60), WIDTH, OFFSET),
    ),
)


def _description(runs: Runs, name: str, run: Run | None = None) -> dict[str, Any]:
    """Return the definition of a workflow, that of a run of it, or what its runs show of it.

    Raises:
        UnknownWorkflow: there is neither a definition nor a run.
    """
    definition = defined(runs, name, run.version if run else "")
    if definition is not None:
        return definition.describe()
    seen = [*([run] if run else []), *runs.list(workflow=name, limit=SAMPLE)]
    if not seen:
        raise UnknownWorkflow(f"there is no workflow {name!r}, and no run of one")
    return observed(seen)


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


def _svg(picture: str) -> Reply:
    return Reply(200, {"Content-Type": SVG}, picture)
