"""Control commands over HTTP: those of Cloud Tasks and Cloud Scheduler, and those of a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flux_core._serving.body import parse_body
from flux_core._serving.control.actions import control
from flux_core._serving.control.wake_up import obey
from flux_core._serving.delivery import Delivery, Undone
from flux_core._serving.http import JSON, Reply, refusal
from flux_core._serving.problem import METHOD_NOT_ALLOWED, problem

if TYPE_CHECKING:
    from flux_core._invocation import Invocation
    from flux_core._serving.http import Request
    from flux_core._serving.service import Service

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
    if request.method != "POST":
        detail = f"{request.method} commands nothing; POST a control command"
        return refusal(problem(METHOD_NOT_ALLOWED, detail, headers={"Allow": "POST"}))
    command = _command(parse_body(request.body()))
    task = request.headers.get(TASK_NAME)
    if task is None:
        return Reply(200, {"Content-Type": JSON}, control(service, command, invocation.deadline))
    delivery = Delivery(f"task {task}", request.event, task, lambda: command)
    if obey(service, invocation, delivery, command):
        return Reply(200, {"Content-Type": JSON}, {"task": task})
    return refusal(problem(Undone.code, ""))


def _command(document: object) -> Any:
    """Return the command, or None if the document is not an object of that alone, which `control` refuses."""
    return document["flux"] if isinstance(document, dict) and document.keys() == {"flux"} else None
