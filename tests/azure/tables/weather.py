"""A network between a store and its table that is as bad as it is told to be."""

from __future__ import annotations

import json
from io import BytesIO
from threading import local
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from contract.storm import Storm
from requests import ConnectionError as Unconnected
from requests import PreparedRequest, ReadTimeout, Request, Response
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse

if TYPE_CHECKING:
    from collections.abc import Callable

    from flux_azure import TableStorage


class Sent(NamedTuple):
    """A request to the service."""

    method: str
    batch: bool
    entities: int
    """How many it writes."""


class Network(HTTPAdapter):
    """Carries a client's requests; `before` and `after` each of them may answer in its stead, or raise.

    The connection ends in the middle of each answer that `cuts` asks for.
    """

    def __init__(
        self,
        client: Any,
        *,
        before: Callable[[PreparedRequest], Response | None] = lambda request: None,
        after: Callable[[PreparedRequest], None] = lambda request: None,
        cuts: Callable[[PreparedRequest], bool] = lambda request: False,
    ) -> None:
        super().__init__()
        self._cuts = cuts
        self._before = before
        self._after = after
        self.sent: list[Sent] = []
        transport = client._pipeline._transport
        transport.open()
        transport.session.mount("http://", self)
        transport.session.mount("https://", self)

    def send(self, request: PreparedRequest, *args: Any, **options: Any) -> Response:
        """Send a request, unless something happens before."""
        self.sent.append(_sent(request))
        answer = self._before(request)
        if answer is None:
            answer = super().send(request, *args, **options)
            try:
                self._after(request)
            except BaseException:
                answer.close()
                raise
            if self._cuts(request):
                return cut(answer)
        return answer


def tables(storage: TableStorage, **hooks: Any) -> Network:
    """Put a network between a store and its table."""
    return Network(storage._requests._client._client._client, **hooks)


def objects(storage: TableStorage, **hooks: Any) -> Network:
    """Put a network between a store and its container."""
    assert storage._objects is not None
    return Network(storage._objects._client, **hooks)


def row_keys(storage: TableStorage) -> list[str]:
    """Return the row keys of all that is in the table."""
    return [entity["RowKey"] for entity in storage._requests._client.list_entities(select="RowKey")]


def answered(status: int, kind: str, body: bytes, **headers: str) -> Response:
    """Make an answer of a server."""
    raw = HTTPResponse(BytesIO(body), {"Content-Type": kind, **headers}, status, preload_content=False)
    request = Request("GET", "http://injected").prepare()
    return HTTPAdapter().build_response(request, raw)


def cut(answer: Response) -> Response:
    """Return the first half of an answer, after which the connection ends."""
    body = answer.content
    headers = {**answer.headers, "Content-Length": str(len(body))}
    headers.pop("Transfer-Encoding", None)
    half = BytesIO(body[: len(body) // 2])
    raw = HTTPResponse(half, headers, answer.status_code, preload_content=False)
    return HTTPAdapter().build_response(answer.request, raw)


def answers(status: int, code: str, message: str = "injected") -> Response:
    """Make the answer by which the service refuses a request."""
    document = {"odata.error": {"code": code, "message": {"lang": "en-US", "value": message}}}
    return answered(status, "application/json", json.dumps(document).encode(), **{"x-ms-error-code": code})


def answers_of_blobs(status: int, code: str, message: str = "injected") -> Response:
    """Make the answer by which Blob Storage refuses a request."""
    document = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return answered(status, "application/xml", document.encode(), **{"x-ms-error-code": code})


class TableStorm(Storm):
    """Throttles requests, lets some fail before they arrive, and loses the answers of others, or their second half."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed, ("throttled", "failed", "unreachable", "lost", "cut"))
        self._thread = local()

    def before(self, request: PreparedRequest) -> Response | None:
        """Throttle it, refuse it or let it pass."""
        self._thread.kind = kind = self.strikes()
        if kind == "unreachable":
            raise Unconnected("injected")
        return answers(*REFUSALS[kind]) if kind in REFUSALS else None

    def after(self, request: PreparedRequest) -> None:
        """Lose the answer to what has been done."""
        if self._thread.kind == "lost":
            raise ReadTimeout("injected")

    def cuts(self, request: PreparedRequest) -> bool:
        """Whether the second half of the answer is lost."""
        kind: str | None = self._thread.kind
        return kind == "cut"


REFUSALS: Final[dict[str | None, tuple[int, str]]] = {
    "throttled": (503, "ServerBusy"),
    "failed": (500, "InternalError"),
}


def _sent(request: PreparedRequest) -> Sent:
    batch = str(request.url).partition("?")[0].endswith("/$batch")
    parts = str(request.body).count("Content-Type: application/http")
    method = str(request.method)
    return Sent(method, batch, parts if batch else int(method != "GET"))
