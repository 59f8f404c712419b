"""The control plane: what `{"flux": {"action": ...}}` can ask for, and with which fields.

    tick                                            go on with every run of the app that is due
    resume    id                                    go on with a run: one that is due, is paused, or was not rolled back
    retry     id, step                              go back to a step, or to what failed, and run on from there
    signal    id, name, payload, signal_id, run     send a run a signal; the same signal_id twice is one signal
    cancel    id, compensate                        cancel a run, and with compensate=true roll it back
    pause     id                                    have a run stand still until resume
    resolve   id, step, output, run                 say that the commit at which a run failed did happen

`workflow` names the run's workflow if it is not the handler's; with `run=false` a run is left to the next tick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from flux_aws._source import answer
from flux_core import InvalidInput, NotRetryable, RunNotFound, RunStatus, StepStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from flux_aws._service import Service
    from flux_core import App, Run


class Command:
    """What an event asks for; a field is checked when it is read."""

    def __init__(self, service: Service, fields: dict[str, Any], deadline: float | None) -> None:
        self.fields = fields
        self.deadline = deadline
        self._service = service

    @property
    def app(self) -> App:
        """What the handler serves."""
        return self._service.app

    @property
    def run(self) -> tuple[str, str]:
        """The run that is meant, as every method of the app takes it: its workflow and its id."""
        return self.text("workflow", self._service.workflow.name), self.text("id")

    def text(self, field: str, default: str | None = None) -> str:
        """Return a field that is a str."""
        value = self.fields.get(field, default)
        if not isinstance(value, str):
            raise InvalidInput(f"expected a str, got {value!r}", path=f"flux.{field}")
        return value

    def flag(self, field: str, *, default: bool) -> bool:
        """Return a field that is true or false."""
        value = self.fields.get(field, default)
        if not isinstance(value, bool):
            raise InvalidInput(f"expected true or false, got {value!r}", path=f"flux.{field}")
        return value


class Action(NamedTuple):
    """One thing that can be asked for."""

    perform: Callable[[Command], dict[str, Any]]
    fields: Collection[str]
    """Those that it takes beside `action`."""


def control(service: Service, command: object, deadline: float | None) -> dict[str, Any]:
    """Do what a command asks for, and return the answer.

    Raises:
        InvalidInput: it is no command, or has a field that is missing, wrong or not known; beside all that the
            app's methods raise.
    """
    if not isinstance(command, dict):
        raise InvalidInput("expected an object with an action", path="flux")
    name = command.get("action")
    if name not in list(ACTIONS):  # in a list, since a name may be anything, hashable or not
        raise InvalidInput(f"expected one of {', '.join(ACTIONS)}; got {name!r}", path="flux.action")
    action = ACTIONS[name]
    for field in command:
        if field != "action" and field not in action.fields:
            known = ", ".join(action.fields) or "no other field"
            raise InvalidInput(f"unknown field; {name} takes {known}", path=f"flux.{field}")
    return action.perform(Command(service, command, deadline))


def _tick(command: Command) -> dict[str, Any]:
    return command.app.tick(deadline=command.deadline)._asdict()


def _resume(command: Command) -> dict[str, Any]:
    return answer(command.app.resume(*command.run, deadline=command.deadline))


def _retry(command: Command) -> dict[str, Any]:
    if "step" in command.fields:
        step = command.text("step")
    else:
        run = _stored(command)
        if run.status is RunStatus.COMPENSATION_FAILED:  # what failed is its rollback
            return _resume(command)
        step = _failed_step(run)
    return answer(command.app.retry_step(*command.run, step, deadline=command.deadline))


def _signal(command: Command) -> dict[str, Any]:
    return answer(
        command.app.signal(
            *command.run,
            command.text("name"),
            command.fields.get("payload"),
            id=command.text("signal_id") if "signal_id" in command.fields else None,
            run=command.flag("run", default=True),
            deadline=command.deadline,
        )
    )


def _cancel(command: Command) -> dict[str, Any]:
    compensate = command.flag("compensate", default=False)
    return answer(command.app.cancel(*command.run, compensate=compensate, deadline=command.deadline))


def _pause(command: Command) -> dict[str, Any]:
    return answer(command.app.pause(command.text("id")))


def _resolve(command: Command) -> dict[str, Any]:
    return answer(
        command.app.resolve(
            *command.run,
            command.text("step"),
            output=command.fields.get("output"),
            run=command.flag("run", default=True),
            deadline=command.deadline,
        )
    )


ACTIONS: Final[dict[str, Action]] = {
    "tick": Action(_tick, ()),
    "resume": Action(_resume, ("id", "workflow")),
    "retry": Action(_retry, ("id", "workflow", "step")),
    "signal": Action(_signal, ("id", "workflow", "name", "payload", "signal_id", "run")),
    "cancel": Action(_cancel, ("id", "workflow", "compensate")),
    "pause": Action(_pause, ("id",)),
    "resolve": Action(_resolve, ("id", "workflow", "step", "output", "run")),
}


def _stored(command: Command) -> Run:
    run_id = command.text("id")
    run = command.app.get(run_id)
    if run is None:
        raise RunNotFound(f"no run {run_id!r} in the store")
    return run


def _failed_step(run: Run) -> str:
    failed = [record.name for record in run.history if record.status is StepStatus.FAILED]
    if not failed:
        raise NotRetryable(
            f"run {run.id!r} is {run.status} and has no failed step; name the step to go back to"
        )
    return failed[-1]
