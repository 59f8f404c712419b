"""What the functions do, whoever calls them: functions-framework in a thread, or on its event loop."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any

from flux_core._serving.delivery import run_or_raise
from flux_core._serving.http import failure
from flux_core._serving.measure import serving
from flux_core._serving.served import Served
from flux_core._serving.store import with_store
from flux_gcp._events.recognition import delivery_of
from flux_gcp._invocation import GOOGLE, invocation_of, seconds_of_a_call

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cloudevents.http import CloudEvent

    from flux_core._invocation import Invocation
    from flux_core._serving.http import Reply, Request
    from flux_core._serving.served import Steering
    from flux_core._serving.service import Service


class Front:
    """Serves the calls of one function.

    Raises:
        InvalidInput: the environment does not say the function's time-out in seconds.
        StoreError: on Google Cloud, the store cannot be opened; elsewhere the first call says so.
    """

    def __init__(self, service: Service, steering: Steering | None = None) -> None:
        self._given = service
        self._steering = steering
        self._seconds = seconds_of_a_call()
        self._opened: Served | None = None
        self._lock = Lock()
        if GOOGLE.is_here:
            self._served()  # opened with the function; elsewhere nobody may ever call it

    def _served(self) -> Served:
        """Return the service over its store; several threads may ask at once."""
        with self._lock:
            if self._opened is None:
                service = self._given._replace(app=with_store(self._given.app, GOOGLE))
                self._opened = Served.of(service, self._steering)
            return self._opened

    def invocation(self, event: Any, headers: Mapping[str, str]) -> Invocation:
        """Return the call that begins now, with the time that it has."""
        return invocation_of(event, headers, self._seconds)

    def answer(self, request: Request, invocation: Invocation) -> Reply:
        """Run the workflow on the body of a request, or steer, and return the answer; nothing is raised."""
        return self._answered(invocation, lambda served: served.reply(request, deadline=invocation.deadline))

    def obey(self, request: Request, invocation: Invocation) -> Reply:
        """Do what the control command in the body of a request asks for, and return the answer; nothing is raised."""
        from flux_gcp._commands import commanded  # an order needs none of it

        return self._answered(invocation, lambda served: commanded(served.service, request, invocation))

    def run(self, event: CloudEvent, invocation: Invocation) -> None:
        """Run the workflow on an event.

        Raises:
            Undone: the event is to come again; the log says why.
            MalformedBody: it is not what its type says it is.
        """
        with serving(self._given.app, invocation):
            run_or_raise(self._served().service, invocation, [delivery_of(event)])

    def _answered(self, invocation: Invocation, serve: Callable[[Served], Reply]) -> Reply:
        with serving(self._given.app, invocation):
            try:
                return serve(self._served())
            except Exception as error:  # noqa: BLE001 (whatever it is, the client is answered, and the log knows)
                return failure(error)


def lowered(headers: Any) -> dict[str, str]:
    """Return the headers of a request, their names in lower case; Flask and Starlette have a type of their own each."""
    return {name.lower(): value for name, value in headers.items()}


def written(answer: Reply) -> tuple[str, int, dict[str, str]]:
    """Return an answer as body, status and headers."""
    return answer.text, answer.status, dict(answer.headers)
