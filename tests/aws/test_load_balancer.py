"""A load balancer has its own way of writing an answer; all else is as for the other HTTP fronts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from aws import events

import flux_aws

if TYPE_CHECKING:
    from clouds.shop import Shop


def test_an_answer_is_described(shop: Shop) -> None:
    """The status has its words, and the body is said to be text."""
    request = events.load_balancer({"order_id": "o_1"}, idempotency_key="k-1")

    assert flux_aws.handler(shop.app())(request, events.Context()) == {
        "statusCode": 200,
        "statusDescription": "200 OK",
        "isBase64Encoded": False,
        "headers": {"Content-Type": "application/json"},
        "body": json.dumps({"status": "completed", "id": "k-1", "data": {"payment_id": "pay-o_1"}}),
    }


def test_multi_value_headers_are_answered_as_they_are_asked(shop: Shop) -> None:
    """A target group that has them on takes no other headers, and sends none."""
    request = events.load_balancer({"order_id": "o_1"}, many=True, idempotency_key="k-1")

    assert flux_aws.handler(shop.app())(request, events.Context()) == {
        "statusCode": 200,
        "statusDescription": "200 OK",
        "isBase64Encoded": False,
        "multiValueHeaders": {"Content-Type": ["application/json"]},
        "body": json.dumps({"status": "completed", "id": "k-1", "data": {"payment_id": "pay-o_1"}}),
    }


@pytest.mark.parametrize("many", [True, False])
def test_a_refusal_is_described(shop: Shop, *, many: bool) -> None:
    """A method that starts no run is refused, with the headers that belong to that."""
    answer = flux_aws.handler(shop.app())(events.load_balancer("", method="PUT", many=many), None)
    allowed = answer["multiValueHeaders"]["Allow"] if many else [answer["headers"]["Allow"]]

    assert (answer["statusDescription"], allowed) == ("405 Method Not Allowed", ["POST"])


@pytest.mark.parametrize("many", [True, False])
def test_a_health_check_is_answered_without_a_run(shop: Shop, *, many: bool) -> None:
    """The target is healthy when the function answers."""
    app = shop.app()
    request = events.load_balancer("", method="GET", many=many, user_agent="ELB-HealthChecker/2.0")

    assert flux_aws.handler(app)(request, events.Context())["statusDescription"] == "200 OK"
    assert list(app.list()) == []


def test_a_request_without_headers_is_answered(shop: Shop) -> None:
    """A test event of the console may have none."""
    request = events.load_balancer({"order_id": "o_1"}) | {"headers": None}

    assert flux_aws.handler(shop.app())(request, events.Context())["statusCode"] == 200
