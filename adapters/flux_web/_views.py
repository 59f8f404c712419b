"""What the viewer asks for beside the API: its page, what it is about, and pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flux_core import __version__
from flux_core._http.call import Call, json_reply
from flux_core._http.parameters import read_query
from flux_core._http.paths import decoded, matched, not_allowed
from flux_core._http.refused import NOT_FOUND, Refused
from flux_core._http.router import CACHING
from flux_core._http.unchanged import tagged
from flux_core._serving.http import Reply, failure, refusal
from flux_web._drawings import DRAWINGS
from flux_web._page import FILES, page_reply
from flux_web._pools import SAFE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flux_core._http.access import Access
    from flux_core._http.runs import Runs
    from flux_core._serving.http import Request
    from flux_core._serving.service import Service
    from flux_web._drawings import Drawing

ABOUT: Final = "/viewer/about"


class Views:
    """Serves the viewer.

    Args:
        service: whose app runs what is shown.
        access: who may look.
        runs: what is shown.
        acts: whether anything can be done to it.
        source: what people are told it is.
    """

    def __init__(self, service: Service, *, access: Access, runs: Runs, acts: bool, source: str) -> None:
        self._service = service
        self._access = access
        self._runs = runs
        self._acts = acts
        self._source = source

    @staticmethod
    def has_at_hand(path: str) -> bool:
        """Whether that is answered without looking at a run, by who may be on an event loop."""
        return path in FILES or path == ABOUT

    def respond(self, request: Request) -> Reply:
        """Return the answer to a request; nothing is raised."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        try:
            reply = tagged(self._reply(request, headers), headers)
        except Refused as refused:
            reply = refusal(refused.problem)
        except Exception as error:  # noqa: BLE001 (whatever it is, the client is answered, and the log knows)
            reply = failure(error)
        return Reply(
            reply.status, CACHING | dict(reply.headers), "" if request.method == "HEAD" else reply.text
        )

    def _reply(self, request: Request, headers: Mapping[str, str]) -> Reply:
        drawing, path = _drawing(request.path)
        if drawing is None and not self.has_at_hand(request.path):
            raise Refused(NOT_FOUND, f"there is nothing at {request.path[:200]!r}; see / and /openapi.json")
        if request.method not in SAFE:
            raise not_allowed(request.method, SAFE)
        if drawing is None:
            return self._about(request, headers) if request.path == ABOUT else page_reply(request.path)
        self._access.check(request, headers, "read")
        read = {each.name: each.read(each.name, decoded(path[each.name])) for each in drawing.path_parameters}
        query = read_query(request.query, drawing.query)
        return drawing.draw(Call(self._service, self._runs, path=read, query=query, headers=headers))

    def _about(self, request: Request, headers: Mapping[str, str]) -> Reply:
        """Answer what is shown here, and what who asks may do; to strangers no more than that tokens are needed."""
        role, _ = self._access.role(request, headers)
        about: dict[str, Any] = {
            "version": __version__ if role else None,
            "source": self._source if role else "",
            "acts": self._acts,
            "role": role,
            "tokens": self._access.has_tokens,
        }
        if role:
            about |= {
                name: getattr(self._runs, name) for name in ("progress", "note") if hasattr(self._runs, name)
            }
        return json_reply(about)


def _drawing(path: str) -> tuple[Drawing | None, dict[str, str]]:
    """Return the picture that a path names, and the path's variable segments."""
    for drawing in DRAWINGS:
        variables = matched(drawing.path.split("/"), path.split("/"))
        if variables is not None:
            return drawing, variables
    return None, {}
