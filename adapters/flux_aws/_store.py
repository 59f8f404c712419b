"""The store of an app that brings none, and a warning where a store does not outlive its sandbox."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Final

from flux_core.storage import MemoryStorage

if TYPE_CHECKING:
    from flux_core import App
    from flux_core.storage import Storage

log: Final = logging.getLogger("flux")

ON_LAMBDA: Final = "AWS_LAMBDA_FUNCTION_NAME"
"""A variable that Lambda sets: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html"""
VARIABLE: Final = "FLUX_STORE"
"""The environment variable that names the store, by its URL, of an app that has none."""
DEFAULT: Final = "sqlite:////tmp/flux.db"
DYNAMODB: Final = "dynamodb://"
FLEETING: Final = "/tmp/"  # noqa: S108 (the one folder that Lambda lets a function write to)


def with_store(app: App) -> App:
    """Return the app over its own store or, if it has none, over the one that the environment names.

    What is kept in memory or in `/tmp` is seen by one sandbox and goes with it; on Lambda that is logged as a
    warning.

    Raises:
        InvalidInput: no store is known for the URL in the environment.
        StoreError: the store cannot be opened.
    """
    if app.storage is None:
        app = app.on(_open(os.environ.get(VARIABLE, DEFAULT)))
    if ON_LAMBDA in os.environ and (place := _fleeting(app.engine.storage)):
        log.warning(
            "runs are kept in %s, which lives and dies with this sandbox: across sandboxes a run may be started"
            " twice, and one that is interrupted is not recovered; give App(storage=...) or %s a store that all"
            " sandboxes share",
            place,
            VARIABLE,
        )
    return app


def _open(url: str) -> Storage:
    if url.startswith(DYNAMODB):
        from flux_aws._dynamodb.url import (
            open_dynamodb,
        )  # at once: to search the installed packages for it takes longer

        return open_dynamodb(url)
    from flux_core.storage import open_storage  # an app with a store needs no parser of URLs

    return open_storage(url)


def _fleeting(storage: Storage) -> str | None:
    """Return where the store keeps its runs, if no other sandbox sees it."""
    if isinstance(storage, MemoryStorage):
        return "memory"
    path = getattr(storage, "path", "")  # an SQLiteStorage's, whose module is not loaded for other stores
    return path if path.startswith(FLEETING) else None
