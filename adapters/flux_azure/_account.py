"""The storage account that is worked in: found in the options or in the environment, entered by key or by identity."""

from __future__ import annotations

import os
import re
from functools import cache
from logging import ERROR, NOTSET, WARNING, getLogger
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, TypeVar
from urllib.parse import urlsplit, urlunsplit

from flux_core import InvalidInput

if TYPE_CHECKING:
    from azure.identity import DefaultAzureCredential

C = TypeVar("C")
Service: TypeAlias = Literal["table", "queue", "blob"]

log: Final = getLogger("flux.azure")
# At INFO each request takes some thirty lines, all of which a function app would send on, and pay for.
log.setLevel(WARNING)
SETTING: Final = "AzureWebJobsStorage"
"""The setting of a function app that names its storage account: a connection string, or more after `__`."""
SUFFIX: Final = "core.windows.net"
NAME: Final = re.compile(r"[a-z0-9]{3,24}")
CONNECT_TIMEOUT: Final = 2.0  # seconds; the service is next door
READ_TIMEOUT: Final = 10.0  # seconds without a byte; most answers come within milliseconds
OPTIONS: Final[dict[str, Any]] = {
    "retry_total": 0,  # `Patience` does it, with an eye on the deadline
    "connection_timeout": CONNECT_TIMEOUT,
    "read_timeout": READ_TIMEOUT,
    "logger": log,
}
"""What every client is made with."""


class Account:
    """Where a storage account is, and how it is entered.

    Args:
        account: its name, or the https URL of one of its services; entered by the identity that Azure's own tools
            find (`DefaultAzureCredential`): the function app's, or that of `az login`.
        connection: its connection string, which carries a key; Azurite's is `UseDevelopmentStorage=true`.

    Without either it is the account of the function app, as the setting `AzureWebJobsStorage` has it.

    Raises:
        InvalidInput: no account is named, two are, or the name or the URL is none.
    """

    def __init__(self, account: str | None = None, connection: str | None = None) -> None:
        if account is not None and connection is not None:
            raise InvalidInput("is not given together with connection=, which names one", path="account")
        self._named_by = "connection"
        if account is None and connection is None:
            connection = os.environ.get(SETTING) or None
            self._named_by = SETTING
        self._connection = connection
        self._account = account

    def __repr__(self) -> str:
        return f"<Account {self._account or 'by its connection string or by the environment'}>"

    def client(self, kind: type[C], service: Service, **options: Any) -> C:
        """Make a client of a service; `kind` is its class in the SDK, `options` are those of the class.

        Raises:
            InvalidInput: the account is not named, or not in a way that the SDK can take.
        """
        sdk: Any = kind
        try:
            if self._connection is not None:
                made: C = sdk.from_connection_string(self._connection, **OPTIONS, **options)
            else:
                made = sdk(self._url(service), credential=_identity(), **OPTIONS, **options)
        except InvalidInput:
            raise
        except ValueError as error:  # the SDK's; what it says of a connection string repeats nothing of it
            path = "account" if self._connection is None else self._named_by
            raise InvalidInput(f"the storage account cannot be used: {error}", path=path) from error
        return made

    def _url(self, service: Service) -> str:
        """Return the address of a service of the account."""
        if self._account is not None:
            return url_of(self._account, service)
        given = os.environ.get(f"{SETTING}__{service}ServiceUri") or os.environ.get(f"{SETTING}__accountName")
        if given:
            return url_of(given, service)
        raise InvalidInput(NO_ACCOUNT.format(service=service), path="account")


def url_of(account: str, service: Service) -> str:
    """Return the address of an account's service, given the account's name or the URL of any of its services.

    Raises:
        InvalidInput: it is neither.
    """
    if NAME.fullmatch(account):
        return f"https://{account}.{service}.{SUFFIX}"
    parts = urlsplit(account)
    if parts.scheme != "https" or not parts.hostname or parts.query:
        raise InvalidInput(
            "is the name of a storage account, 3 to 24 lower-case letters and digits, or the https URL of one of its"
            f" services, not {_shown(account)!r}",
            path="account",
        )
    # Every service of an account has its own host, in every cloud: NAME.table.SUFFIX beside NAME.blob.SUFFIX.
    host = re.sub(r"\.(table|queue|blob)\.", f".{service}.", parts.netloc, count=1)
    return urlunsplit(parts._replace(netloc=host)).rstrip("/")


def place_of(url: str) -> str:
    """Return an address as messages show it: what a client adds to it, such as a signature, is left out."""
    return urlunsplit(urlsplit(url)._replace(query="", fragment=""))


def _shown(account: str) -> str:
    return account.partition("?")[0]


@cache
def _identity() -> DefaultAzureCredential:
    """Return the credential of this process: tokens that one client has fetched serve the others."""
    from azure.identity import DefaultAzureCredential

    said = getLogger("azure.identity")
    # At WARNING each attempt at a token lists every credential there is; the error says what to do.
    if said.level == NOTSET:
        said.setLevel(ERROR)
    client_id = os.environ.get(f"{SETTING}__clientId")
    chosen = {} if client_id is None else {"managed_identity_client_id": client_id}
    return DefaultAzureCredential(**chosen)


NO_ACCOUNT: Final = (
    "no storage account is named: set AzureWebJobsStorage__accountName (entered by the function's managed identity, or"
    " after `az login`), AzureWebJobsStorage__{service}ServiceUri, or AzureWebJobsStorage to a connection string"
    " (UseDevelopmentStorage=true for Azurite); or give account= or connection="
)
