"""Events as AWS sends them, whole, and the context that comes with them."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import TYPE_CHECKING, Any
from uuid import uuid4

if TYPE_CHECKING:
    from collections.abc import Sequence

KINESIS_START = 49590338271490256608559692538361571095921575989136588898
"""The first sequence number of a batch."""


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


def sns(message: object, message_id: str = "95df01b4-ee98-5cb9-9903-4c221d41eb5e") -> dict[str, Any]:
    """A notification of SNS.

    https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html
    """
    return {
        "Records": [
            {
                "EventVersion": "1.0",
                "EventSubscriptionArn": "arn:aws:sns:us-east-1:123456789012:orders:21be56ed-a058-49f5-8c98-aedd25",
                "EventSource": "aws:sns",
                "Sns": {
                    "SignatureVersion": "1",
                    "Timestamp": "2019-01-02T12:45:07.000Z",
                    "Signature": "tcc6faL2yUC6dgZdmrwh1Y4cGa/ebXEkAi6RibDsvpi+tE/1+82j",
                    "SigningCertURL": "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-ac565b8b.pem",
                    "MessageId": message_id,
                    "Message": message if isinstance(message, str) else json.dumps(message),
                    "MessageAttributes": {"Test": {"Type": "String", "Value": "TestString"}},
                    "Type": "Notification",
                    "UnsubscribeURL": "https://sns.us-east-1.amazonaws.com/?Action=Unsubscribe",
                    "TopicArn": "arn:aws:sns:us-east-1:123456789012:orders",
                    "Subject": "TestInvoke",
                },
            }
        ]
    }


def s3(
    *objects: dict[str, Any], name: str = "ObjectCreated:Put", time: str = "2019-09-03T19:37:27.192Z"
) -> dict[str, Any]:
    """A notification of S3.

    https://docs.aws.amazon.com/lambda/latest/dg/with-s3.html
    """
    sample = {
        "key": "b21b84d653bb07b05b1e6b33684dc11b",
        "size": 1305107,
        "eTag": "b21b84d653bb07b05b1e6b33684dc11b",
        "sequencer": "0C0F6F405D6ED209E1",
    }
    return {
        "Records": [
            {
                "eventVersion": "2.1",
                "eventSource": "aws:s3",
                "awsRegion": "us-east-2",
                "eventTime": time,
                "eventName": name,
                "userIdentity": {"principalId": "AWS:AIDAINPONIXQXHT3IKHL2"},
                "requestParameters": {"sourceIPAddress": "205.255.255.255"},
                "responseElements": {
                    "x-amz-request-id": "D82B88E5F771F645",
                    "x-amz-id-2": "vlR7PnpV2Ce81l0PRw6jlUpck7Jo5ZsQjryTjKlc5aLWGVHPZLj5NeC6qMa0emYBDXOo6QBU0Wo=",
                },
                "s3": {
                    "s3SchemaVersion": "1.0",
                    "configurationId": "828aa6fc-f7b5-4305-8584-487c791949c1",
                    "bucket": {
                        "name": "DOC-EXAMPLE-BUCKET",
                        "ownerIdentity": {"principalId": "A3I5XTEXAMAI3E"},
                        "arn": "arn:aws:s3:::lambda-artifacts-deafc19498e3f2df",
                    },
                    "object": thing,
                },
            }
            for thing in objects or (sample,)
        ]
    }


def event_bridge(
    detail: object, event_id: str = "6a7e8feb-b491-4cf7-a9f1-bf3703467718", **others: str
) -> dict[str, Any]:
    """An event of EventBridge.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html
    """
    return {
        "version": "0",
        "id": event_id,
        "detail-type": "OrderPlaced",
        "source": "shop.orders",
        "account": "111122223333",
        "time": "2017-12-22T18:43:48Z",
        "region": "us-west-1",
        "resources": ["arn:aws:ec2:us-west-1:123456789012:instance/i-1234567890abcdef0"],
        "detail": detail,
    } | {name.replace("_", "-"): value for name, value in others.items()}


def kinesis(*payloads: object, shard: str = "shardId-000000000006") -> dict[str, Any]:
    """A batch of Kinesis.

    https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html
    """
    return {
        "Records": [
            {
                "kinesis": {
                    "kinesisSchemaVersion": "1.0",
                    "partitionKey": "1",
                    "sequenceNumber": str(KINESIS_START + number),
                    "data": encoded(payload),
                    "approximateArrivalTimestamp": 1545084650.987,
                },
                "eventSource": "aws:kinesis",
                "eventVersion": "1.0",
                "eventID": f"{shard}:{KINESIS_START + number}",
                "eventName": "aws:kinesis:record",
                "invokeIdentityArn": "arn:aws:iam::123456789012:role/lambda-role",
                "awsRegion": "us-east-2",
                "eventSourceARN": "arn:aws:kinesis:us-east-2:123456789012:stream/lambda-stream",
            }
            for number, payload in enumerate(payloads)
        ]
    }


def dynamodb(*changes: dict[str, Any], name: str = "INSERT") -> dict[str, Any]:
    """A batch of DynamoDB Streams.

    https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
    """
    return {
        "Records": [
            {
                "eventID": str(number),
                "eventName": name,
                "eventVersion": "1.0",
                "eventSource": "aws:dynamodb",
                "awsRegion": "us-west-2",
                "dynamodb": {
                    "ApproximateCreationDateTime": 1479499740,
                    "SequenceNumber": str(number * 111),
                    "SizeBytes": 26,
                    "StreamViewType": "NEW_AND_OLD_IMAGES",
                    **change,
                },
                "eventSourceARN": "arn:aws:dynamodb:us-west-2:123456789012:table/Orders/stream/2015-06-27T00:48:05.899",
            }
            for number, change in enumerate(changes, 1)
        ]
    }


def kafka(managed: bool = True, **partitions: Sequence[object]) -> dict[str, Any]:  # noqa: FBT001, FBT002 (one of two)
    """A batch of Kafka.

    https://docs.aws.amazon.com/lambda/latest/dg/with-msk.html and with-kafka.html
    """
    arn = "arn:aws:kafka:us-east-1:123456789012:cluster/vpc-2priv-2pub/751d2973-a626-431c-9d4e-d7975eb44dd7-2"
    return {
        **(
            {"eventSource": "aws:kafka", "eventSourceArn": arn}
            if managed
            else {"eventSource": "SelfManagedKafka"}
        ),
        "bootstrapServers": "b-2.demo-cluster-1.a1bcde.c1.kafka.us-east-1.amazonaws.com:9092",
        "records": {
            f"{topic[:-1]}-{topic[-1]}": [
                {
                    "topic": topic[:-1],
                    "partition": int(topic[-1]),
                    "offset": 15 + number,
                    "timestamp": 1545084650987,
                    "timestampType": "CREATE_TIME",
                    "key": encoded("k"),
                    "value": None if value is None else encoded(value),
                    "headers": [{"headerKey": [104, 101, 97, 100, 101, 114, 86, 97, 108, 117, 101]}],
                }
                for number, value in enumerate(values)
            ]
            for topic, values in partitions.items()
        },
    }


def encoded(payload: object) -> str:
    """Base64, of JSON unless it is a text."""
    return b64encode((payload if isinstance(payload, str) else json.dumps(payload)).encode()).decode()


def load_balancer(
    body: object, *, method: str = "POST", many: bool = False, **headers: str
) -> dict[str, Any]:
    """A request of a load balancer, with multi-value headers or without.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
    """
    names = {
        "accept": "text/html,application/xhtml+xml",
        "host": "lambda-alb-123578498.us-east-2.elb.amazonaws.com",
        "x-forwarded-for": "72.12.164.125",
        "x-forwarded-port": "80",
        "x-forwarded-proto": "http",
    } | {name.replace("_", "-"): value for name, value in headers.items()}
    return {
        "requestContext": {
            "elb": {
                "targetGroupArn": "arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/lambda-279XG/1"
            }
        },
        "httpMethod": method,
        "path": "/orders",
        **(
            {
                "multiValueQueryStringParameters": {},
                "multiValueHeaders": {name: [value] for name, value in names.items()},
            }
            if many
            else {"queryStringParameters": {}, "headers": names}
        ),
        "body": body if isinstance(body, str) else json.dumps(body),
        "isBase64Encoded": False,
    }


SAMPLES: dict[str, tuple[str, dict[str, Any]]] = {
    "SQS": ("an SQS batch", sqs(message("test"))),
    "FIFO": ("an SQS batch", sqs(message("test", group="1"))),
    "SNS": ("an SNS notification", sns("Hello from SNS!")),
    "S3": ("an S3 notification", s3()),
    "EventBridge": ("an event of EventBridge", event_bridge({"instance-id": "i-1234567890abcdef0"})),
    "a rule with a schedule": (
        "an event of EventBridge",
        event_bridge({}, detail_type="Scheduled Event", source="aws.events"),
    ),
    "a schedule without an input": (
        "an event of EventBridge",
        event_bridge("{}", detail_type="Scheduled Event", source="aws.scheduler"),
    ),
    "Kinesis": ("a Kinesis batch", kinesis("Hello, this is a test.")),
    "DynamoDB Streams": (
        "a batch of DynamoDB Streams",
        dynamodb(
            {"Keys": {"Id": {"N": "101"}}, "NewImage": {"Message": {"S": "New item!"}, "Id": {"N": "101"}}}
        ),
    ),
    "MSK": ("a Kafka batch", kafka(mytopic0=["Hello, this is a test."])),
    "self-managed Kafka": ("a Kafka batch", kafka(managed=False, mytopic0=["Hello, this is a test."])),
    "HTTP API": ("an HTTP request (REST API, HTTP API, function URL)", http_api("Hello from Lambda")),
    "REST API": ("an HTTP request (REST API, HTTP API, function URL)", rest_api("Hello from Lambda")),
    "load balancer": ("an HTTP request of a load balancer", load_balancer("")),
    "load balancer, multi-value": ("an HTTP request of a load balancer", load_balancer("", many=True)),
    "control": ('a control command ({"flux": {...}})', {"flux": {"action": "tick"}}),
}
"""The sources' own samples, each with the name of the source that it is of."""

UNSUPPORTED: dict[str, dict[str, Any]] = {
    "records of aws:ses": {"Records": [{"eventSource": "aws:ses", "eventVersion": "1.0", "ses": {}}]},
    "WebSocket": {
        "requestContext": {
            "routeKey": "$default",
            "eventType": "MESSAGE",
            "connectionId": "L0SM9cOFvHcCIhw=",
        },
        "body": "{}",
    },
    "CloudWatch Logs": {"awslogs": {"data": "H4sIAAAAAAAAAHWPwQqCQBCGX0Xm7EFtK"}},
    "message broker": {
        "eventSource": "aws:mq",
        "eventSourceArn": "arn:aws:mq:us-west-2:123456789012:broker:test:b-9bcfa592-423a-4942-879d-eb284b418fc8",
        "messages": [],
    },
    "Firehose": {
        "invocationId": "invoked123",
        "deliveryStreamArn": "arn:aws:firehose:us-east-1:123456789012:deliverystream/d",
        "region": "us-west-2",
        "records": [],
    },
    "Cognito": {
        "version": "1",
        "triggerSource": "PreSignUp_SignUp",
        "userPoolId": "us-east-1_a",
        "request": {},
    },
    "S3 Batch Operations": {
        "invocationSchemaVersion": "1.0",
        "invocationId": "i",
        "job": {"id": "j"},
        "tasks": [],
    },
    "CloudFormation": {
        "RequestType": "Create",
        "ResponseURL": "http://pre-signed-url-for-response",
        "StackId": "s",
    },
}
"""Events of services that no source is there for, by what the refusal calls them."""
