"""Opening a store by its URL, as a configuration file or a command line names it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from flux_core._errors import InvalidInput
from flux_core.storage._memory import MemoryStorage
from flux_core.storage._options import read_options, seconds

if TYPE_CHECKING:
    from collections.abc import Callable

    from flux_core.storage._options import Reader
    from flux_core.storage._port import Storage

ENTRY_POINTS: Final = "flux.storage"
"""The group in which a distribution names a callable from URL to store by the URL's scheme."""


def open_storage(url: str) -> Storage:
    """Open the store at `memory://`, `sqlite:///relative.db`, `sqlite:////absolute.db` or an adapter's URL.

    SQLite takes the options `synchronous=NORMAL|FULL` and `busy_timeout=SECONDS` behind a question mark.

    Raises:
        InvalidInput: no store is known for the URL, or the store cannot take the rest of it.
        StoreError: the store cannot be opened.
    """
    scheme, separator, rest = url.partition("://")
    if not separator:
        raise InvalidInput(
            "a store is named by a URL, such as sqlite:///orders.db, dynamodb://orders or memory://",
            path="url",
        )
    opener = _BUILT_IN.get(scheme)
    return _open_installed(scheme, url) if opener is None else opener(rest)


def _open_memory(rest: str) -> Storage:
    if rest:
        raise InvalidInput("a store in memory has neither name nor option; write memory://", path="url")
    return MemoryStorage()


def _open_sqlite(rest: str) -> Storage:
    from flux_core.storage._sqlite import SQLiteStorage

    location, _, query = rest.partition("?")
    if not location.startswith("/"):
        raise InvalidInput(
            "sqlite takes three slashes and a relative path, or four and an absolute one: sqlite:///orders.db",
            path="url",
        )
    return SQLiteStorage(unquote(location[1:]), **read_options("sqlite", query, SQLITE))


def _open_installed(scheme: str, url: str) -> Storage:
    from importlib.metadata import entry_points

    installed = entry_points(group=ENTRY_POINTS)
    if scheme not in installed.names:
        known = ", ".join(sorted({*_BUILT_IN, *installed.names}))
        raise InvalidInput(f"no store is known for '{scheme}://...'; known: {known}", path="url")
    opener: Callable[[str], Storage] = installed[scheme].load()
    return opener(url)


SQLITE: Final[dict[str, Reader]] = {
    "busy_timeout": seconds,
    "synchronous": lambda _name, text: text,  # the store says which there are
}
_BUILT_IN: Final[dict[str, Callable[[str], Storage]]] = {"memory": _open_memory, "sqlite": _open_sqlite}
