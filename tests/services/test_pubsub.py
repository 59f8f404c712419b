"""Pub/Sub's emulator keeps what is published until it is pulled."""

from __future__ import annotations

from base64 import b64decode

import pytest

from services.pubsub import PubSub


@pytest.mark.xdist_group("google-functions")
def test_a_message_waits_to_be_pulled() -> None:
    """A subscription holds what is published behind it, once."""
    with PubSub() as server:
        topic = server.topic("orders")
        subscription = server.subscribe("orders", topic)
        published = server.publish(topic, b"o_1")
        (message,) = server.pull(subscription)

        assert (message["messageId"], b64decode(message["data"])) == (published, b"o_1")
        assert server.pull(subscription) == []
