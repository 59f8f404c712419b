"""What a store in Azure Tables says when it is told something impossible, or is not let in."""

from __future__ import annotations

import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from requests import ConnectionError as Unconnected
from requests.exceptions import ChunkedEncodingError

from flux_azure import TableStorage
from flux_azure._tables.url import open_azure_tables
from flux_core import InvalidInput, RunStatus, StoreError, StoreNotFound
from flux_core._invocation import CURRENT, Invocation
from flux_core.storage import Query, Record

from .weather import answered, answers, answers_of_blobs, objects, tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KEY = "c2VjcmV0LWtleQ=="
CONNECTION = (
    f"DefaultEndpointsProtocol=http;AccountName=shop;AccountKey={KEY};TableEndpoint=http://127.0.0.1:9/shop"
)
NOWHERE = f"{CONNECTION};BlobEndpoint=http://127.0.0.1:9/shop"
RUN = Record("order-1", "order", RunStatus.RUNNING, 1, "w", 160.0, 100.0, 100.0, b"{}")


@pytest.fixture
def storage() -> Iterator[TableStorage]:
    """A store that reaches nobody, and gives up at once."""
    with closing(TableStorage("orders", connection=NOWHERE, container="large", patience=0)) as storage:
        yield storage


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"table": ""}, "table"),
        ({"table": "ab"}, "table"),
        ({"table": "my-table"}, "table"),
        ({"table": "1st"}, "table"),
        ({"table": "t" * 64}, "table"),
        ({"container": "Values"}, "container"),
        ({"container": "a--b"}, "container"),
        ({"patience": -1.0}, "patience"),
        ({"patience": float("nan")}, "patience"),
        ({"account": "shop"}, "account"),
        ({"connection": "nonsense"}, "connection"),
        ({"connection": "AccountName=shop"}, "connection"),
    ],
)
def test_an_impossible_option_is_named(options: dict[str, Any], path: str) -> None:
    """An option that cannot be taken is refused when the store is made."""
    with pytest.raises(InvalidInput) as caught:
        TableStorage(**{"table": "orders", "connection": NOWHERE, **options})
    assert caught.value.path == path
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("azuretable://", "url: is azuretable://ACCOUNT/TABLE, or azuretable:///TABLE for the account"),
        ("azuretable://orders", "url: is azuretable://ACCOUNT/TABLE"),
        ("azuretable:///", "table: '' is no name of a table"),
        ("azuretable:///my-orders", "table: 'my-orders' is no name of a table"),
        ("azuretable:///orders?contianer=x", "url: azuretable has no option 'contianer'; known: container"),
        ("azuretable:///orders?container=", "url: container is empty"),
        ("azuretable:///orders?patience=long", "url: patience is a number of seconds, not 'long'"),
        ("azuretable://My_Shop/orders", "account: is the name of a storage account, 3 to 24 lower-case"),
    ],
)
def test_an_impossible_url_is_told(url: str, message: str) -> None:
    """A URL that cannot be taken is refused with what is wrong with it."""
    with pytest.raises(InvalidInput) as caught:
        open_azure_tables(url)
    assert message in str(caught.value)


def test_a_url_gives_every_option(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that the store can be told, except a secret, may stand in its URL."""
    monkeypatch.setenv("AzureWebJobsStorage", NOWHERE)
    storage = open_azure_tables("azuretable:///orders?container=large&patience=0")
    assert isinstance(storage, TableStorage)
    with closing(storage):
        assert storage.table == "orders"
        assert repr(storage) == "<TableStorage on the table 'orders' at http://127.0.0.1:9/shop>"
        assert storage.largest is None
        with pytest.raises(StoreError, match="1 times"):
            storage.load("order-1")


@pytest.mark.parametrize(
    ("account", "url"),
    [
        ("shop", "https://shop.table.core.windows.net"),
        ("shop.table.core.usgovcloudapi.net", "https://shop.table.core.usgovcloudapi.net"),
    ],
)
def test_a_url_names_an_account(account: str, url: str) -> None:
    """An account in a URL is entered by identity, in whatever cloud its host is."""
    storage = open_azure_tables(f"azuretable://{account}/orders/")
    assert isinstance(storage, TableStorage)
    with closing(storage):
        assert storage._requests.place == ("orders", url)


def test_a_missing_sdk_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Azure's SDK it is said what to install."""
    for name in [name for name in sys.modules if name.startswith("flux_azure._tables.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "azure.data.tables", None)
    with pytest.raises(StoreError, match=r"needs Azure's SDK .*pip install 'flux-serverless\[azure\]'"):
        TableStorage("orders", connection=NOWHERE)


@pytest.mark.xdist_group("azurite")
def test_a_missing_table_is_told(server: Any) -> None:
    """A table that is not there is named, with the ways of making it, by whatever call."""
    with closing(TableStorage("orders", connection=server.connection)) as storage:
        for call in CALLS[:-1]:
            with pytest.raises(StoreNotFound) as caught:
                call(storage)
            told = str(caught.value)
            assert f"there is no table 'orders' at {server.table_url}; name another, or make it" in told
            assert "az storage table create --name orders --account-name devstoreaccount1" in told
            assert "flux_azure.TableStorage('orders', ...).create_table()" in told


CALLS: list[Callable[[TableStorage], object]] = [
    lambda storage: storage.load("order-1"),
    lambda storage: storage.create(RUN),
    lambda storage: storage.save(RUN._replace(revision=2), replaces=1),
    lambda storage: storage.find(Query()),
    lambda storage: storage.put_blob("order-1", "key", b""),
    lambda storage: storage.delete("order-1"),
    lambda storage: storage.create_table(),
]


@pytest.mark.xdist_group("azurite")
def test_a_missing_container_is_told(server: Any) -> None:
    """A container that is not there is named, with the ways of making it, by whatever call."""
    options = {"connection": server.connection, "container": "missing"}
    with closing(TableStorage("orders", **options)) as storage:
        for call in (
            lambda: storage.put_blob("order-1", "key", b"value"),
            lambda: storage.get_blob("order-1", "key"),
            lambda: storage.delete_blobs("order-1"),
        ):
            with pytest.raises(StoreNotFound) as caught:
                call()
            told = str(caught.value)
            assert f"there is no container {server.blob_url}/missing; name another, or make it" in told
            assert "az storage container create --name missing" in told


@pytest.mark.xdist_group("azurite")
def test_what_is_there_is_not_made_again(server: Any) -> None:
    """Making the table and the container twice is no error."""
    options = {"connection": server.connection, "container": "twice"}
    with closing(TableStorage("twice", **options)) as storage:
        storage.create_table()
        storage.create_table()
        storage.put_blob("order-1", "key", b"value")
        assert storage.load("order-1") is None


def refused(storage: TableStorage, status: int, code: str, message: str = "injected") -> str:
    """Return what is said when the service answers a read with an error."""
    tables(storage, before=lambda request: answers(status, code, message))
    with pytest.raises(StoreError) as caught:
        storage.load("order-1")
    return str(caught.value)


@pytest.mark.parametrize("call", CALLS)
def test_denied_access_names_the_role(storage: TableStorage, call: Callable[[TableStorage], object]) -> None:
    """A request that is not allowed is told with the role that is missing, and on what."""
    said = "This request is not authorized to perform this operation using this permission."
    denied = 403, "AuthorizationPermissionMismatch", said
    tables(storage, before=lambda request: answers(*denied))
    objects(storage, before=lambda request: answers_of_blobs(*denied))
    with pytest.raises(StoreError) as caught:
        call(storage)
    told = str(caught.value)
    assert "http://127.0.0.1:9/shop" in told
    assert "is not allowed; give the role 'Storage " in told
    assert f"Data Contributor' on the storage account to whoever runs this: {said}" in told


def test_a_container_that_may_not_be_made_is_told(storage: TableStorage) -> None:
    """A container that is missing, and that one is not allowed to make, is no table that is ready."""
    tables(storage, before=lambda request: answers(409, "TableAlreadyExists"))
    objects(storage, before=lambda request: answers_of_blobs(403, "AuthorizationPermissionMismatch"))
    with pytest.raises(
        StoreError, match=r"making the container .* is not allowed; give the role 'Storage Blob Data"
    ):
        storage.create_table()


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("AuthorizationFailure", "and see that the account's firewall lets it in"),
        (
            "KeyBasedAuthenticationNotPermitted",
            "takes no keys; take AzureWebJobsStorage, or connection=, away",
        ),
        ("AuthenticationFailed", "the credentials are not valid: injected; is the key in the connection"),
        ("AccountIsDisabled", "is refused because the storage account is disabled"),
        ("SomethingElse", "reading from the table 'orders' at http://127.0.0.1:9/shop was refused: injected"),
    ],
)
def test_a_refusal_is_told(storage: TableStorage, code: str, told: str) -> None:
    """What keeps a caller out is told apart, with what to do about it."""
    assert told in refused(storage, 403, code)


def test_a_key_of_another_account_is_told(storage: TableStorage) -> None:
    """A key that is none is told without being shown."""
    broken = TableStorage("orders", connection=NOWHERE.replace(KEY, "no-key"), patience=0)
    with closing(broken), pytest.raises(StoreError) as caught:
        broken.load("order-1")
    assert "needs credentials of Azure" in str(caught.value)
    assert "no-key" not in str(caught.value)


def test_an_unreachable_server_is_told(storage: TableStorage) -> None:
    """An address at which nobody listens is named, with what may be the matter."""
    for call, place in (
        (CALLS[0], "reading from the table 'orders' at http://127.0.0.1:9/shop"),
        (CALLS[4], "writing to the container http://127.0.0.1:9/shop/large"),
    ):
        with pytest.raises(StoreError) as caught:
            call(storage)
        told = str(caught.value)
        assert f"{place} has failed for " in told
        assert " s, 1 times, the last time with: nobody answers at" in told
        assert "Connection refused); is Azurite running?" in told


def test_a_name_that_no_server_has_is_told() -> None:
    """A host that does not exist is named, with what may be wrong with it."""
    connection = f"AccountName=shop;AccountKey={KEY};TableEndpoint=https://shop.invalid"
    with closing(TableStorage("orders", connection=connection, patience=0)) as storage:
        tables(storage, before=unresolved)
        with pytest.raises(
            StoreError, match=r"nobody answers at https://shop.invalid .* is the account's name"
        ):
            storage.load("order-1")


def unresolved(request: Any) -> None:
    """Fail as a name that cannot be resolved does."""
    raise Unconnected("Failed to resolve 'shop.invalid'")


@pytest.mark.parametrize("kind", ["text/html", "application/json", "application/xml"])
def test_a_server_of_another_kind_is_told(storage: TableStorage, kind: str) -> None:
    """A server that does not speak as Azure does is none of Azure's."""
    tables(storage, before=lambda request: answered(404, kind, b"<html>Hello</html>"))
    for call in (CALLS[0], CALLS[1]):
        with pytest.raises(
            StoreError, match=r"got an answer that is none of Azure Storage .*; is the address"
        ):
            call(storage)


@pytest.mark.parametrize(
    ("status", "code"),
    [(503, "ServerBusy"), (500, "OperationTimedOut"), (429, ""), (409, "TableBeingDeleted")],
)
def test_what_passes_is_tried_again(status: int, code: str) -> None:
    """A request that is throttled or fails in the service is made again, as it was."""
    failures = [answers(status, code) for _ in range(3)]
    absent = answers(404, "ResourceNotFound")
    with closing(TableStorage("orders", connection=NOWHERE)) as storage:
        network = tables(storage, before=lambda request: failures.pop() if failures else absent)
        assert storage.load("order-1") is None
    assert len(network.sent) == 4


@pytest.mark.parametrize(
    "error", [Unconnected("reset"), ChunkedEncodingError("IncompleteRead(3 bytes read)")]
)
def test_what_breaks_off_is_tried_again(error: Exception) -> None:
    """A connection that ends before the answer has come, or in the middle of it, does not end the run."""
    failures = [error]

    def fail(request: Any) -> Any:
        if failures:
            raise failures.pop()
        return answers(404, "ResourceNotFound")

    with closing(TableStorage("orders", connection=NOWHERE)) as storage:
        tables(storage, before=fail)
        assert storage.load("order-1") is None


def test_an_answer_that_never_comes_whole_is_told(opened: Callable[..., TableStorage]) -> None:
    """Patience ends here too: with the error of a store, of one write and of several together."""
    storage = opened(patience=0)
    storage.create(RUN)
    tables(storage, cuts=lambda request: True)
    for call in (CALLS[0], lambda storage: storage.create(RUN._replace(id="order-2"))):
        with pytest.raises(StoreError, match=r"has failed for 0.\d s, 1 times, .*IncompleteRead"):
            call(storage)


def test_what_does_not_pass_is_not_tried_again() -> None:
    """A refused request is made once."""
    with closing(TableStorage("orders", connection=NOWHERE)) as storage:
        network = tables(storage, before=lambda request: answers(403, "AuthorizationFailure"))
        with pytest.raises(StoreError):
            storage.load("order-1")
    assert len(network.sent) == 1


def test_patience_ends_before_the_deadline() -> None:
    """A store gives up a second before the invocation ends, in `find` too, whose requests threads make."""
    for call in (CALLS[0], CALLS[3]):
        began = time.monotonic()
        token = CURRENT.set(Invocation({}, began + 1.3, "request"))
        try:
            with closing(TableStorage("orders", connection=NOWHERE, patience=60)) as storage:
                tables(storage, before=lambda request: answers(503, "ServerBusy"))
                with pytest.raises(StoreError, match="has failed for 0"):
                    call(storage)
        finally:
            CURRENT.reset(token)
        assert time.monotonic() - began < 1
