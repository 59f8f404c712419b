"""Waking a run by a message that a queue of Queue Storage hides until it is time."""

from __future__ import annotations

import re
import time
from functools import cached_property
from math import ceil
from typing import TYPE_CHECKING, Final

from flux_azure._account import Account, place_of
from flux_core import InvalidInput, StoreError
from flux_core._waker import message

if TYPE_CHECKING:
    from azure.storage.queue import QueueClient

    from flux_core.storage._rows.patience import Patience

NAME: Final = re.compile(r"[a-z0-9](?!.*--)[a-z0-9-]{1,61}[a-z0-9]")
"""https://learn.microsoft.com/rest/api/storageservices/naming-queues-and-metadata"""
LONGEST: Final = 7 * 24 * 3600
"""Seconds: the most that a queue hides a message.
https://learn.microsoft.com/rest/api/storageservices/put-message"""
KEPT: Final = 7 * 24 * 3600  # seconds that a message stays once it can be seen; `tick` has come long before
PATIENCE: Final = 5.0  # seconds for which sending is tried again
ROLE: Final = "Storage Queue Data Message Sender"


class QueueWaker:
    """Wakes runs by messages to a queue that the function app reads.

    A delay is whole seconds, rounded up, and at most 7 days: what is later comes then, and is sent on by the function.
    The queue is for wake-ups alone, since what comes from it is taken for commands. The blueprint of an app that has
    this waker has a function for it, which reads the queue in the account of `AzureWebJobsStorage`.

    Args:
        queue: its name.
        account: the name of the storage account, or the https URL of its queues; by default that of the setting
            `AzureWebJobsStorage`.
        connection: its connection string, instead.

    Raises:
        InvalidInput: the name is none that a queue can have, or the account is named twice.
    """

    def __init__(
        self, queue: str = "flux-wakes", *, account: str | None = None, connection: str | None = None
    ) -> None:
        if not NAME.fullmatch(queue):
            raise InvalidInput(
                f"expected 3 to 63 lower-case letters, digits and single hyphens, got {queue!r}", path="queue"
            )
        self.queue_name: Final = queue
        self._account = Account(account, connection)

    def wake(self, run_id: str, at: float) -> None:
        """Send the message, to be seen at that time or in 7 days.

        Raises:
            InvalidInput: no storage account is named.
            ResourceNotFound: there is no such queue.
            StoreError: it cannot be reached, or refuses; or Azure's SDK is not installed.
        """
        hidden = min(LONGEST, max(0, ceil(at - time.time())))
        client, said = self._client, message(run_id, at)
        self._patience.persist(
            f"putting a message into queue {self.queue_name}", lambda: _send(client, said, hidden)
        )

    @cached_property
    def _client(self) -> QueueClient:
        try:
            from azure.storage.queue import QueueClient, TextBase64EncodePolicy
        except ModuleNotFoundError as error:
            raise StoreError(
                f"a wake-up needs azure-storage-queue ({error}): pip install 'flux-serverless[azure]'"
            ) from error
        # What the host expects of a message, unless host.json says otherwise: the function takes both.
        encoding = TextBase64EncodePolicy()
        return self._account.client(
            QueueClient, "queue", queue_name=self.queue_name, message_encode_policy=encoding
        )

    @cached_property
    def _patience(self) -> Patience:
        from flux_azure._refusals import AccountRefusals
        from flux_core import ResourceNotFound
        from flux_core.storage._rows.patience import Patience

        making = f"az storage queue create --auth-mode login --name {self.queue_name}"
        missing = f"{{what}} failed, since there is no such queue; make it with: {making}"
        refusals = AccountRefusals(ROLE, {"QueueNotFound": missing}, {"QueueNotFound": ResourceNotFound})
        return Patience(PATIENCE, refusals)


def _send(client: QueueClient, said: str, hidden: int) -> None:
    from flux_azure._refusals import reaching

    with reaching(place_of(client.url)):
        client.send_message(said, visibility_timeout=hidden, time_to_live=hidden + KEPT)
