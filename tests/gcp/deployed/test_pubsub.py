"""Orders through Pub/Sub: what it pushes, pushes again, and gives up on."""

from __future__ import annotations

import json
from base64 import b64decode
from typing import TYPE_CHECKING

import pytest
from gcp import events
from gcp.deployed.deployment import post, until

from flux_core import RunStatus

from services.pubsub import PubSub

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gcp.deployed.deployment import Deployment

pytestmark = pytest.mark.xdist_group("google-functions")


@pytest.fixture(scope="module")
def pubsub() -> Iterator[PubSub]:
    """The service."""
    with PubSub() as server:
        yield server


@pytest.fixture(scope="module", params=["events", "events_aio"])
def topic(request: pytest.FixtureRequest, pubsub: PubSub, deployment: Deployment) -> str:
    """A topic whose messages are pushed to the function; the last that nobody could serve go to another one."""
    target = request.param
    orders, dead = pubsub.topic(f"orders-{target}"), pubsub.topic(f"dead-{target}")
    pubsub.subscribe(f"dead-{target}", dead)
    pubsub.subscribe(f"orders-{target}", orders, push_to=deployment.function(target).url, dead_letters=dead)
    return orders


def run_of(topic: str, message_id: str) -> str:
    """Return the run of a message: a function of signature cloudevent is not told what subscription pushes to it."""
    subscription = topic.rpartition("/")[2]
    return message_id if subscription == "orders-events" else f"{subscription}:{message_id}"


def publish(pubsub: PubSub, topic: str, order_id: str, **order: object) -> str:
    """Publish an order, and return its run's id."""
    return run_of(topic, pubsub.publish(topic, json.dumps({"order_id": order_id, **order}).encode()))


def is_completed(deployment: Deployment, run_id: str) -> bool:
    """Return whether a run has completed."""
    run = deployment.run(run_id)
    return run is not None and run.status is RunStatus.COMPLETED


def test_a_message_is_an_order(pubsub: PubSub, deployment: Deployment, topic: str) -> None:
    """What is published is pushed, and runs under the id of the subscription's message."""
    order_id = f"plain-{topic[-4:]}"
    run_id = publish(pubsub, topic, order_id)
    until(lambda: is_completed(deployment, run_id))

    assert deployment.charges(order_id) == ["1"]


def test_a_redelivered_message_charges_nobody(deployment: Deployment) -> None:
    """The same message, pushed again after it was acknowledged, finds its run and is acknowledged."""
    url = deployment.function("events").url
    body = events.pushed({"order_id": "again"}, "424242")
    answers = [post(url, body).status for _ in range(2)]

    assert answers == [200, 200]
    assert deployment.charges("again") == ["1"]


def test_a_failed_order_is_retried_by_its_redelivery(
    pubsub: PubSub, deployment: Deployment, topic: str
) -> None:
    """The function answers 500, Pub/Sub pushes again, and the run goes on from the step that failed."""
    order_id = f"refused-{topic[-4:]}"
    run_id = publish(pubsub, topic, order_id, refusals=1)
    until(lambda: is_completed(deployment, run_id))

    assert len(deployment.charges(order_id)) == 2


def test_what_nobody_can_read_ends_among_the_dead_letters(
    pubsub: PubSub, deployment: Deployment, topic: str
) -> None:
    """A poison message is given up after its last attempt; an order that was refused is acknowledged, and not there."""
    target = topic.rpartition("orders-")[2]
    stolen = publish(pubsub, topic, f"stolen-{target}", stolen=True)
    pubsub.publish(topic, b"order o_1, please")
    letters: list[str] = []

    def given_up() -> list[str]:
        subscription = f"projects/flux-tests/subscriptions/dead-{target}"
        letters.extend(b64decode(message["data"]).decode() for message in pubsub.pull(subscription))
        return letters

    until(given_up)
    run = deployment.run(stolen)
    assert run is not None
    assert (run.status, letters) == (RunStatus.FAILED, ["order o_1, please"])
    assert "the body is not JSON" in deployment.function(target).log()
