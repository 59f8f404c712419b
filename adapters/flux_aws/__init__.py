"""Flux on AWS: a workflow behind any source of events, its runs in DynamoDB, its traces in CloudWatch."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from flux_aws._handler import handler
from flux_aws._service import message_id

if TYPE_CHECKING:
    from flux_aws._cloudwatch import CloudWatchTrace
    from flux_aws._dynamodb import DynamoDBStorage
    from flux_aws._waker_invoke import InvokeWaker
    from flux_aws._waker_scheduler import SchedulerWaker
    from flux_aws._waker_sqs import SQSWaker
    from flux_aws._wakers import LambdaWaker

__all__ = [
    "CloudWatchTrace",
    "DynamoDBStorage",
    "InvokeWaker",
    "LambdaWaker",
    "SQSWaker",
    "SchedulerWaker",
    "handler",
    "message_id",
]

_IMPORTED_LATE: Final = {
    "CloudWatchTrace": "_cloudwatch",
    "DynamoDBStorage": "_dynamodb",
    "InvokeWaker": "_waker_invoke",
    "LambdaWaker": "_wakers",
    "SQSWaker": "_waker_sqs",
    "SchedulerWaker": "_waker_scheduler",
}


def __getattr__(name: str) -> Any:
    """Import what not every function uses when it is first asked for."""
    if name not in _IMPORTED_LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_IMPORTED_LATE[name]}"), name)
    globals()[name] = value
    return value
