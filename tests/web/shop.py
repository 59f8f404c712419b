"""The app that the tests of the web serve, stores that count or fail, and requests as this computer sends them."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Self

import anyio
import httpx
import uvicorn
from anyio.from_thread import start_blocking_portal

from flux_core import App, Context, StoreError, Workflow
from flux_core.storage import MemoryStorage

from services.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from anyio.from_thread import BlockingPortal
    from starlette.applications import Starlette
    from starlette.types import ASGIApp

    from flux_core import RunStatus
    from flux_core.storage import Query, Record
    from flux_core.storage._port import RecordPage

READ = "read-token-0123456789"
OPERATE = "operate-token-0123456789"
TOKENS = {READ: "read", OPERATE: "operate"}
PATIENCE = 30.0  # seconds, for a machine that is busy with other tests

Ctx = Context[dict[str, Any], dict[str, Any]]


def charge(ctx: Ctx) -> str:
    """Take the money, unless there is none."""
    if ctx.input.get("broke"):
        raise RuntimeError("the card is declined")
    ctx.data["paid"] = True
    return "paid"


class Store(MemoryStorage):
    """A store that counts how often it is looked into, and that can be down."""

    def __init__(self) -> None:
        super().__init__()
        self.looks = 0
        self.finds = 0
        self.down = False

    def load(self, run_id: str) -> Record | None:
        """Return the run."""
        self.looks += 1
        self._check()
        return super().load(run_id)

    def find(self, query: Query) -> RecordPage:
        """Return the runs."""
        self.finds += 1
        self._check()
        return super().find(query)

    def tally(self, query: Query, edges: Sequence[float]) -> list[dict[RunStatus, int]]:
        """Return how many runs there are."""
        self._check()
        return super().tally(query, edges)

    def _check(self) -> None:
        if self.down:
            raise StoreError("the store is on holiday")


def shop(store: MemoryStorage | None = None) -> App:
    """Return an app of an order that completes, and one that waits in between."""
    order = Workflow("order").commit("charge", charge)
    approval = Workflow("approval").commit("charge", charge).wait("approved")
    return App([order, approval], Store() if store is None else store)


class Client:
    """Asks an application of ASGI in this process; as a context it runs the application's lifespan.

    Args:
        served: the application.
        host: the name by which it is asked.
        client: the address that it is asked from; None if it is not told.
    """

    def __init__(
        self, served: Starlette, *, host: str = "localhost", client: str | None = "127.0.0.1"
    ) -> None:
        self._served = served
        self._host = host
        self._client = client
        self._portal: BlockingPortal | None = None

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._portal = stack.enter_context(start_blocking_portal())
            lifespan = self._served.router.lifespan_context(self._served)
            stack.enter_context(self._portal.wrap_async_context_manager(lifespan))
            self._resources = stack.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self._resources.close()
        self._portal = None

    def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Return the answer to a request; `more` are arguments of `httpx.AsyncClient.request`."""
        ask = partial(self._request, method, path, **more)
        return anyio.run(ask) if self._portal is None else self._portal.call(ask)

    def get(self, path: str, **more: Any) -> httpx.Response:
        """Return the answer to a GET."""
        return self.request("GET", path, **more)

    def post(self, path: str, **more: Any) -> httpx.Response:
        """Return the answer to a POST."""
        return self.request("POST", path, **more)

    async def _request(self, method: str, path: str, **more: Any) -> httpx.Response:
        client: Any = None if self._client is None else (self._client, 50_000)
        transport = httpx.ASGITransport(self._served, raise_app_exceptions=False, client=client)
        async with httpx.AsyncClient(transport=transport, base_url=f"http://{self._host}") as asking:
            return await asking.request(method, path, **more)


@contextmanager
def listening(served: ASGIApp) -> Iterator[str]:
    """Serve on a free port while the block lasts, and give the URL."""
    port = free_port()
    server = uvicorn.Server(
        uvicorn.Config(served, port=port, log_config=None, lifespan="on", timeout_graceful_shutdown=5)
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        until(lambda: server.started)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(PATIENCE)


def until(holds: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come to hold"
        time.sleep(0.005)
