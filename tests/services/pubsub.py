"""Pub/Sub as Google itself emulates it: the emulator of the Cloud SDK, called by REST.

It delivers what was published within a second, and again within a second if that fails, given no retry policy; with
one, the pauses are its own. Filters are ignored.
"""

from __future__ import annotations

import json
from base64 import b64encode
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

from .google_sdk import JAVA, emulator_jar
from .server import Server

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PROJECT = "projects/flux-tests"
MAIN = "com.google.cloud.pubsub.testing.v1.Main"


class PubSub(Server):
    """One server, its topics in memory."""

    name = "Pub/Sub's emulator"

    def command(self) -> Sequence[str | Path]:
        """Return how Java starts it."""
        jar = emulator_jar("pubsub-emulator/lib/cloud-pubsub-emulator-*-all.jar", "pubsub-emulator")
        return [*JAVA, "-cp", jar, MAIN, "--host=127.0.0.1", f"--port={self.port}"]

    def topic(self, name: str) -> str:
        """Make a topic, and return its full name."""
        topic = f"{PROJECT}/topics/{name}"
        self._call("PUT", topic)
        return topic

    def subscribe(
        self, name: str, topic: str, *, push_to: str | None = None, dead_letters: str | None = None
    ) -> str:
        """Make a subscription, and return its full name.

        Args:
            name: the subscription's.
            topic: the full name of its topic.
            push_to: the URL that messages are posted to; None leaves them to `pull`.
            dead_letters: the full name of the topic that takes what five deliveries could not get rid of.
        """
        subscription = f"{PROJECT}/subscriptions/{name}"
        wanted: dict[str, Any] = {"topic": topic, "ackDeadlineSeconds": 10}
        if push_to:
            wanted["pushConfig"] = {"pushEndpoint": push_to}
        if dead_letters:
            wanted["deadLetterPolicy"] = {"deadLetterTopic": dead_letters, "maxDeliveryAttempts": 5}
        self._call("PUT", subscription, wanted)
        return subscription

    def publish(self, topic: str, data: bytes) -> str:
        """Publish a message, and return its id."""
        messages = [{"data": b64encode(data).decode()}]
        identity: str = self._call("POST", f"{topic}:publish", {"messages": messages})["messageIds"][0]
        return identity

    def pull(self, subscription: str) -> list[dict[str, Any]]:
        """Return the messages that wait in a subscription, up to ten, acknowledged."""
        wanted = {"maxMessages": 10, "returnImmediately": True}
        received: list[dict[str, Any]] = self._call("POST", f"{subscription}:pull", wanted).get(
            "receivedMessages", []
        )
        if received:
            ids = [one["ackId"] for one in received]
            self._call("POST", f"{subscription}:acknowledge", {"ackIds": ids})
        return [one["message"] for one in received]

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        request = Request(
            f"http://127.0.0.1:{self.port}/v1/{path}",
            json.dumps(body or {}).encode(),
            {"Content-Type": "application/json"},
            method=method,
        )
        with urlopen(request, timeout=30) as response:  # noqa: S310 (this machine)
            answer: dict[str, Any] = json.load(response)
        return answer
