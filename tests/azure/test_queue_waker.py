"""A wake-up is a message that a queue hides until it is time; what goes wrong says what to do."""

from __future__ import annotations

import base64
import json
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from azure.core.exceptions import HttpResponseError
from azure.storage.queue import QueueClient, QueueMessage

import flux_azure
from flux_core import InvalidInput, ResourceNotFound, StoreError

from .relay import queue
from services.ports import free_port

if TYPE_CHECKING:
    from services.azurite import Azurite

pytestmark = pytest.mark.xdist_group("azure worker")

DAY = 24 * 3600


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[QueueMessage]:
    """What the service says of each message that is sent: nobody else can tell how long one is hidden."""
    said: list[QueueMessage] = []
    send = QueueClient.send_message

    def keep(client: QueueClient, content: object, **options: Any) -> QueueMessage:
        said.append(send(client, content, **options))
        return said[-1]

    monkeypatch.setattr(QueueClient, "send_message", keep)
    return said


@pytest.fixture
def wakes(azurite: Azurite) -> QueueClient:
    """An empty queue."""
    return queue(azurite, "wakes")


def waker(server: Azurite, name: str = "wakes") -> flux_azure.QueueWaker:
    """Return a waker by way of a queue."""
    return flux_azure.QueueWaker(name, connection=server.connection)


def hidden(message: QueueMessage) -> float:
    """Return the seconds for which it is hidden."""
    assert message.next_visible_on is not None
    return (message.next_visible_on - datetime.now(UTC)).total_seconds()


def test_a_message_is_a_wake_command_in_base64(azurite: Azurite, wakes: QueueClient) -> None:
    """It is what the host decodes by itself: text in base64."""
    waker(azurite).wake("r1", 1.5)
    (message,) = QueueClient.from_connection_string(azurite.connection, "wakes").peek_messages()

    assert json.loads(base64.b64decode(message.content)) == {
        "flux": {"action": "wake", "id": "r1", "at": 1.5}
    }


@pytest.mark.parametrize(
    ("delay", "expected"), [(-5, 0), (0, 0), (60, 60), (6.9 * DAY, 6.9 * DAY), (30 * DAY, 7 * DAY)]
)
def test_a_message_is_hidden_until_it_is_time(
    azurite: Azurite, wakes: QueueClient, sent: list[QueueMessage], delay: float, expected: float
) -> None:
    """What is later than 7 days comes then, and is sent on."""
    waker(azurite).wake("r1", time.time() + delay)

    assert hidden(sent[0]) == pytest.approx(expected, abs=3)


def test_a_message_outlives_the_time_for_which_it_is_hidden(
    azurite: Azurite, wakes: QueueClient, sent: list[QueueMessage]
) -> None:
    """A function app that is down for days still finds it."""
    waker(azurite).wake("r1", time.time() + 7 * DAY)
    (message,) = sent

    assert message.expires_on is not None
    assert message.next_visible_on is not None
    assert (message.expires_on - message.next_visible_on).days >= 6


def test_the_account_is_the_function_apps_own(
    azurite: Azurite, wakes: QueueClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a word the waker takes the account in which the function app itself reads."""
    monkeypatch.setenv("AzureWebJobsStorage", azurite.connection)
    flux_azure.QueueWaker("wakes").wake("r1", 0.0)

    assert len(wakes.peek_messages()) == 1


def test_a_queue_that_is_missing_says_how_to_make_it(azurite: Azurite) -> None:
    """The error has the command."""
    with pytest.raises(
        ResourceNotFound, match=r"no such queue; make it with: az storage queue create .*--name nowhere"
    ):
        waker(azurite, "nowhere").wake("r1", 0.0)


def test_an_identity_that_may_not_is_told_the_role(azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> None:
    """The role is the least that will do."""

    class Forbidden(HttpResponseError):
        error_code = "AuthorizationPermissionMismatch"
        status_code = 403
        response: Any = "an answer"

        def __init__(self) -> None:
            self.message = "This request is not authorized to perform this operation using this permission."

    def refuse(*_: object, **__: object) -> None:
        raise Forbidden

    monkeypatch.setattr(QueueClient, "send_message", refuse)
    with pytest.raises(StoreError, match="give the role 'Storage Queue Data Message Sender'"):
        waker(azurite).wake("r1", 0.0)


def test_a_wrong_key_is_told_without_it(azurite: Azurite, wakes: QueueClient) -> None:
    """The error says that the credentials are not valid, and does not repeat them."""
    connection = azurite.connection.replace("AccountKey=Eby8", "AccountKey=AAAA")
    with pytest.raises(StoreError, match="credentials are not valid") as raised:
        flux_azure.QueueWaker("wakes", connection=connection).wake("r1", 0.0)

    assert "AAAA" not in str(raised.value)


def test_an_account_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """After some seconds the run goes on without its wake-up."""
    monkeypatch.setattr("flux_azure._queue_waker.PATIENCE", 0.1)
    url = f"http://127.0.0.1:{free_port()}/devstoreaccount1"
    connection = f"AccountName=devstoreaccount1;AccountKey=AAAA;QueueEndpoint={url}"
    with pytest.raises(StoreError, match=r"nobody answers at http://127\.0\.0\.1:\d+.*is Azurite running"):
        flux_azure.QueueWaker("wakes", connection=connection).wake("r1", 0.0)


def test_without_an_account_the_error_names_the_settings() -> None:
    """Nothing is guessed."""
    with pytest.raises(InvalidInput, match="AzureWebJobsStorage__accountName"):
        flux_azure.QueueWaker().wake("r1", 0.0)


def test_without_the_sdk_it_says_what_to_install(azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run goes on all the same, since what a waker raises is logged."""
    monkeypatch.setitem(sys.modules, "azure.storage.queue", None)
    with pytest.raises(StoreError, match=r"pip install 'flux-serverless\[azure\]'"):
        waker(azurite).wake("r1", 0.0)


@pytest.mark.parametrize(
    "name", ["", "ab", "Wakes", "flux_wakes", "flux--wakes", "-wakes", "wakes-", "w" * 64]
)
def test_a_name_that_no_queue_can_have_is_refused(name: str) -> None:
    """It is refused where it is written, not when the first run is to be woken."""
    with pytest.raises(InvalidInput, match="queue: expected 3 to 63 lower-case letters"):
        flux_azure.QueueWaker(name)
