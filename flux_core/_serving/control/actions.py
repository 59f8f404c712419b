"""The control plane: what `{"flux": {"action": ...}}` can ask for, and with which fields.

    tick      limit                                 go on with every run of the app that is due
    wake      id, at                                go on with a run if it is due: what a waker asks for
    run       workflow, input, id, tags             start a run, and go on with it until it ends or is suspended
    start     workflow, input, id, tags             start a run, and leave it to the next tick or the waker
    resume    id                                    go on with a run: one that is due, is paused, or was not rolled back
    retry     id, step, redo_commits, revision      go back to a step, or to what failed, and run on from there
    signal    id, name, payload, signal_id, run     send a run a signal; the same signal_id twice is one signal
    cancel    id, compensate                        cancel a run, and with compensate=true roll it back
    pause     id                                    have a run stand still until resume
    resolve   id, step, output, run                 say that the commit at which a run failed did happen
    show      id                                    the run, with its history
    list      workflow, status, since, until, tag,  a page of runs, newest first
              id_prefix, limit, cursor
    delete    id                                    remove a run that nobody holds

`workflow` is that of the run. It need not be said of a run that is there, nor if the handler has one workflow. With
`run=false` a run is left to the next tick. `revision` is the run's as it was looked at: if it has another, nothing is
done. `at` is the moment, in Unix seconds, for which the waker was asked.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from flux_core import Conflict, InvalidInput, LeaseLost, NotRetryable, RunNotFound, RunStatus, StepStatus
from flux_core._going_back import check_ended
from flux_core._serving.answer import answer
from flux_core._serving.control import looking, ticking
from flux_core._serving.control.command import Command
from flux_core._serving.measure import count_lost_lease

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from flux_core import Result, Run
    from flux_core._serving.service import Service

log: Final = logging.getLogger("flux")


class Action(NamedTuple):
    """One thing that can be asked for."""

    perform: Callable[[Command], dict[str, Any]]
    fields: Collection[str]
    """Those that it takes beside `action`."""


def control(
    service: Service, command: object, deadline: float | None, where: str = "flux."
) -> dict[str, Any]:
    """Do what a command asks for, and return the answer; the paths of its fields begin with `where` in errors.

    Raises:
        InvalidInput: it is no command, or has a field that is missing, wrong or not known; beside all that the
            app's methods raise.
    """
    if not isinstance(command, dict):
        raise InvalidInput("expected an object with an action", path="flux")
    name = command.get("action")
    if name not in list(ACTIONS):  # in a list, since a name may be anything, hashable or not
        raise InvalidInput(f"expected one of {', '.join(ACTIONS)}; got {name!r:.200}", path=f"{where}action")
    action = ACTIONS[name]
    for field in command:
        if field != "action" and field not in action.fields:
            known = ", ".join(action.fields) or "no other field"
            raise InvalidInput(f"unknown field; {name} takes {known}", path=f"{where}{field}")
    return action.perform(Command(service, command, deadline, where))


def _work(
    command: Command, workflow: str, method: Callable[..., Result[Any]], *arguments: Any, **options: Any
) -> dict[str, Any]:
    """Call a method of the app that works on a run of the workflow, and return how the run stands then."""
    try:
        result = method(workflow, *arguments, deadline=command.deadline, **options)
    except LeaseLost:
        count_lost_lease(command.app, workflow)
        raise
    return answer(command.app, result)


def _steer(
    command: Command, method: Callable[..., Result[Any]], *arguments: Any, **options: Any
) -> dict[str, Any]:
    """Call a method of the app that works on the run that is meant."""
    return _work(command, command.workflow, method, command.id, *arguments, **options)


def _wake(command: Command) -> dict[str, Any]:
    try:
        at = command.given({"at": command.seconds})
        return _work(command, command.workflow_to_wake, command.app.wake, command.id, **at)
    except RunNotFound:
        log.warning("run %s is to be woken, and is not in the store", command.id)
        return {"id": command.id, "status": None}  # no error: a wake-up may outlive its run


def _run(command: Command) -> dict[str, Any]:
    return _work(command, command.new_workflow, command.app.execute, _input(command), **_naming(command))


def _start(command: Command) -> dict[str, Any]:
    return answer(command.app, command.app.start(command.new_workflow, _input(command), **_naming(command)))


def _resume(command: Command) -> dict[str, Any]:
    return _steer(command, command.app.resume)


def _retry(command: Command) -> dict[str, Any]:
    redo = command.flag("redo_commits", default=False)
    seen = command.given({"revision": lambda field: command.count(field, 1)})
    if "step" in command.fields:
        step = command.text("step")
    else:
        run = command.stored
        if run.status is RunStatus.COMPENSATION_FAILED and not redo:  # what failed is its rollback
            if seen.get("revision", run.revision) != run.revision:
                raise Conflict(f"run {run.id!r} has changed since revision {seen['revision']} was looked at")
            return _resume(command)
        step = failed_step(run)
    return _steer(command, command.app.retry_step, step, redo_commits=redo, **seen)


def _signal(command: Command) -> dict[str, Any]:
    return _steer(
        command,
        command.app.signal,
        command.text("name"),
        command.fields.get("payload"),
        id=command.text("signal_id") if "signal_id" in command.fields else None,
        run=command.flag("run", default=True),
    )


def _cancel(command: Command) -> dict[str, Any]:
    return _steer(command, command.app.cancel, compensate=command.flag("compensate", default=False))


def _pause(command: Command) -> dict[str, Any]:
    command.check_workflow()
    return answer(command.app, command.app.pause(command.id))


def _resolve(command: Command) -> dict[str, Any]:
    return _steer(
        command,
        command.app.resolve,
        command.text("step"),
        output=command.fields.get("output"),
        run=command.flag("run", default=True),
    )


def _delete(command: Command) -> dict[str, Any]:
    command.check_workflow()
    command.app.delete(command.id)
    return {"id": command.id}


NEW: Final = ("workflow", "input", "id", "tags")
ACTIONS: Final[dict[str, Action]] = {
    "tick": Action(ticking.tick, ("limit",)),
    "wake": Action(_wake, ("id", "at")),
    "run": Action(_run, NEW),
    "start": Action(_start, NEW),
    "resume": Action(_resume, ("id", "workflow")),
    "retry": Action(_retry, ("id", "workflow", "step", "redo_commits", "revision")),
    "signal": Action(_signal, ("id", "workflow", "name", "payload", "signal_id", "run")),
    "cancel": Action(_cancel, ("id", "workflow", "compensate")),
    "pause": Action(_pause, ("id",)),
    "resolve": Action(_resolve, ("id", "workflow", "step", "output", "run")),
    "show": Action(looking.show, ("id",)),
    "list": Action(
        looking.runs, ("workflow", "status", "since", "until", "tag", "id_prefix", "limit", "cursor")
    ),
    "delete": Action(_delete, ("id",)),
}


def _input(command: Command) -> Any:
    if "input" not in command.fields:
        raise InvalidInput("expected the workflow's input, got none", path="flux.input")
    return command.fields["input"]


def _naming(command: Command) -> dict[str, Any]:
    return command.given({"id": command.text, "tags": command.texts})


def failed_step(run: Run) -> str:
    """Return the step that a retry goes back to which names none.

    Raises:
        NotRetryable: the run cannot be retried, or no step of it has failed.
    """
    check_ended(run.id, run.status)
    failed = [record.name for record in run.history if record.status is StepStatus.FAILED]
    if not failed:
        raise NotRetryable(
            f"run {run.id!r} is {run.status} and has no failed step; name the step to go back to"
        )
    return failed[-1]
