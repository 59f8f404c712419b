"""The store of an app that brings none, and a warning where a store does not outlive its sandbox."""

from __future__ import annotations

import logging
import os
from importlib import import_module
from typing import TYPE_CHECKING, Final, NamedTuple

from flux_core.storage import MemoryStorage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flux_core import App
    from flux_core.storage import Storage

log: Final = logging.getLogger("flux")

VARIABLE: Final = "FLUX_STORE"
"""The environment variable that names the store, by its URL, of an app that has none."""
DEFAULT: Final = "sqlite:////tmp/flux.db"
"""Where runs are kept without a word about it: on a platform."""
ELSEWHERE: Final = "sqlite:///flux.db"
"""The same on any other computer; the command line looks there too."""
FLEETING: Final = "/tmp/"  # noqa: S108 (the one folder that Lambda lets a function write to, and that is memory elsewhere)


class Platform(NamedTuple):
    """What a cloud's functions have of their own."""

    variable: str
    """An environment variable that the cloud sets wherever it runs a function."""
    stores: Mapping[str, str]
    """What opens the cloud's own stores, as `module:function`, by the scheme of their URLs."""

    @property
    def is_here(self) -> bool:
        """Whether this process is one of the cloud's."""
        return self.variable in os.environ


def with_store(app: App, platform: Platform) -> App:
    """Return the app over its own store or, if it has none, over the one that the environment names.

    What is kept in memory or in `/tmp` is seen by one sandbox and goes with it; on the platform that is logged as a
    warning.

    Raises:
        InvalidInput: no store is known for the URL in the environment.
        StoreError: the store cannot be opened.
    """
    if app.storage is None:
        default = DEFAULT if platform.is_here else ELSEWHERE
        app = app.on(_open(os.environ.get(VARIABLE, default), platform))
    if platform.is_here and (place := _fleeting(app.engine.storage)):
        log.warning(
            "runs are kept in %s, which lives and dies with this sandbox: across sandboxes a run may be started"
            " twice, and one that is interrupted is not recovered; give App(storage=...) or %s a store that all"
            " sandboxes share",
            place,
            VARIABLE,
        )
    return app


def _open(url: str, platform: Platform) -> Storage:
    scheme, _, _ = url.partition("://")
    if scheme in platform.stores:  # to search the installed packages for it takes longer
        module, _, opener = platform.stores[scheme].partition(":")
        opened: Storage = getattr(import_module(module), opener)(url)
        return opened
    from flux_core.storage import open_storage  # an app with a store needs no parser of URLs

    return open_storage(url)


def _fleeting(storage: Storage) -> str | None:
    """Return where the store keeps its runs, if no other sandbox sees it."""
    if isinstance(storage, MemoryStorage):
        return "memory"
    path = getattr(storage, "path", "")  # an SQLiteStorage's, whose module is not loaded for other stores
    return path if path.startswith(FLEETING) else None
