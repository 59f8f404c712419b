"""The ASGI application: the HTTP API, the viewer, and a loop that goes on with what is due."""

from __future__ import annotations

from contextlib import asynccontextmanager, nullcontext
from typing import TYPE_CHECKING, Final, cast

from starlette.applications import Starlette

from flux_core import App, InvalidInput
from flux_core._http import access_of
from flux_core._http.access import PLATFORM
from flux_core._serving.service import MAX_BODY, Service
from flux_web._front import Front
from flux_web._hosts import Hosts
from flux_web._options import check_count, check_seconds
from flux_web._store import close, stored
from flux_web._tick_loop import ticking

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping

    from flux_core._http import Access, Runs
    from flux_core._serving.service import Key

WORKERS: Final = 4


def asgi(
    app: App | None,
    *,
    tokens: Mapping[str, str] | None = None,
    key: Key | None = None,
    tick_every: float | None = 1.0,
    workers: int = WORKERS,
    hosts: Iterable[str] = (),
    max_body: int = MAX_BODY,
    acts: bool = True,
    runs: Runs | None = None,
    source: str = "",
) -> Starlette:
    """Return an application that serves the HTTP API of an app, and the viewer at `/`.

    It is served alone or is mounted in another, in which `ticking` has to be in the lifespan. Without any tokens only
    requests are served that come from this computer and name it `localhost` or by a loopback address; these may do
    everything. With tokens each request needs one, whoever sends it.

    Args:
        app: what serves the workflows. One without a store is put on the store that the environment variable
            `FLUX_STORE` names by its URL, else on the SQLite file `flux.db` in the current folder. None only shows
            `runs`.
        tokens: `"read"` or `"operate"` by token, each of 16 characters or more; None takes those of the environment
            variables `FLUX_READ_TOKEN` and `FLUX_OPERATE_TOKEN`.
        key: gives the id of a run from its input, as for the functions of the clouds; by default it is the header
            `Idempotency-Key`.
        tick_every: the seconds between two looks for due runs, which are gone on with; None leaves that to others.
        workers: how many due runs are gone on with at the same time, at most.
        hosts: the names by which this server is asked, without ports; every other is refused. By default, with tokens,
            any.
        max_body: the most bytes that the body of a request may have.
        acts: False lets runs only be looked at.
        runs: what is looked at, if that is not the app's.
        source: what the viewer says that it shows.

    Raises:
        InvalidInput: an option has a value that it cannot have, or there is neither an app nor runs.
        StoreError: the store cannot be opened.
    """
    if app is None and runs is None:
        raise InvalidInput("there is nothing to serve: give an app, or runs", path="app")
    access = cast("Access", access_of(PLATFORM, tokens))  # which is None where nothing is served
    known = Hosts(hosts, tokens=access.has_tokens)
    ticks = None if app is None else tick_every
    if ticks is not None:
        check_seconds(ticks, "tick_every")
        check_count(workers, "workers", "threads")
    check_count(max_body, "max_body", "bytes")

    def opened() -> App:
        return App([]) if app is None else stored(app)

    def front_over(served: App) -> Front:
        return Front(
            Service.of(served, route=str, key=key, max_body=max_body),
            access=access,
            hosts=known,
            runs=served if runs is None else runs,
            acts=acts and app is not None,
            source=source,
            ticks=ticks is not None,
        )

    @asynccontextmanager
    async def lifespan(application: Starlette) -> AsyncIterator[None]:
        served = opened()
        application.router.default = front_over(served)  # if it lives again, over a store that is open again
        try:
            async with nullcontext() if ticks is None else ticking(served, ticks, workers):
                yield
        finally:
            if app is not None:
                close(app)

    application = Starlette(lifespan=lifespan)
    # its own routes would see paths decoded, in which %2F is a slash; what is mounted runs no lifespan
    application.router.default = front_over(opened())
    return application
