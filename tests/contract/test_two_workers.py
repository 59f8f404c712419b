"""Two workers on one run, over the stores that come with the engine."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
from contract.two_workers import TwoWorkersContract

from flux_core.storage import MemoryStorage, SQLiteStorage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flux_core.storage import Storage


class TestMemory(TwoWorkersContract):
    """The store in memory."""

    @pytest.fixture
    def opened(self) -> Callable[[], Storage]:
        """Open a store."""
        return MemoryStorage


class TestSQLite(TwoWorkersContract):
    """The store in an SQLite file."""

    @pytest.fixture
    def opened(self, tmp_path: Path) -> Callable[[], Storage]:
        """Open a store."""
        return partial(SQLiteStorage, tmp_path / "runs.db")
