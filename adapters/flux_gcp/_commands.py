"""Control commands over HTTP: those of Cloud Tasks and Cloud Scheduler, and those of a person."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from flux_core._serving.body import MalformedBody, parse_body
from flux_core._serving.control.actions import control
from flux_core._serving.control.wake_up import obey
from flux_core._serving.delivery import Delivery, Undone
from flux_core._serving.http import JSON, Reply, refusal
from flux_core._serving.problem import METHOD_NOT_ALLOWED, problem

if TYPE_CHECKING:
    from flux_core._invocation import Invocation
    from flux_core._serving.http import Request
    from flux_core._serving.service import Service

log: Final = logging.getLogger("flux")

TASK_NAME: Final = "x-cloudtasks-taskname"
"""The header by which requests of Cloud Tasks are known; another caller that sends it is only told less:
https://cloud.google.com/tasks/docs/creating-http-target-tasks#handler"""


def commanded(service: Service, request: Request, invocation: Invocation) -> Reply:
    """Do what a request asks for, and return the answer.

    Cloud Tasks sends a task again that is not answered 2xx: one that may be obeyed later is answered 500, and one that
    never can be is done, as the log says. Of 429 and 503 it slows down the whole queue, and one run that is busy is no
    reason for that. Whoever else asks is told what is wrong.

    Raises:
        InvalidInput: the command is none; beside all that `control` raises.
    """
    task = request.headers.get(TASK_NAME)
    if task is not None:
        return _of_task(service, request, invocation, task)
    if request.method != "POST":
        return refusal(problem(METHOD_NOT_ALLOWED, _not_posted(request), headers={"Allow": "POST"}))
    return _done(control(service, _command(request), invocation.deadline))


def _of_task(service: Service, request: Request, invocation: Invocation, task: str) -> Reply:
    try:
        command = _command(request)
    except MalformedBody as error:
        log.warning("task %s is acknowledged, and nothing done: %s", task, error)
        return _done({"task": task})
    delivery = Delivery(f"task {task}", request.event, task, lambda: command)
    if obey(service, invocation, delivery, command):
        return _done({"task": task})
    return refusal(problem(Undone.code, ""))


def _command(request: Request) -> Any:
    """Return the command, or None if the body is not an object of that alone, which `control` refuses.

    Raises:
        MalformedBody: it was not posted, or is not JSON.
    """
    if request.method != "POST":
        raise MalformedBody(_not_posted(request))
    document = parse_body(request.body())
    return document["flux"] if isinstance(document, dict) and document.keys() == {"flux"} else None


def _not_posted(request: Request) -> str:
    return f"{request.method} commands nothing; POST a control command"


def _done(document: Any) -> Reply:
    return Reply(200, {"Content-Type": JSON}, document)
