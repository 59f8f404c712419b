"""Waking a run at a given time, by a task that Cloud Tasks sends to the control function."""

from __future__ import annotations

import os
import re
import time
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from flux_core import InvalidInput
from flux_core._invocation import CURRENT, seconds_for_a_call
from flux_core._waker import message
from flux_gcp._tasks.refusals import calling

if TYPE_CHECKING:
    from google.cloud.tasks_v2 import CloudTasksClient

FARTHEST: Final = 30 * 86_400 - 3_600
"""Seconds: Cloud Tasks holds a task back for 30 days at most, by its own clock.
https://cloud.google.com/tasks/docs/quotas#limits"""
QUEUE: Final = re.compile(r"projects/[^/]+/locations/[^/]+/queues/[A-Za-z0-9-]{1,100}")
READABLE: Final = 60  # characters of a run's id in the name of its task, which may have 500 in all
ATTEMPT: Final = 3.0  # seconds for one call; less when the function's time runs out
PATIENCE: Final = 8.0  # seconds for all its attempts, as long as the function has them


class CloudTasksWaker:
    """Wakes runs by tasks, each of which calls the function that `flux_gcp.control` makes.

    A task comes at its time. One for a time more than 30 days ahead comes then, and is sent on by the
    control function.

    Args:
        queue: the queue, as `projects/PROJECT/locations/LOCATION/queues/QUEUE`; by default `FLUX_TASKS_QUEUE`.
        url: the control function's URL; by default `FLUX_CONTROL_URL`.
        service_account: the e-mail address of the service account as which the function is called, which may invoke it;
            by default `FLUX_SERVICE_ACCOUNT`. It is needed unless the endpoint is an emulator's.
        endpoint: `HOST:PORT` of an emulator, which is called without credentials and in plain text.

    Raises:
        InvalidInput: one of them is missing, or is not what it should be.
    """

    def __init__(
        self,
        *,
        queue: str | None = None,
        url: str | None = None,
        service_account: str | None = None,
        endpoint: str | None = None,
    ) -> None:
        self.queue: Final = queue or _said("FLUX_TASKS_QUEUE", "queue")
        self.url: Final = url or _said("FLUX_CONTROL_URL", "url")
        self._account = service_account or os.environ.get("FLUX_SERVICE_ACCOUNT")
        self._endpoint = endpoint
        _check(self.queue, self.url)
        if not (self._account or endpoint):
            raise InvalidInput(
                "name the service account as which the control function is called, or set FLUX_SERVICE_ACCOUNT",
                path="service_account",
            )

    def wake(self, run_id: str, at: float) -> None:
        """Make the task, unless it is there already.

        Raises:
            InvalidInput: google-cloud-tasks is not installed, or the service finds fault with the task.
            ResourceNotFound: there is no such queue.
            ServiceFailed: the service cannot be reached, or refuses.
        """
        now = time.time()
        moment = min(at, now + FARTHEST)
        task: dict[str, Any] = {
            "name": f"{self.queue}/tasks/{task_id(run_id, at, self.url, _asking())}",
            "http_request": self._request(run_id, at),
        }
        if moment > now:
            from datetime import UTC, datetime

            task["schedule_time"] = datetime.fromtimestamp(moment, UTC)
        self._create(task)

    def _create(self, task: dict[str, Any]) -> None:
        with calling(self.queue, self._account):
            client = self._client
            from google.api_core.exceptions import AlreadyExists, DeadlineExceeded, ServiceUnavailable
            from google.api_core.retry import Retry, if_exception_type

            passing = if_exception_type(DeadlineExceeded, ServiceUnavailable)
            again = Retry(passing, 0.1, 1.0, timeout=seconds_for_a_call(PATIENCE))
            asked = {"parent": self.queue, "task": task}
            try:  # the client's own retry would not give a later attempt less time
                again(lambda: client.create_task(asked, retry=None, timeout=seconds_for_a_call(ATTEMPT)))()
            except AlreadyExists:
                return  # it was asked for before

    def _request(self, run_id: str, at: float) -> dict[str, Any]:
        request: dict[str, Any] = {
            "url": self.url,
            "http_method": "POST",
            "headers": {"Content-Type": "application/json"},
            "body": message(run_id, at).encode(),
        }
        if self._account:
            request["oidc_token"] = {"service_account_email": self._account, "audience": self.url}
        return request

    @cached_property
    def _client(self) -> CloudTasksClient:
        # Made when it is first used, and so never before functions-framework forks: gRPC does not survive that.
        try:
            from google.cloud.tasks_v2 import CloudTasksClient
        except ModuleNotFoundError as error:
            raise InvalidInput(
                "Cloud Tasks is called through google-cloud-tasks: pip install 'flux-serverless[gcp]'"
            ) from error
        if self._endpoint is None:
            return CloudTasksClient()
        import grpc

        transport = CloudTasksClient.get_transport_class("grpc")
        return CloudTasksClient(transport=transport(channel=grpc.insecure_channel(self._endpoint)))


def task_id(run_id: str, at: float, url: str, asked_by: str = "") -> str:
    """Return the id of the task, of `A-Z a-z 0-9 _ -`; it begins with a hash, as names in order slow a queue down.

    It is the same for the same run, time and function, so that what was asked for twice is made once. What a task
    itself asks for is another: its own name stays taken for a while after it is done, and would wake nobody.

    Args:
        run_id: the run that is woken.
        at: when, in Unix seconds.
        url: the function that the task calls.
        asked_by: the task that is being served, if it is one.
    """
    asked = sha256(f"{run_id} {at:.3f} {url} {asked_by}".encode())
    return f"{asked.hexdigest()[:32]}-{re.sub('[^A-Za-z0-9_-]', '-', run_id)[:READABLE]}"


def _asking() -> str:
    invocation = CURRENT.get()
    headers = (invocation.context or {}) if invocation else {}
    name: str = headers.get("x-cloudtasks-taskname", "")
    return name


def _said(variable: str, option: str) -> str:
    value = os.environ.get(variable)
    if not value:
        raise InvalidInput(f"CloudTasksWaker needs {option}=, or the variable {variable}", path=option)
    return value


def _check(queue: str, url: str) -> None:
    if QUEUE.fullmatch(queue) is None:
        raise InvalidInput(
            f"expected projects/PROJECT/locations/LOCATION/queues/QUEUE, got {queue!r}", path="queue"
        )
    if urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).netloc:
        raise InvalidInput(f"expected the URL of the control function, got {url!r}", path="url")
