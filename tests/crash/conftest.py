"""The worlds and the stores of the crash tests."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import pytest
from crash.saga import Services
from crash.shop import WatchedFile, WatchedStorage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from flux_core.storage import Storage


@pytest.fixture
def services() -> Iterator[Services]:
    """Give the world outside, and close its last store."""
    made = Services()
    yield made
    made.store.close()


@pytest.fixture(params=["memory", "file"])
def make_store(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Storage]:
    """Give what makes empty watched stores, in memory and in files."""
    numbers = count()
    if request.param == "memory":
        return WatchedStorage
    return lambda: WatchedFile(tmp_path / f"{next(numbers)}.db")
