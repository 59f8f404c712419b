"""Stores of runs, and the port that every one of them fills."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flux_core import _late
from flux_core.storage._memory import MemoryStorage
from flux_core.storage._port import Query, Record, RecordPage, Storage, TallyingStorage, tallied

if TYPE_CHECKING:
    from flux_core.storage._sqlite import SQLiteStorage
    from flux_core.storage._url import open_storage

__all__ = [
    "MemoryStorage",
    "Query",
    "Record",
    "RecordPage",
    "SQLiteStorage",
    "Storage",
    "TallyingStorage",
    "open_storage",
    "tallied",
]

__getattr__ = _late.importer(globals(), {"SQLiteStorage": "_sqlite", "open_storage": "_url"})
