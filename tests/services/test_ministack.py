"""The local AWS does what the tests rely on, and leaves nothing behind."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from boto3.session import Session
from botocore.exceptions import ClientError

from .ministack import MiniStack


def client(aws: MiniStack, service: str, key: str, secret: str) -> Any:
    """Return a client of a service with the rights of a key."""
    session = Session(aws_access_key_id=key, aws_secret_access_key=secret, region_name="us-east-1")
    return session.client(service, endpoint_url=aws.endpoint)  # type: ignore[call-overload]


def test_who_has_no_policy_is_refused() -> None:
    """A new user may not do what the root of the account may."""
    with MiniStack() as aws:
        client(aws, "sqs", "test", "test").create_queue(QueueName="orders")
        iam = client(aws, "iam", "test", "test")
        iam.create_user(UserName="nobody")
        key = iam.create_access_key(UserName="nobody")["AccessKey"]
        nobody = client(aws, "sqs", key["AccessKeyId"], key["SecretAccessKey"])
        with pytest.raises(ClientError, match="not authorized"):
            nobody.create_queue(QueueName="more-orders")


def servers() -> set[str]:
    """Return the ids of the servers that this process has started and that have not ended."""
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    return {child for child in children if b"ministack" in Path(f"/proc/{child}/cmdline").read_bytes()}


def test_no_process_is_left() -> None:
    """The server has ended when the context is left."""
    before = servers()
    with MiniStack():
        assert len(servers()) == len(before) + 1
    assert servers() == before
