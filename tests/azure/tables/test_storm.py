"""Many workers on one table through a bad network: each order is charged once, and no write is lost."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from contract.storm import WORKERS, StormContract, Stormy

from flux_azure._tables.keys import DUE
from flux_core import Conflict, RunStatus
from flux_core.storage import Query, Record

from .weather import TableStorm, row_keys, tables

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flux_azure import TableStorage

pytestmark = pytest.mark.xdist_group("azurite")

RUN = Record("order-1", "order", RunStatus.RUNNING, 1, "w", 160.0, 100.0, 100.0, b"")
ROUNDS = 12


class TestAzureTables(StormContract):
    """The shop over Azurite, which never throttles and loses nothing by itself."""

    @pytest.fixture
    def stormy(self, opened: Callable[..., TableStorage]) -> Sequence[Stormy]:
        """Give each worker a store, and a storm."""
        storms = [TableStorm(number) for number in range(WORKERS)]
        stores = [opened(patience=60.0) for _ in storms]
        for storage, storm in zip(stores, storms, strict=True):
            tables(storage, before=storm.before, after=storm.after, cuts=storm.cuts)
        return [Stormy(*both) for both in zip(stores, storms, strict=True)]


def test_of_many_writers_of_one_run_each_wins_or_is_told(opened: Callable[..., TableStorage]) -> None:
    """Eight writers in a storm move one run about: each write stands or is a conflict, and the run has one entry."""
    storage = opened()
    storage.create(RUN)

    def write(number: int) -> int:
        mine = opened(patience=60.0)
        storm = TableStorm(100 + number)
        tables(mine, before=storm.before, after=storm.after, cuts=storm.cuts)
        stood = 0
        for _ in range(ROUNDS):
            seen = mine.load(RUN.id)
            assert seen is not None
            wake_at = float(1000 * number + seen.revision)
            letter = seen.document + f"{number}".encode()
            new = seen._replace(
                revision=seen.revision + 1, writer=str(number), wake_at=wake_at, document=letter
            )
            try:
                mine.save(new, replaces=seen.revision)
            except Conflict:
                now = mine.load(RUN.id)  # its own write, if only the answer was lost
                assert now is not None
                if not now.document.startswith(letter):
                    continue
            stood += 1
        return stood

    with ThreadPoolExecutor(WORKERS) as pool:
        stood = list(pool.map(write, range(WORKERS)))
    final = storage.load(RUN.id)
    assert final is not None
    assert [final.document.count(f"{number}".encode()) for number in range(WORKERS)] == stood
    assert final.revision == 1 + sum(stood)
    assert storage.find(Query(wake_before=1e9)).records == [final]
    due = [key for key in row_keys(storage) if key.startswith("due|")]
    assert [DUE.position(key) for key in due] == [(final.wake_at, final.id)]
