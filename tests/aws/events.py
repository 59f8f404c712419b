"""Events as AWS sends them, whole, and the context that comes with them."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4


class Context:
    """Lambda's context, with so many seconds left."""

    def __init__(self, remaining: float = 10.0) -> None:
        self.aws_request_id = str(uuid4())
        self._remaining = remaining

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds left."""
        return int(self._remaining * 1000)


def sqs(*messages: dict[str, Any]) -> dict[str, Any]:
    """A batch."""
    return {"Records": list(messages)}


def message(
    body: object, message_id: str = "", *, group: str | None = None, fifo: bool = True
) -> dict[str, Any]:
    """A message; one with a group is of a FIFO queue, unless that is denied."""
    order = (
        {"SequenceNumber": "18849496460467696128", "MessageDeduplicationId": "1"} if group and fifo else {}
    )
    return {
        "messageId": message_id or str(uuid4()),
        "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
        "body": body if isinstance(body, str) else json.dumps(body),
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": "1545082649183",
            "SenderId": "AIDAIENQZJOLO23YVJ4VO",
            "ApproximateFirstReceiveTimestamp": "1545082649185",
            **({"MessageGroupId": group} if group else {}),
            **order,
        },
        "messageAttributes": {},
        "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:us-east-1:123456789012:orders{'.fifo' if order else ''}",
        "awsRegion": "us-east-1",
    }


def failures(*message_ids: str) -> dict[str, Any]:
    """A partial batch response."""
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in message_ids]}


def http_api(body: object, *, method: str = "POST", **headers: str) -> dict[str, Any]:
    """A request in payload 2.0, which HTTP APIs and function URLs send."""
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/orders",
        "rawQueryString": "",
        "headers": {"content-type": "application/json", "host": "id.execute-api.us-east-1.amazonaws.com"}
        | {name.replace("_", "-"): value for name, value in headers.items()},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "api-id",
            "domainName": "id.execute-api.us-east-1.amazonaws.com",
            "domainPrefix": "id",
            "http": {
                "method": method,
                "path": "/orders",
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "agent",
            },
            "requestId": "id",
            "routeKey": "$default",
            "stage": "$default",
            "time": "12/Mar/2020:19:03:58 +0000",
            "timeEpoch": 1583348638390,
        },
        "body": body if isinstance(body, str) else json.dumps(body),
        "isBase64Encoded": False,
    }


def rest_api(body: object, *, method: str = "POST", **headers: str) -> dict[str, Any]:
    """A request in payload 1.0, which REST APIs send; the names of headers keep their case."""
    return {
        "resource": "/orders",
        "path": "/orders",
        "httpMethod": method,
        "headers": {"Content-Type": "application/json"}
        | {name.replace("_", "-"): value for name, value in headers.items()},
        "multiValueHeaders": {"Content-Type": ["application/json"]},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "id",
            "authorizer": {"claims": None, "scopes": None},
            "domainName": "id.execute-api.us-east-1.amazonaws.com",
            "httpMethod": method,
            "identity": {"sourceIp": "192.0.2.1", "userAgent": "agent"},
            "path": "/orders",
            "protocol": "HTTP/1.1",
            "requestId": "id=",
            "requestTime": "04/Mar/2020:19:15:17 +0000",
            "requestTimeEpoch": 1583349317135,
            "resourcePath": "/orders",
            "stage": "prod",
        },
        "body": body if isinstance(body, str) else json.dumps(body),
        "isBase64Encoded": False,
    }


UNSUPPORTED: dict[str, dict[str, Any]] = {
    "records of aws:sns": {
        "Records": [{"EventVersion": "1.0", "EventSource": "aws:sns", "Sns": {"Message": "{}"}}]
    },
    "records of aws:s3": {"Records": [{"eventVersion": "2.1", "eventSource": "aws:s3", "s3": {}}]},
    "EventBridge": {
        "version": "0",
        "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "123456789012",
        "time": "2015-10-08T16:53:06Z",
        "region": "us-east-1",
        "resources": ["arn:aws:events:us-east-1:123456789012:rule/my-rule"],
        "detail": {},
    },
    "load balancer": {
        "requestContext": {
            "elb": {"targetGroupArn": "arn:aws:elasticloadbalancing:us-east-1:1:targetgroup/a/b"}
        },
        "httpMethod": "POST",
        "path": "/orders",
        "queryStringParameters": {},
        "headers": {"host": "lb.us-east-1.elb.amazonaws.com"},
        "body": "{}",
        "isBase64Encoded": False,
    },
    "WebSocket": {
        "requestContext": {
            "routeKey": "$default",
            "eventType": "MESSAGE",
            "connectionId": "L0SM9cOFvHcCIhw=",
        },
        "body": "{}",
    },
    "CloudWatch Logs": {"awslogs": {"data": "H4sIAAAAAAAAAHWPwQqCQBCGX0Xm7EFtK"}},
    "Kafka": {
        "eventSource": "aws:kafka",
        "eventSourceArn": "arn:aws:kafka:us-east-1:123456789012:cluster/c/1",
        "bootstrapServers": "b-2.demo.amazonaws.com:9092",
        "records": {"orders-0": []},
    },
}
"""Events of services that no source is there for, by what the refusal calls them."""
