"""The order template as each cloud runs it: its front on the cloud's own runtime, its runs in the cloud's own store."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack, closing, contextmanager
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from unittest.mock import patch
from uuid import uuid4

from aws import events
from gcp.events import pushed

from flux_core.storage import open_storage

from services.azure_worker import TRACEPARENT, AzureWorker, Called, as_json, http, text
from services.azurite import Azurite
from services.dynamodb_local import DynamoDBLocal
from services.firestore import FirestoreEmulator
from services.functions_framework import FunctionsFramework
from services.lambda_rie import LambdaRuntime

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from flux_core.storage import Storage

TEMPLATE = Path(__file__).parents[2] / "templates" / "order-fulfillment"


class Answer(NamedTuple):
    """What a client is answered."""

    status: int
    kind: str
    """The media type."""
    body: str


class Cloud(NamedTuple):
    """The template, deployed."""

    post: Callable[[str], Answer]
    """POST a body to the function for orders."""
    deliver: Callable[[str], bool]
    """Deliver a body by the cloud's queue, and return whether it is acknowledged."""
    storage: Storage
    """The store that the function uses, opened once more."""
    written: Callable[[], str]
    """Return what the functions have written to their log."""

    def trace(self, run_id: str) -> list[dict[str, Any]]:
        """Return the trace events of a run, as the lines of the log hold them."""
        lines = [json.loads(line) for line in self.written().splitlines() if '"flux":' in line]
        return [line["flux"] for line in lines if line["flux"]["workflowId"] == run_id]


@contextmanager
def on_aws(shop: Path) -> Iterator[Cloud]:
    """Run it under the emulator of Lambda's runtime, over DynamoDB Local."""
    with DynamoDBLocal() as server, ExitStack() as stack:
        settings = {
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "FLUX_STORE": f"dynamodb://runs?region=us-east-1&endpoint={server.endpoint}",
            "POWERTOOLS_METRICS_DISABLED": "true",
        }
        storage = stack.enter_context(_opened(settings))
        function = stack.enter_context(LambdaRuntime(TEMPLATE, timeout=30, env=settings | _shop(shop)))

        def post(body: str) -> Answer:
            answered = function.invoke(events.http_api(body, traceparent=TRACEPARENT)).payload
            return Answer(answered["statusCode"], answered["headers"]["Content-Type"], answered["body"])

        def deliver(body: str) -> bool:
            attribute = {"stringValue": TRACEPARENT, "dataType": "String"}
            message = events.message(body) | {"messageAttributes": {"traceparent": attribute}}
            answered: dict[str, Any] = function.invoke(events.sqs(message)).payload
            return answered == events.failures()

        yield Cloud(post, deliver, storage, lambda: function.log)


@contextmanager
def on_google_cloud(shop: Path) -> Iterator[Cloud]:
    """Run it under functions-framework, over the Firestore emulator."""
    with FirestoreEmulator() as server, ExitStack() as stack:
        settings = {
            "FIRESTORE_EMULATOR_HOST": server.host,
            "FLUX_STORE": "firestore://demo/runs",
            "FLUX_TASKS_QUEUE": "projects/demo/locations/here/queues/wakes",
            "FLUX_CONTROL_URL": "https://orders-control.example",
            "FLUX_SERVICE_ACCOUNT": "waker@demo.example",
            "K_SERVICE": "orders",
        }
        storage = stack.enter_context(_opened(settings))
        order, order_event = (
            stack.enter_context(
                FunctionsFramework(
                    TEMPLATE / "main.py", target, signature=kind, environment=settings | _shop(shop)
                )
            )
            for target, kind in (("order", "http"), ("order_event", "cloudevent"))
        )

        def deliver(body: str) -> bool:
            answered = _sent(order_event.port, pushed(body.encode()), {"Content-Type": "application/json"})
            return answered.status == HTTPStatus.OK

        yield Cloud(
            lambda body: _sent(order.port, body.encode()),
            deliver,
            storage,
            lambda: order.log() + order_event.log(),
        )


@contextmanager
def on_azure(shop: Path) -> Iterator[Cloud]:
    """Run it under the Python worker of Azure Functions, over Azurite."""
    with Azurite() as server, ExitStack() as stack:
        settings = {
            "AzureWebJobsStorage": server.connection,
            "FLUX_STORE": "azuretable:///runs",
            "WEBSITE_SITE_NAME": "orders",
        }
        storage = stack.enter_context(_opened(settings))
        worker = stack.enter_context(
            AzureWorker(
                TEMPLATE,
                env=settings | _shop(shop),
                packages=("azure-data-tables", "azure-identity", "azure-storage-queue"),
            )
        )
        log: list[str] = []

        def post(body: str) -> Answer:
            answered = call("http_orders", {"request": http("POST", body)}).http
            assert answered is not None
            return Answer(answered["status"], answered["headers"]["Content-Type"], answered["body"])

        def deliver(body: str) -> bool:
            return call("queue_orders", {"message": text(body)}, {"Id": as_json(str(uuid4()))}).error is None

        def call(*arguments: Any) -> Called:
            called = worker.call(*arguments)
            log.extend(record["text"] for record in called.logs)
            return called

        yield Cloud(post, deliver, storage, lambda: "\n".join(log))


CLOUDS: Mapping[str, Callable[[Path], Any]] = {
    "AWS": on_aws,
    "Google Cloud": on_google_cloud,
    "Azure": on_azure,
}


@contextmanager
def _opened(settings: Mapping[str, str]) -> Iterator[Storage]:
    """Open the store that the settings name, with its table made where one has to be made."""
    with patch.dict(os.environ, settings), ExitStack() as stack:
        storage: Any = open_storage(settings["FLUX_STORE"])
        stack.callback(storage.close)
        if hasattr(storage, "create_table"):
            storage.create_table()
        yield storage


def _sent(port: int, body: bytes, headers: Mapping[str, str] | None = None) -> Answer:
    """POST a body to a server of this machine, in the trace that the others' requests and messages are in."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request("POST", "/", body, {"traceparent": TRACEPARENT, **(headers or {})})
        answered = connection.getresponse()
        return Answer(answered.status, answered.headers["Content-Type"], answered.read().decode())


def _shop(shop: Path) -> dict[str, str]:
    return {"SHOP_DB": str(shop)}
