"""Direct invocations: an event that is the workflow's input, or a word to the control plane.

The latter is `{"flux": {"action": ...}}` and nothing beside it, as the platform's timer or a person with the right
to invoke the function sends it; never what stands in an HTTP body or in a message, which is always an input.

A REST API with a non-proxy integration passes the client's body on as a direct event, and so its control commands
too: do not put this handler behind one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flux_aws._source import Source, answer
from flux_core import InvalidInput, NotRetryable, RunNotFound, StepStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from flux_aws._service import Service
    from flux_aws._source import Invocation


def _respond(service: Service, invocation: Invocation) -> dict[str, Any]:
    # Lambda gives the repetition of an asynchronous invocation the request id of the first.
    return answer(
        service.execute(invocation.event, identity=invocation.request_id, deadline=invocation.deadline)
    )


def _is_control(event: dict[str, Any]) -> bool:
    return event.keys() == {"flux"}


def _control(service: Service, invocation: Invocation) -> dict[str, Any]:
    command = invocation.event["flux"]
    if not isinstance(command, dict):
        raise InvalidInput("expected an object with an action", path="flux")
    name = command.get("action")
    if name not in list(ACTIONS):  # in a list, since a name may be anything, hashable or not
        raise InvalidInput(f"expected one of {', '.join(ACTIONS)}; got {name!r}", path="flux.action")
    return ACTIONS[name](service, command, invocation.deadline)


def _tick(service: Service, _command: dict[str, Any], deadline: float | None) -> dict[str, Any]:
    """Go on with every run of the app that is due."""
    return service.app.tick(deadline=deadline)._asdict()


def _resume(service: Service, command: dict[str, Any], deadline: float | None) -> dict[str, Any]:
    """Go on with the run `id`, of the handler's workflow unless `workflow` names another."""
    workflow = _text(command, "workflow", service.workflow.name)
    return answer(service.app.resume(workflow, _text(command, "id"), deadline=deadline))


def _retry(service: Service, command: dict[str, Any], deadline: float | None) -> dict[str, Any]:
    """Go back to a `step` of the run `id`, or to the one that failed, and run on from there."""
    workflow, run_id = _text(command, "workflow", service.workflow.name), _text(command, "id")
    step = _text(command, "step") if "step" in command else _failed_step(service, run_id)
    return answer(service.app.retry_step(workflow, run_id, step, deadline=deadline))


ACTIONS: Final[dict[str, Callable[[Service, dict[str, Any], float | None], dict[str, Any]]]] = {
    "tick": _tick,
    "resume": _resume,
    "retry": _retry,
}


def _text(command: dict[str, Any], field: str, default: str | None = None) -> str:
    value = command.get(field, default)
    if not isinstance(value, str):
        raise InvalidInput(f"expected a str, got {value!r}", path=f"flux.{field}")
    return value


def _failed_step(service: Service, run_id: str) -> str:
    run = service.app.get(run_id)
    if run is None:
        raise RunNotFound(f"no run {run_id!r} in the store")
    failed = [record.name for record in run.history if record.status is StepStatus.FAILED]
    if not failed:
        raise NotRetryable(
            f"run {run_id!r} is {run.status} and has no failed step; name the step to go back to"
        )
    return failed[-1]


CONTROL: Final = Source('a control command ({"flux": {...}})', _is_control, _control)
DIRECT: Final = Source("a direct invocation", lambda _event: True, _respond)
