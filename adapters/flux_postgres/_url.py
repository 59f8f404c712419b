"""Opening the store in PostgreSQL by its URL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from flux_core import InvalidInput
from flux_core.storage._options import seconds, whole, words
from flux_postgres._storage import PostgreSQLStorage

if TYPE_CHECKING:
    from flux_core.storage import Storage


OPTIONS: Final = {"schema": words, "connections": whole, "statement_timeout": seconds}


def open_postgres(url: str) -> Storage:
    """Open the store at `postgresql://USER@HOST/DATABASE`, with options behind a question mark.

    The options are those of `PostgreSQLStorage` and those that PostgreSQL's own URLs have, such as `sslmode`.

    Raises:
        InvalidInput: the URL cannot be read, or has an option that is not known or a value that it cannot take.
        StoreError: psycopg is not installed.
    """
    location, _, query = url.partition("?")
    options: dict[str, Any] = {}
    others = []
    for option in filter(None, query.split("&")):
        name, _, text = option.partition("=")
        if name not in OPTIONS:
            others.append(option)  # as it came: what is escaped in it, and how, is between the URL and libpq
        elif name in options:
            raise InvalidInput(f"{name} is given twice", path="url")
        else:
            options[name] = OPTIONS[name](name, unquote(text))
    return PostgreSQLStorage("?".join(filter(None, (location, "&".join(others)))), **options)
