"""A network between a store and its table that is as bad as it is told to be."""

from __future__ import annotations

import json
from io import BytesIO
from threading import local
from typing import TYPE_CHECKING, Any, Final

from botocore.awsrequest import AWSResponse, HeadersDict
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError
from contract.storm import Storm

if TYPE_CHECKING:
    from collections.abc import Callable

    from flux_aws import DynamoDBStorage


class Body(BytesIO):
    """What botocore reads an answer from."""

    def stream(self, **_: Any) -> list[bytes]:
        """Give all of it at once."""
        return [self.read()]


def answered(status: int, kind: str, body: bytes) -> AWSResponse:
    """Make an answer of a server."""
    headers = HeadersDict({"x-amzn-requestid": "injected", "content-type": kind})
    return AWSResponse("http://injected", status, headers, Body(body))  # type: ignore[arg-type]


def answers(status: int, code: str, message: str = "injected") -> AWSResponse:
    """Make the answer by which the service refuses a request."""
    document = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": message}
    return answered(status, "application/x-amz-json-1.0", json.dumps(document).encode())


class Network:
    """Stands in for a client's HTTP session; `before` and `after` the request may answer in its stead, or raise."""

    def __init__(
        self,
        storage: DynamoDBStorage,
        *,
        before: Callable[[Any], AWSResponse | None] = lambda request: None,
        after: Callable[[Any], AWSResponse | None] = lambda request: None,
    ) -> None:
        endpoint = storage._requests._connection.client._endpoint
        self._session: Any = endpoint.http_session
        self._before = before
        self._after = after
        self.sent: list[str] = []
        endpoint.http_session = self  # type: ignore[assignment]

    def send(self, request: Any) -> Any:
        """Send a request, unless something happens before."""
        self.sent.append(request.headers["X-Amz-Target"].decode().partition(".")[2])
        answer = self._before(request)
        if answer is None:
            answer = self._session.send(request)
            answer = self._after(request) or answer
        return answer

    def close(self) -> None:
        """Close the connections."""
        self._session.close()


class DynamoDBStorm(Storm):
    """Throttles requests, lets some fail before they arrive, and loses the answers of others."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed, ("throttled", "failed", "unreachable", "lost"))
        self._thread = local()

    def before(self, request: Any) -> AWSResponse | None:
        """Throttle it, refuse it or let it pass."""
        self._thread.kind = kind = self.strikes()
        if kind == "unreachable":
            raise EndpointConnectionError(endpoint_url=request.url)
        return answers(*REFUSALS[kind]) if kind in REFUSALS else None

    def after(self, request: Any) -> None:
        """Lose the answer to what has been done."""
        if self._thread.kind == "lost":
            raise ReadTimeoutError(endpoint_url=request.url)


REFUSALS: Final[dict[str | None, tuple[int, str]]] = {
    "throttled": (400, "ProvisionedThroughputExceededException"),
    "failed": (500, "InternalServerError"),
}
