"""Counting runs by time and status: alike in a store that counts and in one that does not."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from flux_core import App, AsyncEngine, InvalidInput, RunStatus
from flux_core.storage import MemoryStorage, SQLiteStorage
from flux_core.testing._storage_find import RUN
from flux_postgres import PostgreSQLStorage

from services.postgres import PostgreSQL

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flux_core.storage import Storage

COMPLETED, FAILED = RunStatus.COMPLETED, RunStatus.FAILED
RUNS = [
    RUN._replace(id=f"{workflow}-{at}", workflow=workflow, created_at=float(at), status=status, tags=tags)
    for at, workflow, status, tags in (
        (99, "order", COMPLETED, ()),
        (100, "order", COMPLETED, ("vip",)),
        (105, "order", FAILED, ()),
        (109, "refund", COMPLETED, ()),
        (110, "order", COMPLETED, ()),
        (119, "refund", FAILED, ("vip",)),
        (120, "order", COMPLETED, ()),
    )
]
EDGES = [100.0, 110.0, 115.0, 120.0]


class Uncounting:
    """A store that cannot count."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def __getattr__(self, name: str) -> Any:
        if name == "tally":
            raise AttributeError(name)
        return getattr(self._storage, name)


@pytest.fixture
def server() -> Iterator[PostgreSQL]:
    """Give an empty PostgreSQL."""
    with PostgreSQL() as server:
        yield server


@pytest.fixture(
    params=[
        "memory",
        "sqlite",
        "uncounting",
        pytest.param("postgres", marks=pytest.mark.xdist_group("postgres")),
    ]
)
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """Give a store with the runs."""
    match request.param:
        case "sqlite":
            made: Any = SQLiteStorage(tmp_path / "flux.db")
        case "postgres":
            made = PostgreSQLStorage(request.getfixturevalue("server").url())
        case "uncounting":
            made = Uncounting(MemoryStorage())
        case _:
            made = MemoryStorage()
    with closing(made):
        for run in RUNS:
            made.create(run)
        yield made


def test_runs_are_counted_by_slot_and_status(storage: Any) -> None:
    """A slot has what was created from its begin on and before its end."""
    counts = App([], storage).tally(EDGES)
    assert counts == [{COMPLETED: 2, FAILED: 1}, {COMPLETED: 1}, {FAILED: 1}]


@pytest.mark.parametrize(
    ("conditions", "counts"),
    [
        ({"workflow": "order"}, [{COMPLETED: 1, FAILED: 1}, {COMPLETED: 1}, {}]),
        ({"status": "failed"}, [{FAILED: 1}, {}, {FAILED: 1}]),
        ({"tag": "vip"}, [{COMPLETED: 1}, {}, {FAILED: 1}]),
        ({"id_prefix": "refund-11"}, [{}, {}, {FAILED: 1}]),
    ],
)
def test_conditions_count(storage: Any, conditions: dict[str, Any], counts: list[Any]) -> None:
    """Only the runs that meet every condition are counted."""
    assert App([], storage).tally(EDGES, **conditions) == counts


def test_a_store_that_cannot_count_is_looked_at_for_its_newest() -> None:
    """Beyond a thousand runs only the newest are counted: nobody waits for a chart."""
    store: Any = Uncounting(MemoryStorage())
    for at in range(1200):
        store.create(RUN._replace(id=f"r{at}", created_at=float(at)))
    assert App([], store).tally([0.0, 600.0, 1200.0]) == [{RunStatus.RUNNING: 400}, {RunStatus.RUNNING: 600}]


async def counted_by_an_async_engine() -> list[dict[RunStatus, int]]:
    """Count as an event loop does."""
    store = MemoryStorage()
    for run in RUNS:
        store.create(run)
    return await AsyncEngine(store).tally(EDGES)


def test_an_async_engine_counts_too() -> None:
    """Both engines count alike."""
    import asyncio

    assert asyncio.run(counted_by_an_async_engine())[1] == {COMPLETED: 1}


@pytest.mark.parametrize("edges", [[], [1.0], [2.0, 1.0], ["a", "b"], 5, [1.0, float("nan"), 2.0]])
def test_slots_need_edges_in_their_order(edges: Any) -> None:
    """Anything else is refused."""
    with pytest.raises(InvalidInput, match="edges"):
        App([]).tally(edges)
