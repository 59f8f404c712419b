"""Lambda's Invoke API over a handler in this process, for a client of AWS's own SDK."""

from __future__ import annotations

import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Call(NamedTuple):
    """One call of a function, as it arrived."""

    function: str
    kind: str
    payload: Any


class Refusal(NamedTuple):
    """An error of the service itself."""

    status: int
    type: str
    message: str


class InvokeAPI:
    """What answers: a handler that returns, or raises as a function does; `refusal` makes the service refuse.

    Attributes:
        url: the endpoint.
        calls: those that came, in their order.
    """

    def __init__(self, handler: Callable[..., Any]) -> None:
        self.url = ""
        self.calls: list[Call] = []
        self.refusal: Refusal | None = None
        self._handler = handler

    def answer(self, call: Call) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body, as https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html says."""
        self.calls.append(call)
        if self.refusal is not None:
            status, kind, message = self.refusal
            return status, {"x-amzn-ErrorType": kind}, json.dumps({"Message": message}).encode()
        try:
            returned, headers = self._handler(call.payload), {}
        except Exception as error:  # noqa: BLE001 (a function may raise anything)
            returned = {"errorType": type(error).__name__, "errorMessage": str(error), "stackTrace": []}
            headers = {"X-Amz-Function-Error": "Unhandled"}
        return (202, {}, b"") if call.kind == "Event" else (200, headers, json.dumps(returned).encode())


@contextmanager
def invoke_api(handler: Callable[..., Any]) -> Iterator[InvokeAPI]:
    """Serve the API on a free port while the block lasts."""
    api = InvokeAPI(handler)

    class Requests(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            payload = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            function = unquote(self.path.split("/")[3])
            kind = self.headers.get("X-Amz-Invocation-Type", "RequestResponse")
            status, headers, body = api.answer(Call(function, kind, payload))
            self.send_response(status)
            for name, value in (headers | {"Content-Length": str(len(body))}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Requests)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        api.url = f"http://127.0.0.1:{server.server_port}"
        yield api
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
