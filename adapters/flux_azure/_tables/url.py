"""Opening the store in an Azure table by its URL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from flux_azure._tables.storage import TableStorage
from flux_core import InvalidInput
from flux_core.storage._options import read_options, seconds, words

if TYPE_CHECKING:
    from flux_core.storage import Storage

OPTIONS: Final = {"container": words, "patience": seconds}


def open_azure_tables(url: str) -> Storage:
    """Open the store at `azuretable://ACCOUNT/TABLE`, with the options of `TableStorage` behind a question mark.

    The account is its name or the host of its tables, such as `NAME.table.core.usgovcloudapi.net`; it may be left out,
    `azuretable:///TABLE`, for the one that the environment names. A connection string, which is a secret, is given in
    the environment only.

    Raises:
        InvalidInput: the URL names no table, or has an option that is not known or a value that it cannot take.
        StoreError: Azure's SDK is not installed.
    """
    location, _, query = url.removeprefix("azuretable://").partition("?")
    options = read_options("azuretable", query, OPTIONS)
    account, slash, table = unquote(location).partition("/")
    if not slash:
        raise InvalidInput(
            "is azuretable://ACCOUNT/TABLE, or azuretable:///TABLE for the account that the environment names",
            path="url",
        )
    host = f"https://{account}" if "." in account else account
    return TableStorage(table.removesuffix("/"), account=host or None, **options)
