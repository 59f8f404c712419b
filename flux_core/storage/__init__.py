"""Stores of runs, and the port that every one of them fills."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from flux_core.storage._memory import MemoryStorage
from flux_core.storage._port import Query, Record, RecordPage, Storage

if TYPE_CHECKING:
    from flux_core.storage._sqlite import SQLiteStorage
    from flux_core.storage._url import open_storage

__all__ = ["MemoryStorage", "Query", "Record", "RecordPage", "SQLiteStorage", "Storage", "open_storage"]

_IMPORTED_LATE: Final = {"SQLiteStorage": "_sqlite", "open_storage": "_url"}


def __getattr__(name: str) -> Any:
    """Import what not every function should pay for at its cold start when it is first asked for."""
    if name not in _IMPORTED_LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_IMPORTED_LATE[name]}"), name)
    globals()[name] = value
    return value
