"""Reading runs: one, a page of them, how many there are."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, Final

from flux_core import InvalidInput, RunStatus
from flux_core._display import LAST_MOMENT
from flux_core._http.call import json_reply
from flux_core._http.newest import pages
from flux_core._run_json import moment_text
from flux_core._shortened import shorten_values

if TYPE_CHECKING:
    from flux_core import Run
    from flux_core._http.call import Call
    from flux_core._http.runs import Runs
    from flux_core._serving.http import Reply

DAY: Final = 86_400.0
MINUTE: Final = 60.0
PROBE: Final = f"healthz-{os.urandom(16).hex()}"
"""The id of a run that is looked for to see whether the store answers, the cheapest that any store can be asked.

Nobody can guess it, and make a run that is long to read.
"""
ARGUMENTS: Final = {"id": "id_prefix"}
"""What the arguments of `Runs.list` are called whose parameters have another name."""


def healthz(call: Call) -> Reply:
    """Answer whether the store answers; who asks needs no token, and is told no more."""
    call.runs.get(PROBE)
    return json_reply({"status": "ok"})


def runs(call: Call) -> Reply:
    """Answer a page of runs, each in short."""
    arguments = _arguments(call.query)
    summaries: list[dict[str, Any]] = []
    cursor = None
    for page in pages(call.runs, arguments.pop("limit"), **arguments):
        short = page.to_dict()
        summaries += short["runs"]
        cursor = short["cursor"]
    return json_reply({"runs": summaries, "cursor": cursor})


def run(call: Call) -> Reply:
    """Answer a run."""
    return run_reply(call.runs, call.run)


def run_reply(runs: Runs, run: Run) -> Reply:
    """Return the answer that shows a run: masked, long values cut."""
    return json_reply(run_shown(runs, run))


def run_shown(runs: Runs, run: Run) -> dict[str, Any]:
    """Return a run as people may see it."""
    return shorten_values(runs.shown(run).to_dict())


def counts(call: Call) -> Reply:
    """Answer how many runs of each status were created, slot by slot of a span of time."""
    query = dict(call.query)
    slots = query.pop("slots")
    until = query.pop("until", None)
    since = query.pop("since", None)
    if until is None:
        now = (
            time.time() // MINUTE * MINUTE + MINUTE
        )  # the same for a minute, and so is the answer's entity tag
        until = min(now if since is None else max(now, since + MINUTE), LAST_MOMENT)
    if since is None:
        since = max(0.0, until - DAY)
    if since >= until:
        raise InvalidInput("expected a moment before until", path="since")
    edges = [since + (until - since) * slot / slots for slot in range(slots)] + [until]
    tally = call.runs.tally(edges, **_arguments(query))
    return json_reply(
        {
            "since": moment_text(since),
            "until": moment_text(until),
            "slots": [
                {"since": moment_text(begin), "counts": _in_order(counted)}
                for begin, counted in zip(edges, tally, strict=False)
            ],
        }
    )


def _arguments(query: Any) -> dict[str, Any]:
    return {ARGUMENTS.get(name, name): value for name, value in query.items()}


def _in_order(counted: dict[RunStatus, int]) -> dict[str, int]:
    return {str(status): counted[status] for status in RunStatus if counted.get(status)}
