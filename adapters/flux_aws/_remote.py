"""Calling a deployed function from elsewhere: `lambda://FUNCTION[:ALIAS]?region=...&endpoint=...`."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self
from urllib.parse import parse_qsl, urlsplit

from flux_aws._clients import Once, calling, session
from flux_core import InvalidInput

if TYPE_CHECKING:
    from botocore.config import Config
    from mypy_boto3_lambda import LambdaClient

FORM: Final = "lambda://FUNCTION[:ALIAS]?region=REGION&endpoint=URL"
OPTIONS: Final = frozenset({"region", "endpoint"})
LONGEST: Final = 920  # seconds for which an answer is awaited; a function has 900
ARN: Final = re.compile(r"arn:[\w-]+:lambda:(?P<region>[\w-]+):\d+:function:[\w-]+(:[\w$-]+)?")


class Answer(NamedTuple):
    """What came of a call."""

    payload: Any
    """What the function returned or, if it failed, `{"errorType": ..., "errorMessage": ...}` or a text."""
    failed: bool = False


class LambdaFunction:
    """A function that `flux_aws.handler` serves.

    Args:
        name: the function's name or ARN, and its alias behind a colon.
        region: the function's; by default that of its ARN, else the environment's.
        endpoint: the URL of a service that is not AWS's own.

    Raises:
        InvalidInput: what begins as an ARN is none of a function.
    """

    def __init__(self, name: str, *, region: str | None = None, endpoint: str | None = None) -> None:
        if name.startswith("arn:"):
            arn = ARN.fullmatch(name)
            if arn is None:
                raise InvalidInput(
                    f"expected arn:aws:lambda:REGION:ACCOUNT:function:NAME[:ALIAS], got {name!r}",
                    path="remote",
                )
            region = region or arn["region"]
        self.name = name
        self._client: Once[LambdaClient] = Once(
            lambda: session().client("lambda", region_name=region, endpoint_url=endpoint, config=_one_call())
        )

    @classmethod
    def at(cls, url: str) -> Self:
        """Return the function at the URL.

        Raises:
            InvalidInput: the URL does not name one, or has an option that is not known or is there twice.
        """
        try:
            parts = urlsplit(url)
        except ValueError as error:
            raise InvalidInput(f"expected {FORM}, got {url!r}: {error}", path="remote") from error
        given = parse_qsl(parts.query, keep_blank_values=True)
        options = dict(given)
        if not parts.netloc or parts.path.strip("/"):
            raise InvalidInput(f"expected {FORM}, got {url!r}", path="remote")
        if unknown := options.keys() - OPTIONS:
            raise InvalidInput(f"unknown option {', '.join(sorted(unknown))}; expected {FORM}", path="remote")
        if len(options) < len(given):
            raise InvalidInput(f"an option is given twice in {url!r}; expected {FORM}", path="remote")
        return cls(
            parts.netloc, region=options.get("region") or None, endpoint=options.get("endpoint") or None
        )

    def call(self, command: dict[str, Any]) -> Answer:
        """Have the function do what the command says, wait, and return its answer.

        Raises:
            ResourceNotFound: there is no such function.
            ServiceFailed: it cannot be reached, or the call was refused.
        """
        payload = json.dumps({"flux": command}).encode()
        with calling(f"function {self.name}", "lambda:InvokeFunction"):
            response = self._client().invoke(FunctionName=self.name, Payload=payload)
            returned = response["Payload"].read()
        try:
            answer = json.loads(returned or b"null")
        except ValueError:  # as the runtime's emulator writes that the time is up
            return Answer(returned.decode(errors="replace").strip(), failed=True)
        return Answer(answer, failed=_is_error(answer) or "FunctionError" in response)


def _is_error(answer: Any) -> bool:
    """Whether a function has raised what it answers: the runtime's emulator marks errors by nothing else."""
    return isinstance(answer, dict) and {"errorType", "errorMessage"} <= answer.keys()


def _one_call() -> Config:
    """Return the settings of a client that waits as long as a function may take, and never calls it twice."""
    from botocore.config import Config

    return Config(
        connect_timeout=5, read_timeout=LONGEST, retries={"total_max_attempts": 1}, tcp_keepalive=True
    )
