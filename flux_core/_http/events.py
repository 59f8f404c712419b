"""Server-sent events: a run, each time that it has changed, as the HTML standard writes them.

A front that cannot hold an answer open gives one batch and ends; the client comes again after a second.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, NamedTuple

from flux_core import App, RunStatus
from flux_core._http.call import found
from flux_core._http.reading import run_shown
from flux_core._http.unchanged import EVENT_STREAM
from flux_core._ids import check_id
from flux_core._run_json import moment_text
from flux_core._serving.http import Reply

if TYPE_CHECKING:
    from flux_core import Run
    from flux_core._http.call import Call
    from flux_core._http.runs import Runs
    from flux_core.storage import Record

RETRY: Final = "retry: 1000\n"
"""The first line of an answer: after how many milliseconds a client comes again whose connection has ended."""
GOING_ON: Final = frozenset(status for status in RunStatus if not status.ended)
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
        seen: the id of the last event that the client has; None or empty at first.

    Raises:
        RunNotFound: it is not there, and the client has seen nothing of it.
        InvalidId: no run can have that id.
    """
    if seen and isinstance(runs, App) and _is_known(runs, run_id, seen):
        return Batch(UNCHANGED, seen, changed=False, over=False)
    run = runs.get(run_id) if seen else found(runs, run_id)
    if run is None:
        return Batch("event: gone\ndata: {}\n\n", seen, changed=True, over=True)
    event_id = _event_id(run)
    changed = seen != event_id
    text = UNCHANGED
    if changed:
        text = f"id: {event_id}\nevent: run\ndata: {json.dumps(run_shown(runs, run))}\n\n"
    if run.status.ended:
        text += f'event: end\ndata: {{"status": "{run.status}"}}\n\n'
    return Batch(text, event_id, changed=changed, over=run.status.ended)


def _is_known(app: App, run_id: str, seen: str) -> bool:
    """Whether a run has not changed, and goes on; most of the time that is all there is to find out.

    It says so of no run that is not as the store says; all that is in it is not even looked at.
    """
    record = app.engine.storage.load(check_id(run_id))
    return record is not None and record.status in GOING_ON and seen == _event_id(record)


def _event_id(run: Run | Record) -> str:
    """Return what tells a run from how it was, and from another that was made under its id."""
    return f"{run.revision}-{moment_text(run.created_at)}"


def events(call: Call) -> Reply:
    """Answer what there is to tell of a run, once."""
    text = batch(call.runs, call.query["run"], call.headers.get("last-event-id")).text
    return Reply(200, {"Content-Type": EVENT_STREAM}, RETRY + text)
