"""One shop on every front that can be steered, each over its own copy of the same runs."""

from __future__ import annotations

import shutil
from base64 import b64encode
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from aws import events
from core.http import shop_of_runs
from core.http.asking import Got, Sent
from core.http.shop_of_runs import OPERATE, READ, shop

from flux_core.storage import SQLiteStorage

from services.azure_worker import PACKAGES, AzureWorker, http
from services.functions_framework import FunctionsFramework
from services.lambda_rie import LambdaRuntime
from services.uvicorn import Uvicorn

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from core.http.asking import Respond

SOURCES: Final = Path(__file__).with_name("steered")
HOST: Final = "orders.example"
SETTINGS: Final = {"FLUX_READ_TOKEN": READ, "FLUX_OPERATE_TOKEN": OPERATE}
EVENT_STREAM: Final = "text/event-stream"


@contextmanager
def on_lambda(folder: Path, settings: Mapping[str, str]) -> Iterator[Respond]:
    """Behind a function URL, under the emulator of Lambda's runtime."""
    with LambdaRuntime(folder, timeout=30, env=settings) as function:

        def respond(sent: Sent) -> Got:
            event = events.http_api("", method=sent.method)
            event |= {
                "rawPath": sent.path,
                "rawQueryString": sent.query,
                "headers": _headers(sent),
                "body": b64encode(sent.body).decode(),
                "isBase64Encoded": True,
            }
            answer = function.invoke(event).payload
            return Got(answer["statusCode"], _lowered(answer["headers"]), answer["body"])

        yield respond


@contextmanager
def on_functions_framework(folder: Path, settings: Mapping[str, str]) -> Iterator[Respond]:
    """Called in threads, under gunicorn."""
    with FunctionsFramework(folder / "main.py", "orders", environment=settings) as server:
        yield lambda sent: _sent(server.port, sent)


@contextmanager
def on_its_event_loop(folder: Path, settings: Mapping[str, str]) -> Iterator[Respond]:
    """Awaited, under uvicorn's worker."""
    with FunctionsFramework(folder / "main.py", "orders_aio", asgi=True, environment=settings) as server:
        yield lambda sent: _sent(server.port, sent)


@contextmanager
def on_azure(folder: Path, settings: Mapping[str, str]) -> Iterator[Respond]:
    """Below `/api/flux/`, under the Python worker of Azure Functions."""
    with AzureWorker(folder, env=settings, packages=PACKAGES) as worker:

        def respond(sent: Sent) -> Got:
            path = f"/api/flux{sent.path}?{sent.query}"
            request = http(sent.method, sent.body, _headers(sent), path=path)
            called = worker.call("control_flux", {"request": request})
            assert called.http is not None, called.error
            return Got(called.http["status"], _lowered(called.http["headers"]), called.http["body"])

        yield respond


@contextmanager
def on_uvicorn(folder: Path, settings: Mapping[str, str]) -> Iterator[Respond]:
    """The application of `flux_web`."""
    with Uvicorn(folder, "web:app", environment=settings) as server:
        yield lambda sent: _sent(server.port, sent)


FRONTS: Final = {
    "Lambda": on_lambda,
    "functions-framework": on_functions_framework,
    "functions-framework, aio": on_its_event_loop,
    "Azure": on_azure,
    "uvicorn": on_uvicorn,
}


@contextmanager
def fronts(folder: Path) -> Iterator[dict[str, Respond]]:
    """Start them all; their runs are made once, and are in every state there is."""
    with closing(SQLiteStorage(folder / "runs.db")) as storage:
        shop(storage, lease=3600)  # however slow a machine is, what another worker holds it holds to the end
    with ExitStack() as stack:
        started = {}
        for name, front in FRONTS.items():
            place = shutil.copytree(SOURCES, folder / name)
            package = place / "core" / "http"
            package.mkdir(parents=True)
            shutil.copy(shop_of_runs.__file__, package)
            shutil.copy(folder / "runs.db", place)
            settings = SETTINGS | {"FLUX_STORE": f"sqlite:///{place}/runs.db"}
            started[name] = stack.enter_context(front(place, settings))
        yield started


def _sent(port: int, sent: Sent) -> Got:
    """Send a request to a server of this machine, and return the answer; of events, the first of them."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.putrequest(
            sent.method, f"{sent.path}?{sent.query}", skip_host=True, skip_accept_encoding=True
        )
        for name, value in _headers(sent).items():
            connection.putheader(name, value)
        connection.endheaders(sent.body)
        answered = connection.getresponse()
        got = _lowered(dict(answered.getheaders()))
        if got.get("content-type") != EVENT_STREAM:
            return Got(answered.status, got, answered.read().decode())
        text = b""
        while b"\n\n" not in text and (more := answered.read1()):
            text += more
        return Got(answered.status, got, text.decode())


def _headers(sent: Sent) -> dict[str, str]:
    """Return the headers of a request, with those that every client sends."""
    return {"host": HOST, **_lowered(sent.headers), "content-length": str(len(sent.body))}


def _lowered(headers: Mapping[str, Any]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
