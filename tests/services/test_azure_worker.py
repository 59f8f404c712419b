"""The worker loads a function app, calls its functions, and says what came of that."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .azure_worker import TRACEPARENT, AzureWorker, NotIndexed, http, text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

APP = """
import logging, os
import azure.functions as func

app = func.FunctionApp()

@app.route(route="echo")
def echo(req: func.HttpRequest, context) -> func.HttpResponse:
    print("this is no answer")
    logging.warning("at %s", req.url)
    return func.HttpResponse(req.get_body(), status_code=201, headers={"Trace": context.trace_context.trace_parent})

@app.queue_trigger("message", queue_name="orders", connection="Orders")
def take(message: func.QueueMessage) -> None:
    if message.get_body() == b"die":
        os._exit(3)
    raise ValueError(message.id)
"""


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[AzureWorker]:
    """A worker with two functions."""
    (tmp_path / "function_app.py").write_text(APP)
    with AzureWorker(tmp_path) as worker:
        yield worker


def test_a_function_is_called(worker: AzureWorker) -> None:
    """It gets the request and the context, and its answer and its log come back."""
    called = worker.call("echo", {"req": http("POST", "hello")})

    assert called.error is None
    assert called.http == {
        "status": 201,
        "headers": {"Trace": TRACEPARENT, "content-type": "text/plain; charset=utf-8"},
        "body": "hello",
    }
    assert {
        "level": "WARNING",
        "logger": "root",
        "text": "at https://orders.example/api/orders",
    } in called.logs


def test_an_error_is_what_the_host_is_told(worker: AzureWorker) -> None:
    """The worker goes on after it."""
    called = [worker.call("take", {"message": text("{}")}, {"Id": text(name)}) for name in ("m-1", "m-2")]

    assert [call.error for call in called] == ["ValueError: m-1", "ValueError: m-2"]


def test_a_worker_that_dies_is_noticed(worker: AzureWorker) -> None:
    """The call raises, and does not wait for ever."""
    with pytest.raises(RuntimeError, match="the worker has ended"):
        worker.call("take", {"message": text("die")}, {"Id": text("m-1")})


def test_an_app_that_cannot_be_loaded_is_refused(tmp_path: Path) -> None:
    """The error says what the worker has found."""
    (tmp_path / "function_app.py").write_text("import nowhere")
    with pytest.raises(NotIndexed, match="No module named 'nowhere'"), AzureWorker(tmp_path):
        pass
