"""The schemas of what the API answers, as JSON Schema; tests hold real answers against them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from flux_core import RunStatus, StepStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    Schema: TypeAlias = dict[str, Any]


def _object(about: str, optional: Mapping[str, Schema] | None = None, /, **fields: Schema) -> Schema:
    """Return the schema of an object whose fields are there, and those that are optional may be."""
    return {
        "type": "object",
        "description": about,
        "properties": {**fields, **(optional or {})},
        "required": list(fields),
    }


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _map(values: Schema) -> Schema:
    return {"type": "object", "additionalProperties": values}


def ref(name: str) -> Schema:
    """Return the reference to a schema of this module."""
    return {"$ref": f"#/components/schemas/{name}"}


ANY: Final[Schema] = {}
TEXT: Final[Schema] = {"type": "string"}
TEXT_OR_NULL: Final[Schema] = {"type": ["string", "null"]}
FLAG: Final[Schema] = {"type": "boolean"}
COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
SECONDS: Final[Schema] = {"type": "number", "description": "Seconds."}
SECONDS_OR_NULL: Final[Schema] = {"type": ["number", "null"], "description": "Seconds."}
MOMENT: Final[Schema] = {"type": "string", "format": "date-time"}
MOMENT_OR_NULL: Final[Schema] = _or_null(MOMENT)
STATUS: Final[Schema] = {"type": "string", "enum": [str(status) for status in RunStatus]}
STEP_STATUS: Final[Schema] = {"type": "string", "enum": [str(status) for status in StepStatus]}
COUNTS: Final[Schema] = {"type": "object", "additionalProperties": COUNT, "propertyNames": STATUS}

SUMMARY: Final[Mapping[str, Schema]] = {
    "id": TEXT,
    "workflow": TEXT,
    "status": STATUS,
    "step": TEXT_OR_NULL,
    "attempts": COUNT,
    "waits_for": TEXT_OR_NULL,
    "waits_until": MOMENT_OR_NULL,
    "created_at": MOMENT,
    "updated_at": MOMENT,
    "duration": SECONDS,
    "wake_at": MOMENT_OR_NULL,
    "expires_at": MOMENT_OR_NULL,
    "tags": _list(TEXT),
    "error": _or_null(ref("Error")),
}
"""Fields of `Run.summary`."""

WORKFLOW: Final[Mapping[str, Schema]] = {
    "name": TEXT,
    "version": TEXT,
    "timeout": SECONDS_OR_NULL,
    "fingerprint": TEXT,
    "input": TEXT_OR_NULL,
    "data": TEXT_OR_NULL,
    "nodes": _list(ref("Node")),
    "observed": FLAG | {"description": "Whether it is only known by its runs."},
    "versions": _list(TEXT),
}
"""Fields of a workflow."""

SHORTENED: Final[Schema] = _map(COUNT) | {
    "description": "The bytes of values too long to be shown, by their paths; their begin is there as a text."
}

STANDS: Final[Mapping[str, Schema]] = {"status": STATUS, "id": TEXT, "data": _map(ANY)}
"""Fields of what is said of a run that something was done to."""

SCHEMAS: Final[Mapping[str, Schema]] = {
    "Problem": _object(
        "What was refused or has failed, as RFC 9457 has it.",
        {
            "detail": TEXT
            | {
                "description": "What it is, and what to do; of a run that failed, what its handler says of the input."
            },
            "path": TEXT | {"description": "Which parameter, or where in the body."},
            "id": TEXT | {"description": "The run."},
        },
        type=TEXT,
        title=TEXT,
        status={"type": "integer"},
        code=TEXT | {"description": "What machines look at; it does not change."},
    ),
    "Health": _object("That the store answers.", status={"const": "ok"}),
    "OpenAPI": _object(
        "This document.",
        openapi=TEXT,
        info=_map(ANY),
        servers=_list(ANY),
        paths=_map(ANY),
        components=_map(ANY),
    ),
    "Error": _object(
        "What a run or a step failed with.",
        {"cause": TEXT | {"description": "What it was raised from."}},
        type=TEXT,
        message=TEXT,
        code=TEXT,
        retryable=FLAG,
    ),
    "Try": _object("An attempt that failed.", started_at=MOMENT, ended_at=MOMENT, error=ref("Error")),
    "Step": _object(
        "A node of a run, as far as it got, or a compensation.",
        name=TEXT,
        kind=TEXT,
        status=STEP_STATUS,
        attempts=COUNT,
        started_at=MOMENT_OR_NULL,
        completed_at=MOMENT_OR_NULL,
        output=ANY,
        error=_or_null(ref("Error")),
        changes=_map(ANY) | {"description": "The fields of data that it set; one that it removed is null."},
        tries=_list(ref("Try")) | {"description": "The last 10 attempts that failed."},
        tried_at=MOMENT_OR_NULL
        | {"description": "When its last attempt began, if others had failed before it."},
    ),
    "RunSummary": _object("A run in short.", **SUMMARY),
    "RunPage": _object(
        "Some of the runs.",
        runs=_list(ref("RunSummary")),
        cursor=TEXT_OR_NULL | {"description": "Asks for the next page; null on the last."},
    ),
    "Run": _object(
        "A run.",
        {"shortened": SHORTENED},
        **SUMMARY,
        input=ANY,
        initial=_map(ANY) | {"description": "The data before the first node."},
        data=_map(ANY),
        results=_map(ANY) | {"description": "The outputs of completed nodes."},
        history=_list(ref("Step")),
        compensations=_list(ref("Step")),
        kept=_list(TEXT)
        | {"description": "Completed commits that a retry went back over, and does not run again."},
        inbox=_list(TEXT) | {"description": "What others ask of it and nobody has served yet."},
        version=TEXT,
        fingerprint=TEXT,
        revision=COUNT,
        interruptions=COUNT,
        held_until=MOMENT_OR_NULL,
        traceparent=TEXT_OR_NULL,
    ),
    "Node": _object(
        "A node of a workflow; null is the engine's default, or not known.",
        name=TEXT,
        kind=TEXT,
        retries={"type": ["integer", "null"]},
        timeout=SECONDS_OR_NULL,
        conditional={"type": ["boolean", "null"]},
        compensated={"type": ["boolean", "null"]},
        once={"type": ["boolean", "null"]},
        duration=SECONDS_OR_NULL,
        on_timeout=TEXT_OR_NULL,
    ),
    "Workflow": _object("A workflow.", **WORKFLOW),
    "Workflows": _object("Workflows.", workflows=_list(ref("Workflow"))),
    "StepStatistics": _object(
        "How a node fared.",
        name=TEXT,
        kind=TEXT,
        reached=COUNT,
        completed=COUNT,
        failed=COUNT,
        skipped=COUNT,
        tries={"type": ["number", "null"], "description": "Attempts, on average."},
        p50=SECONDS_OR_NULL,
        p95=SECONDS_OR_NULL,
    ),
    "Statistics": _object(
        "How the last runs of a workflow went.",
        runs=COUNT,
        since=MOMENT_OR_NULL,
        statuses=COUNTS,
        success_rate={
            "type": ["number", "null"],
            "minimum": 0,
            "maximum": 1,
            "description": "Of those that ended.",
        },
        steps=_list(ref("StepStatistics")),
    ),
    "WorkflowWithStatistics": _object(
        "A workflow, and how its last runs went.", **WORKFLOW, statistics=ref("Statistics")
    ),
    "Counts": _object(
        "How many runs were created.",
        since=MOMENT,
        until=MOMENT,
        slots=_list(_object("From here to the next.", since=MOMENT, counts=COUNTS)),
    ),
    "Plan": _object(
        "What a retry would do.",
        step=TEXT | {"description": "The node that it goes back to."},
        again=_list(TEXT) | {"description": "Nodes that run again."},
        kept=_list(TEXT)
        | {"description": "Completed commits whose recorded output counts again; they do not run."},
        next=_list(TEXT) | {"description": "Nodes that have not run, and may."},
        rollback=FLAG
        | {
            "description": "Whether it goes on with a rollback that has failed: then `again` is the compensation that"
            " is tried again, `kept` what is compensated already, `next` what is still to be."
        },
    ),
    "Stands": _object("How the run stands, its data whole however long.", **STANDS),
    "Acted": _object(
        "How the run stands, long values of its data cut.",
        {"error": ref("Error"), "shortened": SHORTENED},
        **STANDS,
    ),
    "Event": _object(
        "One of the server-sent events.",
        {
            "id": TEXT | {"description": "The run's `revision`, a hyphen, and its `created_at`."},
            "retry": COUNT,
        },
        event={
            "enum": ["run", "end", "gone"],
            "description": "`run`, whose data is a Run; `end` when it has ended; `gone` when it is not there any more.",
        },
        data=TEXT | {"description": "JSON."},
    ),
}
"""By name."""
