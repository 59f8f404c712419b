"""The shared storage suite over the stores that come with the engine."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from flux_core import _errors as errors
from flux_core.storage import MemoryStorage, SQLiteStorage
from flux_core.testing import StorageContract
from flux_core.testing._expect import raises

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flux_core.storage import Record, Storage


class TestMemoryStorage(StorageContract):
    """The store in memory."""

    @pytest.fixture
    def storage(self) -> Iterator[Storage]:
        """Give an empty store."""
        with closing(MemoryStorage()) as storage:
            yield storage


class TestSQLiteStorage(StorageContract):
    """The store in an SQLite file, as durable as the process and as durable as the machine."""

    @pytest.fixture(params=["NORMAL", "FULL"])
    def storage(self, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Storage]:
        """Give an empty store."""
        with closing(SQLiteStorage(tmp_path / "flux.db", synchronous=request.param)) as storage:
            yield storage


class LastWriterWins(MemoryStorage):
    """A store that breaks the one rule that matters."""

    def create(self, record: Record) -> None:
        """Overwrite what is there."""
        self._records[record.id] = record

    def save(self, record: Record, *, replaces: int) -> None:
        """Overwrite what is there."""
        self._records[record.id] = record


@pytest.mark.parametrize(
    "claim",
    [
        "test_a_taken_id_is_refused",
        "test_a_save_of_another_revision_is_refused",
        "test_one_of_many_saves_wins",
        "test_one_of_many_creations_wins",
    ],
)
def test_the_suite_fails_a_store_that_overwrites(claim: str) -> None:
    """A store in which the last writer wins does not pass."""
    with pytest.raises((AssertionError, ValueError)):
        getattr(StorageContract(), claim)(LastWriterWins())


def test_an_error_that_does_not_come_is_named() -> None:
    """The suite says which error it waited for."""
    with pytest.raises(AssertionError, match="Conflict was not raised"), raises(errors.Conflict):
        pass
