"""The handler: the function that Lambda calls with an event of whatever source."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

from flux_aws._sources.recognition import source_of
from flux_aws._sources.source import invocation_of
from flux_aws._sources.sqs import message_id
from flux_core._serving.measure import serving
from flux_core._serving.served import Served, Steering
from flux_core._serving.service import MAX_BODY, Service
from flux_core._serving.store import Platform, with_store

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flux_aws._sources.source import LambdaContext
    from flux_core import App, Workflow
    from flux_core._serving.choice import Route
    from flux_core._serving.served import Control
    from flux_core._serving.service import Key

LAMBDA: Final = Platform(
    "AWS_LAMBDA_FUNCTION_NAME", stores={"dynamodb": "flux_aws._dynamodb.url:open_dynamodb"}
)
"""https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html"""


def handler(
    app: App | Workflow[Any, Any],
    *,
    workflow: str | Workflow[Any, Any] | None = None,
    route: Route | None = None,
    key: Key | None = None,
    max_body: int = MAX_BODY,
    control: Control = False,
    tokens: Mapping[str, str] | None = None,
) -> Callable[[Any, LambdaContext | None], Any]:
    """Return the function for Lambda to call: it runs a workflow on each event, and answers as the source expects.

    The sources are direct invocations, SQS, SNS, S3, EventBridge with its Scheduler, Kinesis, DynamoDB Streams,
    Kafka, and HTTP requests (REST API, HTTP API, function URL, load balancer). One handler serves them all;
    docs/event-sources.md says for each what the input is, what names the run, and what is answered.

    Args:
        app: what serves the workflows, or one workflow alone. One without a store is put on the store that the
            environment variable `FLUX_STORE` names by its URL, or on an SQLite file, which only suits a
            trial.
        workflow: the workflow to run, or its name; not needed if the app has one.
        route: gives the name of the workflow to run, for a function that serves several. It is called with what
            Lambda delivered, be it the whole event or, of an event with many, one record: with
            `route=lambda event: event["detail-type"]` each kind of event of EventBridge has its workflow.
        key: gives the run's id from the input, parsed and not yet typed, whichever source it came from: with
            `key=lambda order: order["order_id"]` the same order is one run, sent directly, through a queue or
            over HTTP. A key that cannot be an id (1 to 128 of `A-Z a-z 0-9 . _ : @ -`) is replaced by its
            SHA-256. Without it the event's own identity is the id, such as the header `Idempotency-Key`, the
            request id of a direct invocation, the messageId of a message. As that one changes when a message is
            moved back from a dead-letter queue, a workflow with commits refuses messages of SQS unless it is
            given a `key`, or `key=flux_aws.message_id`.
        max_body: the most bytes that the body of an HTTP request may have.
        control: whether HTTP requests may look at runs and steer them, below `/runs`, `/workflows`, `/events`,
            `/healthz` and `/openapi.json`: `True` for who has a token, `"platform"` for whoever is let through
            to the function, as where a function URL or an API asks for IAM. All other paths are for orders.
        tokens: `"read"` or `"operate"` by token, for `control=True`; by default those of the environment,
            `FLUX_READ_TOKEN` and `FLUX_OPERATE_TOKEN`.

    Raises:
        InvalidInput: `max_body` is below 1, or nothing says who may steer: `control=True` without a token.
        InvalidWorkflow: `workflow` is needed and missing, is not the app's, or is given beside `route`.
        UnknownWorkflow: the app has no workflow of that name.
        StoreError: the store cannot be opened.
    """
    trusts_message_ids = key is message_id
    target = Service.of(
        app,
        workflow=workflow,
        route=route,
        key=None if trusts_message_ids else key,
        trusts_message_ids=trusts_message_ids,
        max_body=max_body,
    )

    steering = Steering.of(control, tokens)

    @cache
    def served() -> Served:
        return Served.of(target._replace(app=with_store(target.app, LAMBDA)), steering)

    def respond(event: Any, context: LambdaContext | None = None) -> Any:
        source = source_of(event)
        invocation = invocation_of(event, context, source.traceparent(event))
        with serving(target.app, invocation):
            return source.respond(served(), invocation)

    if LAMBDA.is_here:
        served()  # the store is opened at init, not by the first order; elsewhere nobody may ever send one
    return respond
