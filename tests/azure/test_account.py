"""Where a storage account is found, and how it is entered."""

from __future__ import annotations

from logging import DEBUG, ERROR, NOTSET, getLogger
from typing import TYPE_CHECKING, Any

import pytest
from azure.data.tables import TableServiceClient
from azure.identity import DefaultAzureCredential
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient

from flux_azure._account import Account, _identity, place_of, url_of
from flux_core import InvalidInput

if TYPE_CHECKING:
    from flux_azure._account import Service

KEY = "c2VjcmV0LWtleQ=="
CONNECTION = (
    f"DefaultEndpointsProtocol=https;AccountName=shop;AccountKey={KEY};EndpointSuffix=core.windows.net"
)
KINDS: dict[Service, Any] = {
    "table": TableServiceClient,
    "queue": QueueServiceClient,
    "blob": BlobServiceClient,
}


def url(account: Account, service: Service) -> str:
    """Return the address at which a client works."""
    with account.client(KINDS[service], service) as client:
        return place_of(client.url).rstrip("/")


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Name no account in the environment."""
    for name in ("", "__accountName", "__clientId", "__tableServiceUri", "__queueServiceUri"):
        monkeypatch.delenv(f"AzureWebJobsStorage{name}", raising=False)


@pytest.mark.parametrize("service", KINDS)
def test_an_account_is_named(service: Service) -> None:
    """The name of an account is enough; it is entered by identity."""
    assert url(Account("shop"), service) == f"https://shop.{service}.core.windows.net"


@pytest.mark.parametrize("service", KINDS)
@pytest.mark.parametrize("named", KINDS)
def test_an_account_of_another_cloud_is_named_by_any_address(named: Service, service: Service) -> None:
    """The address of one service of an account tells where the others are, in every cloud."""
    account = Account(f"https://shop.{named}.core.chinacloudapi.cn/")
    assert url(account, service) == f"https://shop.{service}.core.chinacloudapi.cn"


@pytest.mark.parametrize("service", KINDS)
def test_a_connection_string_is_taken(service: Service) -> None:
    """A connection string names every service of its account."""
    assert url(Account(connection=CONNECTION), service) == f"https://shop.{service}.core.windows.net"


@pytest.mark.parametrize("service", KINDS)
def test_the_account_of_the_function_app_is_taken(monkeypatch: pytest.MonkeyPatch, service: Service) -> None:
    """Without an option it is what the setting says: a connection string, an address, a name, in this order."""
    monkeypatch.setenv("AzureWebJobsStorage__accountName", "one")
    assert url(Account(), service) == f"https://one.{service}.core.windows.net"
    monkeypatch.setenv(f"AzureWebJobsStorage__{service}ServiceUri", f"https://two.{service}.core.windows.net")
    assert url(Account(), service) == f"https://two.{service}.core.windows.net"
    monkeypatch.setenv("AzureWebJobsStorage", CONNECTION)
    assert url(Account(), service) == f"https://shop.{service}.core.windows.net"
    assert url(Account("mine"), service) == f"https://mine.{service}.core.windows.net"


def test_the_emulator_is_named_in_short(monkeypatch: pytest.MonkeyPatch) -> None:
    """What local settings of function apps say of Azurite is understood."""
    monkeypatch.setenv("AzureWebJobsStorage", "UseDevelopmentStorage=true")
    assert url(Account(), "table") == "http://127.0.0.1:10002/devstoreaccount1"
    assert url(Account(), "blob") == "http://127.0.0.1:10000/devstoreaccount1"


def test_no_account_is_told() -> None:
    """Without an account anywhere, it is said where one may be named, and how it is entered."""
    with pytest.raises(InvalidInput) as caught:
        url(Account(), "queue")
    for name in (
        "AzureWebJobsStorage__accountName",
        "managed identity",
        "az login",
        "AzureWebJobsStorage__queueServiceUri",
        "AzureWebJobsStorage to a connection string",
    ):
        assert name in str(caught.value)


def test_two_accounts_are_one_too_many() -> None:
    """An account is named once."""
    with pytest.raises(InvalidInput) as caught:
        Account("shop", CONNECTION)
    assert caught.value.path == "account"


@pytest.mark.parametrize(
    "account",
    [
        "",
        "My_Shop",
        "http://shop.table.core.windows.net",
        "https://",
        "https://shop.table.core.windows.net?sig=no",
    ],
)
def test_what_names_no_account_is_told(account: str) -> None:
    """A name or an address that cannot be one is shown, without what may be a signature."""
    with pytest.raises(InvalidInput) as caught:
        url_of(account, "table")
    assert caught.value.path == "account"
    assert "sig" not in str(caught.value)


@pytest.mark.parametrize("service", KINDS)
def test_a_setting_that_is_no_connection_string_is_told(
    monkeypatch: pytest.MonkeyPatch, service: Service
) -> None:
    """What stands in the setting by mistake is not shown: it may be a key."""
    monkeypatch.setenv("AzureWebJobsStorage", KEY)
    with pytest.raises(InvalidInput) as caught:
        url(Account(), service)
    assert caught.value.path == "AzureWebJobsStorage"
    assert KEY not in str(caught.value)


def test_nothing_shows_a_secret() -> None:
    """An account shows neither its key nor a signature."""
    assert KEY not in repr(Account(connection=CONNECTION))
    assert repr(Account("shop")) == "<Account shop>"
    assert (
        place_of("https://shop.table.core.windows.net/?sig=secret#x")
        == "https://shop.table.core.windows.net/"
    )


def test_an_identity_of_ones_own_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The setting that names a user-assigned identity is followed."""
    chosen: list[dict[str, str]] = []
    _identity.cache_clear()
    monkeypatch.setattr("azure.identity.DefaultAzureCredential", lambda **options: chosen.append(options))
    monkeypatch.setenv("AzureWebJobsStorage__clientId", "1234")
    _identity()
    monkeypatch.delenv("AzureWebJobsStorage__clientId")
    _identity.cache_clear()
    _identity()
    _identity.cache_clear()
    assert chosen == [{"managed_identity_client_id": "1234"}, {}]


@pytest.mark.parametrize(("before", "after"), [(NOTSET, ERROR), (DEBUG, DEBUG)])
def test_the_identity_says_what_it_is_asked_to(before: int, after: int) -> None:
    """Of each attempt at a token nothing is logged but errors, unless somebody has said what is."""
    said = getLogger("azure.identity")
    said.setLevel(before)
    _identity.cache_clear()
    _identity()
    level = said.level
    said.setLevel(ERROR)
    assert level == after


def test_one_identity_serves_all_clients() -> None:
    """A token that one client has fetched need not be fetched by another."""
    assert isinstance(_identity(), DefaultAzureCredential)
    assert _identity() is _identity()
