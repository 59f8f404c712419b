"""Threads: what takes long holds nothing up that does not."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import anyio
from web.shop import PATIENCE, Client, Store, shop, until

import flux_web
from flux_core import App, Workflow
from flux_web import _pools
from flux_web._threads import Threads

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

    from flux_core.storage import Query
    from flux_core.storage._port import RecordPage


@contextmanager
def at_work(runs: int) -> Iterator[Client]:
    """Serve an app while that many requests work on runs that do not end, and one more waits for its turn."""
    go, begun = threading.Event(), threading.Semaphore(0)

    def work(ctx: Any) -> None:
        begun.release()
        go.wait(PATIENCE)

    app = App([Workflow("work").step("work", work), *shop().workflows], Store())
    app.execute("approval", {}, id="a1")
    app.execute("approval", {}, id="a2")
    with Client(flux_web.asgi(app, tick_every=None)) as client, ThreadPoolExecutor(runs + 1) as clients:
        try:
            for number in range(runs + 1):
                key = {"Idempotency-Key": f"w{number}"}
                clients.submit(client.post, "/workflows/work/runs", json={}, headers=key)
                assert number == runs or begun.acquire(timeout=PATIENCE)
            yield client
        finally:
            go.set()


def test_runs_in_progress_keep_nobody_from_stopping_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pause, signal, cancel and delete are answered while every thread that may run something does."""
    monkeypatch.setattr(_pools, "RUNNERS", 2)
    with at_work(2) as client:
        assert client.post("/runs/w0/pause").status_code == 200
        assert client.post("/runs/a1/signals/approved").json()["status"] == "completed"
        assert client.post("/runs/a2/cancel").json()["status"] == "cancelled"
        assert client.request("DELETE", "/runs/a1").status_code == 204


class Hanging(Store):
    """A store that does not find anything until it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()

    def find(self, query: Query) -> RecordPage:
        """Return the runs."""
        self.finds += 1
        self.go.wait(PATIENCE)
        return super().find(query)


def test_reads_that_hang_keep_nobody_from_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page, its files, what it is about and the health of the server are answered meanwhile, and runs watched."""
    monkeypatch.setattr(_pools, "READERS", 1)
    store = Hanging()
    app = shop(store)
    app.execute("order", {}, id="o1")
    with Client(flux_web.asgi(app, tick_every=None)) as client, ThreadPoolExecutor(2) as clients:
        try:
            for _ in range(2):
                clients.submit(client.get, "/runs")
            until(lambda: store.finds)
            for path in ("/", "/viewer/viewer.js", "/viewer/about", "/healthz", "/events?run=o1"):
                assert client.get(path).status_code == 200, path
        finally:
            store.go.set()


def test_work_that_nobody_waits_for_keeps_its_place() -> None:
    """Clients that come and go have no more threads at work than there may be."""
    go, at_once = threading.Event(), threading.Semaphore(0)

    def work() -> None:
        at_once.release()
        go.wait(PATIENCE)

    async def come_and_go() -> None:
        threads = Threads(1)
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(threads.run, work)
            await anyio.to_thread.run_sync(at_once.acquire)
            tasks.cancel_scope.cancel()
            threading.Timer(0.05, go.set).start()

    anyio.run(come_and_go)
    assert not at_once.acquire(blocking=False)
