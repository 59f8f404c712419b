"""A network between a store and its table that is as bad as it is told to be."""

from __future__ import annotations

import json
from io import BytesIO
from random import Random
from threading import Lock
from typing import TYPE_CHECKING, Any

from botocore.awsrequest import AWSResponse, HeadersDict
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError

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


class Storm:
    """Throttles some requests, lets some fail before they arrive, and loses the answers of others: one in six."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._lock = Lock()
        self.struck: dict[str, int] = {}

    def before(self, request: Any) -> AWSResponse | None:
        """Throttle it, refuse it or let it pass."""
        match self._draw(24):
            case 0:
                self._count("throttled")
                return answers(400, "ProvisionedThroughputExceededException")
            case 1:
                self._count("failed")
                return answers(500, "InternalServerError")
            case 2:
                self._count("unreachable")
                raise EndpointConnectionError(endpoint_url=request.url)
        return None

    def after(self, request: Any) -> None:
        """Lose the answer to what has been done."""
        if self._draw(24) == 0:
            self._count("lost")
            raise ReadTimeoutError(endpoint_url=request.url)

    def _draw(self, sides: int) -> int:
        with self._lock:
            return self._random.randrange(sides)

    def _count(self, what: str) -> None:
        with self._lock:
            self.struck[what] = self.struck.get(what, 0) + 1
