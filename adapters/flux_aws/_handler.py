"""The handler: the function that Lambda calls with an event of whatever source."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Any

from flux_aws._current import CURRENT
from flux_aws._service import Service
from flux_aws._source import Invocation
from flux_aws._sources import source_of
from flux_aws._store import ON_LAMBDA, with_store
from flux_core import App, InvalidWorkflow, Workflow

if TYPE_CHECKING:
    from collections.abc import Callable

    from flux_aws._service import Key
    from flux_aws._source import LambdaContext


def handler(
    app: App | Workflow[Any, Any],
    *,
    workflow: str | Workflow[Any, Any] | None = None,
    key: Key | None = None,
) -> Callable[[Any, LambdaContext | None], Any]:
    """Return the function for Lambda to call: it runs a workflow on each event, and answers as the source expects.

    The sources are a direct invocation, whose event is the workflow's input; an SQS batch and an HTTP request
    (REST API, HTTP API, function URL), whose bodies are. One handler serves them all.

    Args:
        app: what serves the workflow, or that alone. One without a store is put on the store that the environment
            variable `FLUX_STORE` names by its URL, or on an SQLite file in `/tmp`, which only suits a trial.
        workflow: the workflow to run, or its name; not needed if the app has one.
        key: gives the run's id from the input, parsed and not yet typed, whichever source it came from: with
            `key=lambda order: order["order_id"]` the same order is one run, sent directly, through a queue or
            over HTTP. A key that cannot be an id (1 to 128 of `A-Z a-z 0-9 . _ : @ -`) is replaced by its
            SHA-256. Without it the event's own identity is the id: the header `Idempotency-Key`, the request id
            of a direct invocation, the messageId of a message. As that one changes when a message is moved back
            from a dead-letter queue, a workflow with commits refuses messages unless it is given a `key`, or
            `key=flux_aws.message_id`.

    Raises:
        InvalidWorkflow: `workflow` is needed and missing, or is not the app's.
        UnknownWorkflow: the app has no workflow of that name.
        StoreError: the store cannot be opened.
    """
    app = App([app]) if isinstance(app, Workflow) else app
    chosen = _chosen(app, workflow)

    @cache
    def service() -> Service:
        return Service(with_store(app), chosen, key)

    def respond(event: Any, context: LambdaContext | None = None) -> Any:
        invocation = Invocation.of(event, context)
        before = CURRENT.set(invocation)
        try:
            return source_of(event).respond(service(), invocation)
        finally:
            CURRENT.reset(before)

    if ON_LAMBDA in os.environ:
        service()  # the store is opened at init, not by the first order; elsewhere nobody may ever send one
    return respond


def _chosen(app: App, workflow: str | Workflow[Any, Any] | None) -> Workflow[Any, Any]:
    """Return the workflow that the handler is for."""
    if workflow is None:
        if len(app.workflows) != 1:
            names = ", ".join(known.name for known in app.workflows) or "none"
            raise InvalidWorkflow(
                f"say which workflow is meant, handler(app, workflow=...); the app has: {names}"
            )
        return app.workflows[0]
    if isinstance(workflow, str):
        return app.workflow(workflow)
    if app.workflow(workflow.name) is not workflow:
        raise InvalidWorkflow(f"workflow {workflow.name!r} is not the one that the app has under this name")
    return workflow
