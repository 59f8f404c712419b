"""The function's role suffices, and with any one of its statements taken away it does not."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import pytest
from botocore.exceptions import ClientError
from sam.deployment import order

from flux_aws import LambdaWaker
from flux_core import FluxError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sam.deployment import Deployment

pytestmark = pytest.mark.xdist_group("sam")

POLICY: Final = "orders"
MINUTE, DAY = 60.0, 86_400.0


class Role:
    """The function's role: what it may do, and what is done with its rights."""

    def __init__(self, deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
        self.deployment = deployment
        self._monkeypatch = monkeypatch
        self._iam = deployment.client("iam")
        self._name = self.deployment.resource("OrderFunctionRole")
        self.document = self._document()

    @contextmanager
    def without(self, sid: str | None) -> Iterator[None]:
        """Take a statement away for as long as the block lasts."""
        kept = [statement for statement in self.document["Statement"] if statement["Sid"] != sid]
        self._put(self.document | {"Statement": kept})
        try:
            yield
        finally:
            self._put(self.document)

    def invoke(self, event: Any) -> str | None:
        """Have the function do something; return the message of its error, or None."""
        answer, failure = self.deployment.invoke(event)
        return answer["errorMessage"] if failure else None

    def wake(self, seconds: float) -> str | None:
        """Wake a run in that time as the function does, with its rights; return the error's message, or None."""
        for name, value in self._rights().items():
            self._monkeypatch.setenv(name.upper(), value)
        waker = LambdaWaker(
            function=f"arn:aws:lambda:us-east-1:000000000000:function:{self.deployment.stack}:live",
            queue=self.deployment.resource("WakeQueue"),
            role=f"arn:aws:iam::000000000000:role/{self.deployment.resource('SchedulerRole')}",
            group=self.deployment.resource("WakeSchedules"),
            region="us-east-1",
            endpoint=self.deployment.endpoint,
        )
        try:
            waker.wake(f"order-{time.monotonic_ns()}", time.time() + seconds)
        except FluxError as error:
            return str(error)
        return None

    def call(self, service: str, operation: str, **request: Any) -> str | None:
        """Call a service as Lambda does, with the role's rights; return the error's message, or None."""
        try:
            getattr(self.deployment.client(service, **self._rights()), operation)(**request)
        except ClientError as error:
            return f"{error.response['Error']['Code']}: {error}"
        return None

    def _document(self) -> dict[str, Any]:
        """Return the policy; MiniStack takes every schedule for one of the group `default`."""
        document = self._iam.get_role_policy(RoleName=self._name, PolicyName=POLICY)["PolicyDocument"]
        group = f":schedule/{self.deployment.resource('WakeSchedules')}/"
        return json.loads(json.dumps(document).replace(group, ":schedule/default/"))  # type: ignore[no-any-return]

    def _put(self, document: dict[str, Any]) -> None:
        self._iam.put_role_policy(RoleName=self._name, PolicyName=POLICY, PolicyDocument=json.dumps(document))

    def _rights(self) -> dict[str, str]:
        """Return credentials of the role, which lets only Lambda take it on until it is told otherwise."""
        anybody = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
        function = anybody | {"Principal": {"Service": "lambda.amazonaws.com"}}
        trust = json.dumps({"Version": "2012-10-17", "Statement": [anybody, function]})
        self._iam.update_assume_role_policy(RoleName=self._name, PolicyDocument=trust)
        arn = f"arn:aws:iam::000000000000:role/{self._name}"
        taken = self.deployment.client("sts").assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
        return {
            "aws_access_key_id": taken["AccessKeyId"],
            "aws_secret_access_key": taken["SecretAccessKey"],
            "aws_session_token": taken["SessionToken"],
        }


def receive(role: Role) -> str | None:
    """Take an order from the queue, as Lambda's poller does."""
    return role.call("sqs", "receive_message", QueueUrl=role.deployment.resource("OrderQueue"))


def lose_event(role: Role) -> str | None:
    """Lay an event aside, as Lambda does with one that failed for the last time."""
    return role.call("sqs", "send_message", QueueUrl=role.deployment.resource("LostEvents"), MessageBody="{}")


def write_log(role: Role) -> str | None:
    """Begin a log, as Lambda does for each sandbox."""
    stream = {
        "logGroupName": role.deployment.resource("OrderFunctionLogs"),
        "logStreamName": f"{time.monotonic_ns()}",
    }
    return role.call("logs", "create_log_stream", **stream)


NEEDED_FOR: Final[dict[str, Callable[[Role], str | None]]] = {
    "KeepRuns": lambda role: role.invoke(order(f"o_{time.monotonic_ns()}")),
    "FindRuns": lambda role: role.invoke({"flux": {"action": "tick"}}),
    "WakeNow": lambda role: role.wake(-1),
    "WakeWithinMinutes": lambda role: role.wake(MINUTE),
    "WakeLater": lambda role: role.wake(DAY),
    "ReceiveMessages": receive,
    "KeepLostEvents": lose_event,
    "WriteLogs": write_log,
}
"""What is done by each statement; it returns the error's message, or None."""
NOT_ENFORCED: Final = {
    "HandTheSchedulerItsRole": "MiniStack does not ask for iam:PassRole",
    "WriteTraces": "MiniStack has no X-Ray",
}
"""Statements whose need cannot be shown on MiniStack, and why."""


@pytest.fixture
def role(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> Role:
    """The role of the deployed function."""
    return Role(deployment, monkeypatch)


@pytest.mark.parametrize("sid", NEEDED_FOR)
def test_the_role_suffices(role: Role, sid: str) -> None:
    """With all its statements, what the function does is allowed, and what Lambda does for it."""
    with role.without(None):
        assert NEEDED_FOR[sid](role) is None


@pytest.mark.parametrize("sid", NEEDED_FOR)
def test_without_the_statement_it_is_denied(role: Role, sid: str) -> None:
    """Each statement is needed: without it the same is refused, in words that say so."""
    with role.without(sid):
        refused = NEEDED_FOR[sid](role)
    assert refused is not None
    assert "denied" in refused or "is not authorized to perform" in refused


def test_each_statement_is_spoken_for(role: Role) -> None:
    """A statement that is added to the role must say here what it is for."""
    assert {statement["Sid"] for statement in role.document["Statement"]} == {*NEEDED_FOR, *NOT_ENFORCED}
