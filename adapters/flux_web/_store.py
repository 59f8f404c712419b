"""The store of an app that brings none."""

from __future__ import annotations

import os
from threading import Lock
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from flux_core._serving import store
from flux_core.storage import open_storage

if TYPE_CHECKING:
    from flux_core import App

_opened: Final[WeakKeyDictionary[App, App]] = WeakKeyDictionary()
"""By an app without a store, the same over one: what serves it and what ticks it are to have the same."""
_lock: Final = Lock()


def stored(app: App) -> App:
    """Return the app over its own store or, if it has none, over the one that `FLUX_STORE` names by its URL.

    Raises:
        InvalidInput: no store is known for the URL in the environment.
        StoreError: the store cannot be opened.
    """
    if app.storage is not None:
        return app
    with _lock:
        if app not in _opened:
            _opened[app] = app.on(open_storage(os.environ.get(store.VARIABLE, store.ELSEWHERE)))
        return _opened[app]


def close(app: App) -> None:
    """Close the store of an app if it was opened here; what the app brings is for who has made it to close."""
    with _lock:
        opened = _opened.pop(app, None)
    if opened is not None and opened.storage is not None:
        opened.storage.close()
