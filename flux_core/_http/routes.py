"""The table of the API: every route, who may ask, what it takes and what it answers.

Requests are served by it, and the OpenAPI document is made of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flux_core._http import acting, events, reading, workflows
from flux_core._http.call import json_reply
from flux_core._http.parameters import (
    FILTERS,
    FLAG,
    ID,
    NAME,
    RUN_ID,
    SIGNAL_NAME,
    SINCE,
    UNTIL,
    WORKFLOW_NAME,
    Header,
    Parameter,
    counted,
    cursor,
    flag,
    run_id,
    tag,
    text,
)
from flux_core._http.plan import plan
from flux_core._http.route import Answer, Body, Route
from flux_core._http.unchanged import EVENT_STREAM
from flux_core._http.workflows import NEWEST
from flux_core._reading import MOST_LOOKED_AT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flux_core._http.call import Call
    from flux_core._serving.http import Reply


def _openapi(_: Call) -> Reply:
    from flux_core._http.openapi import document  # asked for once by who writes a client

    return json_reply(document(ROUTES))


TEXT: Final = {"type": "string"}
LIST: Final = (*FILTERS, SINCE, UNTIL)


def _if_match(race: str) -> Header:
    return Header(
        "If-Match", f"The ETag of the run as it was seen; if it has changed, nothing is done. {race}", TEXT
    )


BOTH: Final = "It is compared when the request arrives: of two who ask at the same moment both may be served."
AS_SEEN: Final = _if_match(BOTH)
AS_SEEN_BY_WHO_RETRIES: Final = _if_match(
    "Of two who ask at the same moment one is served; to go on with a rollback, both may be."
)
AS_SEEN_BY_SENDERS: Final = _if_match(
    f"{BOTH} Of several signals of one name one counts then, unless they have an Idempotency-Key."
)
AS_SEEN_UNDER_WAY: Final = _if_match(
    f"{BOTH} A run under way changes all the time: leave it out to stop one whatever it is doing."
)
KNOWN: Final = Header(
    "If-None-Match", "The ETag of what the client has; if it is still so, the answer is 304.", TEXT
)
RUN_KEY: Final = Header(
    "Idempotency-Key",
    "What the run is named by: the same key is the same run. It is the run's id, or hashed to one; not looked at where"
    " runs are named by their input.",
    {"type": "string", "minLength": 1},
)
SIGNAL_KEY: Final = Header("Idempotency-Key", "The id of the signal: the same id twice is one signal.", NAME)
PREFER: Final = Header("Prefer", "`respond-async` starts the run and does not wait for it.", TEXT)
LAST_SEEN: Final = Header("Last-Event-ID", "The id of the last event that the client has.", TEXT)

ACTED: Final = (Answer(200, "How the run stands then.", "Acted"),)
ACT_REFUSALS: Final = (400, 404, 409, 412, 422)
READ_REFUSALS: Final = (400, 404, 422)


def _read(
    path: str, name: str, about: str, serve: Callable[[Call], Reply], schema: str, **more: Any
) -> Route:
    answers = (Answer(200, "It is in the body.", schema, headers=("ETag",)),)
    more.setdefault("refuses", (400, 422))
    return Route("GET", path, name, about, "read", serve, answers, headers=(KNOWN,), **more)


def _act(path: str, name: str, about: str, serve: Callable[[Call], Reply], **more: Any) -> Route:
    more.setdefault("answers", ACTED)
    return Route(
        more.pop("method", "POST"),
        f"/runs/{{id}}{path}",
        name,
        about,
        "operate",
        serve,
        refuses=ACT_REFUSALS,
        path_parameters=(RUN_ID, *more.pop("path_parameters", ())),
        headers=(more.pop("seen", AS_SEEN), *more.pop("headers", ())),
        **more,
    )


ROUTES: Final[Sequence[Route]] = (
    Route(
        "GET",
        "/healthz",
        "health",
        "Whether the store answers.",
        None,
        reading.healthz,
        (Answer(200, "It does.", "Health", headers=("ETag",)),),
        (422,),
        headers=(KNOWN,),
    ),
    Route(
        "GET",
        "/openapi.json",
        "openapi",
        "This document.",
        None,
        _openapi,
        (Answer(200, "It is in the body.", "OpenAPI", headers=("ETag",)),),
        (400, 422),
        headers=(KNOWN,),
    ),
    _read(
        "/workflows",
        "list_workflows",
        f"The workflows: those that are defined here, and others of which there are runs among the newest {NEWEST}.",
        workflows.workflows,
        "Workflows",
    ),
    _read(
        "/workflows/{name}",
        "show_workflow",
        "A workflow, and how its last runs went.",
        workflows.workflow,
        "WorkflowWithStatistics",
        refuses=READ_REFUSALS,
        path_parameters=(WORKFLOW_NAME,),
        query=(counted("last", "How many runs are looked at.", 1, 1000, 200),),
    ),
    Route(
        "POST",
        "/workflows/{name}/runs",
        "start_run",
        "Start a run of a workflow; the body is its input. One that fails is answered as a problem with its `id`: 422"
        " if its handler has refused the input for good, else 500.",
        "operate",
        acting.start,
        (
            Answer(200, "The run has completed.", "Stands", headers=("Location",)),
            Answer(
                202,
                "The run goes on by itself, or waits.",
                "Stands",
                headers=("Location", "Preference-Applied"),
            ),
        ),
        (400, 404, 409, 422),
        path_parameters=(WORKFLOW_NAME,),
        query=(
            Parameter(
                "tag", "What the run can be found by.", {"type": "string", "minLength": 1}, tag, many=True
            ),
        ),
        headers=(RUN_KEY, PREFER),
        body=Body("The input of the workflow.", needed=True),
    ),
    _read(
        "/runs",
        "list_runs",
        "A page of runs, the newest first.",
        reading.runs,
        "RunPage",
        query=(
            *LIST,
            counted("limit", "How many runs a page has at most.", 1, 200, 50),
            Parameter("cursor", "The `cursor` of the page before.", {"type": "string"}, cursor),
        ),
    ),
    _read(
        "/runs/counts",
        "count_runs",
        "How many runs were created in each slot of a span of time, by status; of the last day, if nothing is said. A"
        f" store that cannot count, as those of the clouds, has the newest {MOST_LOOKED_AT:,} looked at.",
        reading.counts,
        "Counts",
        query=(*LIST, counted("slots", "How many slots.", 1, 200, 60)),
    ),
    _read(
        "/runs/{id}",
        "show_run",
        "A run, with its history.",
        reading.run,
        "Run",
        refuses=READ_REFUSALS,
        path_parameters=(RUN_ID,),
    ),
    _act(
        "",
        "delete_run",
        "Remove a run that nobody holds.",
        acting.delete,
        method="DELETE",
        answers=(Answer(204, "It is removed."),),
    ),
    _act(
        "/signals/{name}",
        "signal_run",
        "Send a run a signal; the body is its payload, none is null.",
        acting.signal,
        path_parameters=(SIGNAL_NAME,),
        query=(
            Parameter(
                "run", "Whether to go on with the run here.", FLAG | {"default": True}, flag, default=True
            ),
        ),
        seen=AS_SEEN_BY_SENDERS,
        headers=(SIGNAL_KEY,),
        body=Body("The payload of the signal."),
    ),
    _act(
        "/retry",
        "retry_run",
        "Go back to a step of a run, or to what failed, and run on from there. A run that fails again is no problem of"
        " the request: it is answered with its `error`, as by every act.",
        acting.retry,
        seen=AS_SEEN_BY_WHO_RETRIES,
        body=Body("From where.", {"step": NAME, "redo_commits": FLAG}),
    ),
    _act(
        "/resume",
        "resume_run",
        "Go on with a run that is due, is paused, or was not rolled back.",
        acting.resume,
    ),
    _act(
        "/pause",
        "pause_run",
        "Have a run stand still until it is resumed.",
        acting.pause,
        seen=AS_SEEN_UNDER_WAY,
    ),
    _act(
        "/cancel",
        "cancel_run",
        "Cancel a run; with `compensate`, roll it back.",
        acting.cancel,
        seen=AS_SEEN_UNDER_WAY,
        body=Body("How.", {"compensate": FLAG}),
    ),
    _act(
        "/resolve",
        "resolve_run",
        "Say that the commit at which a run failed did happen, and go on with the run.",
        acting.resolve,
        body=Body("What came of it.", {"step": NAME, "output": {}, "run": FLAG}, ("step",), needed=True),
    ),
    _read(
        "/runs/{id}/plan",
        "plan_retry",
        "What a retry would do: from a step, or from what failed.",
        plan,
        "Plan",
        refuses=(*READ_REFUSALS, 409),
        path_parameters=(RUN_ID,),
        query=(
            Parameter("step", "The step to go back to.", NAME, text),
            Parameter(
                "redo_commits",
                "Whether completed commits run again too.",
                FLAG | {"default": False},
                flag,
                default=False,
            ),
        ),
    ),
    Route(
        "GET",
        "/events",
        "watch_run",
        "A run, each time that it changes, as server-sent events `run`, `end` and `gone`.",
        "read",
        events.events,
        (Answer(200, "What there is to tell now; ask again for more.", "Event", EVENT_STREAM),),
        READ_REFUSALS,
        query=(Parameter("run", "The id of the run.", ID, run_id, required=True),),
        headers=(LAST_SEEN,),
    ),
)
