"""Cloud Tasks' emulator sends a task when its time has come."""

from __future__ import annotations

import queue
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import TYPE_CHECKING

import pytest

import flux_gcp

from services.cloud_tasks import QUEUE, CloudTasks

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def arrivals() -> Iterator[tuple[str, queue.SimpleQueue[float]]]:
    """The URL of a server, and the moments at which it is called."""
    moments: queue.SimpleQueue[float] = queue.SimpleQueue()

    class Arrivals(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            moments.put(time.time())
            self.send_response(200)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Arrivals) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/", moments
        server.shutdown()
        thread.join()


@pytest.mark.xdist_group("google-functions")
def test_a_task_comes_at_its_time(arrivals: tuple[str, queue.SimpleQueue[float]]) -> None:
    """It is not sent before, and soon after."""
    url, moments = arrivals
    with CloudTasks() as server:
        at = time.time() + 0.5
        flux_gcp.CloudTasksWaker(queue=QUEUE, url=url, endpoint=server.endpoint).wake("o_1", at)

        assert at <= moments.get(timeout=10)
