"""The front on an event loop: who may ask is looked at here, what is asked is answered in threads."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs

from starlette.websockets import WebSocketClose

from flux_core._http import Router
from flux_core._http.refused import UNKNOWN_HOST
from flux_core._http.unchanged import EVENT_STREAM
from flux_core._invocation import Invocation
from flux_core._serving.http import Reply, failure, refusal
from flux_core._serving.measure import serving
from flux_core._serving.problem import problem
from flux_core._serving.trace_context import traceparent_in
from flux_web._answers import written
from flux_web._asked import asked, headers_of, path_of
from flux_web._hosts import is_from_here, name_in
from flux_web._live import stream
from flux_web._pools import HEALTH, Pools
from flux_web._tick_loop import loop_of
from flux_web._views import Views
from flux_web._watch import Watches

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from flux_core._http import Access, Runs
    from flux_core._serving.http import Request
    from flux_core._serving.service import Service
    from flux_web._hosts import Hosts

log: Final = logging.getLogger("flux")


class Front:
    """Serves the API and the viewer.

    Args:
        service: what acts are done on.
        access: who may look and who may act.
        hosts: the names that it answers to.
        runs: what is looked at.
        acts: whether anything can be done to it.
        source: what people are told it is.
        ticks: whether somebody in this process should be ticking the app.
    """

    def __init__(
        self,
        service: Service,
        *,
        access: Access,
        hosts: Hosts,
        runs: Runs,
        acts: bool,
        source: str,
        ticks: bool,
    ) -> None:
        self._service = service
        self._access = access
        self._hosts = hosts
        self._router = Router(service, access=access, runs=runs, acts=acts)
        self._views = Views(service, access=access, runs=runs, acts=acts, source=source)
        self._pools = Pools()
        self._watches = Watches(runs, self._pools.watchers)
        self._misses_ticks = ticks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request of ASGI."""
        if scope["type"] != "http":
            await WebSocketClose()(scope, receive, send)
            return
        self._look_for_ticks()
        headers = headers_of(scope)
        request = asked(
            scope,
            receive,
            headers,
            most=self._service.max_body,
            trusted=not self._access.has_tokens and is_from_here(scope, headers),
        )
        try:
            at_once = self._at_once(request)
            reply = await self._pools.of(request).run(self._reply, request) if at_once is None else at_once
        except Exception as error:  # noqa: BLE001 (whatever it is, the client is answered, and the log knows)
            reply = failure(error)
        if reply.headers.get("Content-Type") == EVENT_STREAM and request.method == "GET":
            run_id, seen = parse_qs(request.query)["run"][0], headers.get("last-event-id") or None
            await stream(self._watches.of(run_id), run_id, seen, receive=receive, send=send)
        else:
            if "Preference-Applied" in reply.headers and (loop := loop_of(self._service.app)):
                loop.poke()
            await written(reply, scope["method"])(scope, receive, send)

    def _at_once(self, request: Request) -> Reply | None:
        """Return the answer for which nothing has to be looked up; it does not wait for a thread."""
        host = request.headers.get("host", "")
        # what looks after servers asks for their health by their addresses
        if not self._hosts.knows(host) and request.path != HEALTH:
            detail = (
                f"{name_in(host) or host[:200]!r} is no name of this server; give it one with asgi(hosts=...)"
            )
            return refusal(problem(UNKNOWN_HOST, detail, status=400))
        if not request.path:  # where this is mounted, without the slash that relative URLs need
            _, _, last = path_of({**request.event, "root_path": ""}).rpartition("/")
            return Reply(308, {"Location": f"{last}/"}, "")
        return self._views.respond(request) if self._views.has_at_hand(request.path) else None

    def _reply(self, request: Request) -> Reply:
        """Return the answer to a request; called in a thread."""
        invocation = Invocation(request.event, traceparent=traceparent_in(request.headers))
        with serving(self._service.app, invocation):
            if self._router.handles(request.path):
                return self._router.respond(request, deadline=None)
            return self._views.respond(request)

    def _look_for_ticks(self) -> None:
        """Say once if nobody goes on with what is due."""
        if self._misses_ticks and loop_of(self._service.app) is None:
            log.warning(
                "nobody goes on with runs that are due: an application does not run the lifespan of what is mounted in"
                " it, so use flux_web.ticking(app) in its own; where another process ticks, give asgi(tick_every=None)"
            )
        self._misses_ticks = False
