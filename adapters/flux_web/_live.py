"""Server-sent events over one answer that stays open: a run, each time that it has changed."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

import anyio

from flux_core._http.events import RETRY, UNCHANGED
from flux_core._http.unchanged import EVENT_STREAM
from flux_web._answers import GUARDS
from flux_web._server import is_stopping

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.types import Receive, Send

    from flux_web._watch import Watch

log: Final = logging.getLogger("flux")

SILENCE: Final = 15.0
"""Seconds after which something is sent, changed or not: a proxy ends a connection that is silent for long."""
HEADERS: Final = {
    "Content-Type": EVENT_STREAM,
    "Cache-Control": "no-cache",
    "X-Accel-Buffering": "no",
    **GUARDS,
}
"""`X-Accel-Buffering` has nginx pass on what is sent as it is sent."""


async def stream(watch: Watch, run_id: str, seen: str | None, *, receive: Receive, send: Send) -> None:
    """Answer with what there is to tell of a run, until it has ended, the client has gone, or the server is to end.

    Where the store fails, the answer ends too: the client comes again, and is told by the status how it stands.

    Args:
        watch: looks at the run.
        run_id: its id.
        seen: the id of the last event that the client has; None if it has none.
        receive: tells when the client has gone.
        send: takes what is answered.
    """
    headers = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    async with anyio.create_task_group() as tasks:

        async def leave() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            tasks.cancel_scope.cancel()

        tasks.start_soon(leave)
        async for text in _texts(watch, run_id, seen):
            await send({"type": "http.response.body", "body": text.encode(), "more_body": True})
        await send({"type": "http.response.body", "body": b""})
        tasks.cancel_scope.cancel()


async def _texts(watch: Watch, run_id: str, seen: str | None) -> AsyncIterator[str]:
    yield RETRY
    told, looks = anyio.current_time(), watch.looks
    while not is_stopping():
        try:
            news = await watch.news(seen, after=looks)
        except Exception as error:  # noqa: BLE001 (the answer has begun: the next request is told)
            log.warning("run %s cannot be watched: %s: %s", run_id, type(error).__name__, error)
            return
        seen, looks = news.seen, watch.looks
        if news.changed or news.over:
            yield news.text
            told = anyio.current_time()
        elif anyio.current_time() - told >= SILENCE:
            yield UNCHANGED
            told = anyio.current_time()
        if news.over:
            return
        await watch.rest()
