"""Flux on AWS Lambda: a workflow behind a direct invocation, an SQS queue or an HTTP endpoint."""

from flux_aws._handler import handler
from flux_aws._service import message_id

__all__ = ["handler", "message_id"]
