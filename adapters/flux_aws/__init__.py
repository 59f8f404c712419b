"""Flux on AWS: a workflow behind any source of events, its runs in DynamoDB, its traces in CloudWatch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flux_aws._handler import handler
from flux_aws._sources.sqs import message_id
from flux_core import _late

if TYPE_CHECKING:
    from flux_aws._cloudwatch.trace import CloudWatchTrace
    from flux_aws._dynamodb.storage import DynamoDBStorage
    from flux_aws._wakers.by_distance import LambdaWaker
    from flux_aws._wakers.invoke import InvokeWaker
    from flux_aws._wakers.scheduler import SchedulerWaker
    from flux_aws._wakers.sqs import SQSWaker

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

__getattr__ = _late.importer(
    globals(),
    {
        "CloudWatchTrace": "_cloudwatch.trace",
        "DynamoDBStorage": "_dynamodb.storage",
        "InvokeWaker": "_wakers.invoke",
        "LambdaWaker": "_wakers.by_distance",
        "SQSWaker": "_wakers.sqs",
        "SchedulerWaker": "_wakers.scheduler",
    },
)
