"""Server-sent events: a run, each time that it has changed, as the HTML standard writes them.

A front that cannot hold an answer open gives one batch and ends; the client comes again after a second.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, NamedTuple

from flux_core._http.call import found
from flux_core._http.reading import run_shown
from flux_core._http.unchanged import EVENT_STREAM
from flux_core._serving.http import Reply

if TYPE_CHECKING:
    from flux_core._http.call import Call
    from flux_core._http.runs import Runs

RETRY: Final = "retry: 1000\n"
"""The first line of an answer: after how many milliseconds a client comes again whose connection has ended."""
UNCHANGED: Final = ": unchanged\n\n"
"""A comment, which keeps a connection open and says nothing."""


class Batch(NamedTuple):
    """What there is to tell of a run."""

    text: str
    """What is sent; a comment if nothing has changed."""
    seen: str | None
    """The id of the last event, with which the next batch is asked for."""
    changed: bool
    over: bool
    """Whether nothing more comes: the run has ended, or is not there any more."""


def batch(runs: Runs, run_id: str, seen: str | None) -> Batch:
    """Return what there is to tell of a run to a client that has seen the event of that id.

    Args:
        runs: where the run is.
        run_id: its id.
        seen: the id of the last event that the client has; None at first.

    Raises:
        RunNotFound: it is not there, and the client has seen nothing of it.
        InvalidId: no run can have that id.
    """
    run = runs.get(run_id) if seen is not None else found(runs, run_id)
    if run is None:
        return Batch("event: gone\ndata: {}\n\n", seen, changed=True, over=True)
    revision = str(run.revision)
    text = UNCHANGED
    if revision != seen:
        text = f"id: {revision}\nevent: run\ndata: {json.dumps(run_shown(runs, run))}\n\n"
    if run.status.ended:
        text += f'event: end\ndata: {{"status": "{run.status}"}}\n\n'
    return Batch(text, revision, changed=revision != seen, over=run.status.ended)


def events(call: Call) -> Reply:
    """Answer what there is to tell of a run, once."""
    text = batch(call.runs, call.query["run"], call.headers.get("last-event-id") or None).text
    return Reply(200, {"Content-Type": EVENT_STREAM}, RETRY + text)
