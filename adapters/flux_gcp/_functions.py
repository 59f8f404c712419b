"""The functions that functions-framework calls in a thread: for HTTP requests, CloudEvents, control commands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from flux_core import App, Workflow
from flux_core._serving.http import Request
from flux_core._serving.served import Steering
from flux_core._serving.service import MAX_BODY, Service
from flux_gcp._front import Front, lowered, written

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeAlias

    import flask
    from cloudevents.http import CloudEvent

    from flux_core._serving.choice import Route
    from flux_core._serving.served import Control
    from flux_core._serving.service import Key

    Answer: TypeAlias = tuple[str, int, dict[str, str]]


def http(
    app: App | Workflow[Any, Any],
    *,
    workflow: str | Workflow[Any, Any] | None = None,
    route: Route | None = None,
    key: Key | None = None,
    max_body: int = MAX_BODY,
    control: Control = False,
    tokens: Mapping[str, str] | None = None,
) -> Callable[[flask.Request], Answer]:
    """Return a function of signature `http`: it runs a workflow on the body of each POST, and answers the result.

    What the body holds is always an input; control commands are for the function `control`.

    Args:
        app: what serves the workflows, or one workflow alone. One without a store is put on the store that the
            environment variable `FLUX_STORE` names by its URL, or on an SQLite file, which only suits a
            trial.
        workflow: the workflow to run, or its name; not needed if the app has one.
        route: gives the name of the workflow to run, by the request, for a function that serves several, as in
            `route=lambda request: request.path.strip("/")`.
        key: gives the run's id from the input, parsed and not yet typed: with `key=lambda order: order["order_id"]`
            the same order is one run, whatever brings it. A key that cannot be an id (1 to 128 of
            `A-Z a-z 0-9 . _ : @ -`) is replaced by its SHA-256. Without it the header `Idempotency-Key` is the id,
            and without that header each request is a new run.
        max_body: the most bytes that the body of a request may have.
        control: whether requests may look at runs and steer them, below `/runs`, `/workflows`, `/events`, `/healthz`
            and `/openapi.json`: `True` for who has a token, `"platform"` for whoever IAM lets invoke the function,
            which is then never to be public. All other paths are for orders.
        tokens: `"read"` or `"operate"` by token, for `control=True`; by default those of the environment,
            `FLUX_READ_TOKEN` and `FLUX_OPERATE_TOKEN`.

    Raises:
        InvalidInput: `max_body` is below 1, nothing says who may steer, or the environment does not say the
            function's time-out in seconds.
        InvalidWorkflow: `workflow` is needed and missing, is not the app's, or is given beside `route`.
        UnknownWorkflow: the app has no workflow of that name.
        StoreError: the store cannot be opened.
    """
    service = Service.of(app, workflow=workflow, route=route, key=key, max_body=max_body)
    front = Front(service, Steering.of(control, tokens))

    def respond(request: flask.Request) -> Answer:
        asked = _asked(request)
        return written(front.answer(asked, front.invocation(request, asked.headers)))

    return respond


def cloud_event(
    app: App | Workflow[Any, Any],
    *,
    workflow: str | Workflow[Any, Any] | None = None,
    route: Route | None = None,
    key: Key | None = None,
) -> Callable[[CloudEvent | flask.Request], str]:
    """Return a function of signature `cloudevent`: it runs a workflow on each event.

    | event                    | input                   | the run's id, without `key=`                          |
    |--------------------------|-------------------------|-------------------------------------------------------|
    | a message of Pub/Sub     | its data, which is JSON | the name of the subscription, a colon, its messageId  |
    | a change in a bucket     | the object              | the bucket, the object and its generation             |
    | any other, that has data | its data                | its source and id                                     |

    Where the subscription is not told, the name of the topic stands for it; without either the messageId is alone.

    An event is acknowledged once no redelivery could bring its run further. Otherwise the function raises, which is
    answered 500, and the event comes again: to a run that failed at a step that is worth a retry, to one that another
    worker holds, to one that only ran out of time, and also if it cannot be read, until it goes where dead letters go.

    Deployed with signature `http` it takes the request itself, with a CloudEvent or a message that Pub/Sub pushes.

    Args:
        app: as in `http`.
        workflow: as in `http`.
        route: gives the name of the workflow to run, by the CloudEvent, as in `route=lambda event: event["type"]`.
        key: as in `http`. A message that is published again from a dead-letter topic has another messageId: a workflow
            with commits is safe from that by a `key` alone.

    Raises:
        InvalidInput: the environment does not say the function's time-out in seconds.
        InvalidWorkflow: `workflow` is needed and missing, is not the app's, or is given beside `route`.
        UnknownWorkflow: the app has no workflow of that name.
        StoreError: the store cannot be opened.
    """
    front = Front(Service.of(app, workflow=workflow, route=route, key=key))

    def respond(delivered: Any) -> str:
        if not hasattr(delivered, "headers"):
            front.run(delivered, front.invocation(delivered, _headers()))
            return "OK"
        from flux_gcp._events.requests import event_in

        headers = lowered(delivered.headers)
        event = event_in(headers, delivered.get_data())
        front.run(event, front.invocation(event, headers))
        return "OK"

    return respond


def control(app: App | Workflow[Any, Any]) -> Callable[[flask.Request], Answer]:
    """Return a function of signature `http` that takes control commands: `{"flux": {"action": "tick"}}`.

    Cloud Tasks sends it the waker's messages, Cloud Scheduler the tick, a person any command there is. Deploy it so
    that IAM lets nobody else call it: it is never to be public.

    Args:
        app: what serves the workflows, with the same store as the functions that start their runs.

    Raises:
        InvalidInput: the environment does not say the function's time-out in seconds.
        StoreError: the store cannot be opened.
    """
    front = Front(served_by_commands(app))

    def respond(request: flask.Request) -> Answer:
        asked = _asked(request)
        return written(front.obey(asked, front.invocation(request, asked.headers)))

    return respond


def served_by_commands(app: App | Workflow[Any, Any]) -> Service:
    """Return the service of a function whose commands name the workflow that they are about, if there are several."""
    app = App([app]) if isinstance(app, Workflow) else app
    return Service.of(app, route=None if len(app.workflows) == 1 else str)


def _asked(request: flask.Request) -> Request:
    """Return what a request of Flask asks, which keeps the path as it was sent where its server has put it."""
    sent = request.environ.get("RAW_URI") or quote(request.path)
    path = sent.partition("?")[0] if sent.startswith("/") else urlsplit(sent).path
    query = request.query_string.decode("latin-1")
    return Request(request.method, lowered(request.headers), request.get_data, request, path, query)


def _headers() -> dict[str, str]:
    """Return the headers of the request that brought the event, which functions-framework does not pass on."""
    import flask  # functions-framework has loaded it

    return lowered(flask.request.headers) if flask.has_request_context() else {}
