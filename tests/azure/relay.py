"""What the Functions host does with a queue: it polls, calls the function, and deletes what went well.

A message whose function has failed is seen again at once, as by the host's default `visibilityTimeout`; the last of
five failures moves it into the poison queue. See
https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-queue-trigger#poison-messages
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from azure.core.exceptions import ResourceExistsError
from azure.storage.queue import QueueClient, TextBase64DecodePolicy, TextBase64EncodePolicy

from services.azure_worker import text

if TYPE_CHECKING:
    from azure.storage.queue import QueueMessage

    from services.azure_worker import AzureWorker, Called
    from services.azurite import Azurite

MAX_DEQUEUE_COUNT: Final = 5
PATIENCE: Final = 60.0  # seconds, for a machine that is busy with other tests


def queue(server: Azurite, name: str) -> QueueClient:
    """Return a queue, which is made if it is not there."""
    client = QueueClient.from_connection_string(
        server.connection,
        name,
        message_encode_policy=TextBase64EncodePolicy(),
        message_decode_policy=TextBase64DecodePolicy(),
    )
    try:
        client.create_queue()
    except ResourceExistsError:
        client.clear_messages()
    return client


class Relay:
    """Brings the messages of a queue to a function.

    Args:
        server: where the queue is.
        name: the queue's.
        worker: who has the function.
        function: its name.
    """

    def __init__(self, server: Azurite, name: str, worker: AzureWorker, function: str) -> None:
        self.queue: Final = queue(server, name)
        self.poison: Final = queue(server, f"{name}-poison")
        self._worker = worker
        self._function = function

    def drain(self, messages: int = 1) -> list[Called]:
        """Bring so many messages until each is deleted or poison, and return what came of each invocation."""
        called: list[Called] = []
        deadline = time.monotonic() + PATIENCE
        while messages:
            assert time.monotonic() < deadline, "the messages do not come"
            message = self.queue.receive_message(visibility_timeout=600)
            if message is None:
                time.sleep(0.05)
                continue
            called.append(self._bring(message))
            messages -= self._is_settled(message, called[-1])
        return called

    def _bring(self, message: QueueMessage) -> Called:
        metadata = {"Id": text(message.id), "DequeueCount": text(str(message.dequeue_count))}
        return self._worker.call(self._function, {"message": text(message.content)}, metadata)

    def _is_settled(self, message: QueueMessage, called: Called) -> bool:
        if called.error is not None and (message.dequeue_count or 0) < MAX_DEQUEUE_COUNT:
            self.queue.update_message(message, visibility_timeout=0)
            return False
        if called.error is not None:
            self.poison.send_message(message.content)
        self.queue.delete_message(message)
        return True
