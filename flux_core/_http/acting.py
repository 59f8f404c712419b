"""Acting on runs: what a person or a program may do to one, and starting another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from flux_core import Conflict, InvalidInput, LeaseLost, run_id_from
from flux_core._http.call import json_reply, wrong
from flux_core._http.unchanged import changed, seen_revision
from flux_core._ids import LONGEST, check_letter_id
from flux_core._serving.control.actions import control
from flux_core._serving.http import Reply, idempotency_key, told
from flux_core._serving.measure import count_lost_lease
from flux_core._shortened import shorten_values

if TYPE_CHECKING:
    from flux_core import Result
    from flux_core._http.call import Call

ASYNC: Final = "respond-async"
"""What `Prefer` says of a run that is to be started and not waited for: RFC 7240, section 4.1."""


def start(call: Call) -> Reply:
    """Start a run of a workflow, go on until it ends or is suspended, and answer what it has come to.

    Raises:
        UnknownWorkflow: the app has none of that name; beside all that `App.execute` raises.
    """
    app = call.service.app
    workflow = app.workflow(call.path["name"])
    own = call.service.target
    named = call.service if callable(own) or own is workflow else call.service._replace(key=None)
    run_id = named.run_id(workflow, call.body, idempotency_key(call.headers))
    tags = call.query.get("tag")
    if _is_async(call):
        reply = _stands(call, app.start(workflow.name, call.body, id=run_id, tags=tags))
        applied = {"Preference-Applied": ASYNC} if reply.status == 202 else {}  # noqa: PLR2004 (else it has ended)
        return reply._replace(headers={**reply.headers, **applied})
    try:
        result = app.execute(workflow.name, call.body, id=run_id, tags=tags, deadline=call.deadline)
    except LeaseLost:
        count_lost_lease(app, workflow.name)
        raise
    return _stands(call, result)


def signal(call: Call) -> Reply:
    """Send a run a signal, whose payload is the body.

    Without an id of its own, what is sent to the run as it was seen is one signal of its name, however often.
    """
    name = call.path["name"]
    revision = seen_revision(call)
    key = idempotency_key(call.headers)
    if key is None and revision is not None:
        key = run_id_from(f"{name} at {revision}")
    identity = {} if key is None else {"signal_id": _signal_id(key)}
    return _done(call, "signal", name=name, payload=call.body, run=call.query["run"], **identity)


def retry(call: Call) -> Reply:
    """Go back to a step of a run, or to what failed; of two who ask at once for the run as they saw it, one is served.

    Raises:
        Refused: the run has changed since `If-Match` was true.
    """
    revision = seen_revision(call)
    seen = {} if revision is None else {"revision": revision}
    try:
        return _done(call, "retry", **_fields(call), **seen)
    except Conflict as error:
        raise changed(call.path["id"]) from error


def resume(call: Call) -> Reply:
    """Go on with a run."""
    return _act(call, "resume")


def pause(call: Call) -> Reply:
    """Have a run stand still."""
    return _act(call, "pause")


def cancel(call: Call) -> Reply:
    """Cancel a run."""
    return _act(call, "cancel", **_fields(call))


def resolve(call: Call) -> Reply:
    """Say that the commit at which a run failed did happen."""
    return _act(call, "resolve", **_fields(call))


def delete(call: Call) -> Reply:
    """Remove a run."""
    _act(call, "delete")
    return Reply(204, {}, "")


def _act(call: Call, action: str, **fields: Any) -> Reply:
    seen_revision(call)
    return _done(call, action, **fields)


def _done(call: Call, action: str, **fields: Any) -> Reply:
    command = {"action": action, "id": call.path["id"], **fields}
    return json_reply(shorten_values(control(call.service, command, call.deadline, where="")))


def _signal_id(key: str) -> str:
    """Return the header as the id of a signal.

    Raises:
        InvalidInput: it cannot be one.
    """
    try:
        return check_letter_id(key)
    except InvalidInput:
        raise wrong("Idempotency-Key", f"1 to {LONGEST} printable characters", key) from None


def _fields(call: Call) -> dict[str, Any]:
    return call.body or {}


def _is_async(call: Call) -> bool:
    preferences = call.headers.get("prefer", "").split(",")
    return ASYNC in [preference.partition(";")[0].strip().lower() for preference in preferences]


def _stands(call: Call, result: Result[Any]) -> Reply:
    """Return the answer to who has started a run, as every front gives it, data whole; and where the run is found."""
    reply = told(call.service.app, result)
    where = f"../../runs/{quote(result.id, safe=':@')}"
    return reply._replace(headers={**reply.headers, "Location": where})
