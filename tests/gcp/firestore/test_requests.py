"""What runs cost: calls of Firestore, which bills each document that is written or read."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from gcp.firestore.weather import Network

from flux_core import Engine, RunStatus, Workflow
from flux_core.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from flux_gcp import FirestoreStorage

pytestmark = pytest.mark.xdist_group("firestore")

FOUR: Workflow[Any, Any] = Workflow("four")
for name in ("one", "two", "three", "four"):
    FOUR = FOUR.step(name, lambda ctx: ctx.id)
WRITE, READ, QUERY = "Commit", "BatchGetDocuments", "RunQuery"


@pytest.fixture
def network(storage: FirestoreStorage) -> Network:
    """What the store sends."""
    return Network(storage)


def test_a_four_step_run_costs_five_writes(storage: FirestoreStorage, network: Network) -> None:
    """The run is created, and saved after each step; nothing is read."""
    assert Engine(storage).execute(FOUR, {}, id="o_001").status is RunStatus.COMPLETED
    assert Counter(network.sent) == {WRITE: 5}


def test_a_duplicate_costs_a_write_and_a_read(
    storage: FirestoreStorage, network: Network, opened: Callable[..., FirestoreStorage]
) -> None:
    """A second start of a run is refused as it is written, and reads what stands there."""
    Engine(opened()).execute(FOUR, {}, id="o_001")
    assert Engine(storage).execute(FOUR, {}, id="o_001").status is RunStatus.COMPLETED
    assert Counter(network.sent) == {WRITE: 1, READ: 1}


def test_a_woken_run_costs_one_read(
    storage: FirestoreStorage, network: Network, opened: Callable[..., FirestoreStorage]
) -> None:
    """Another process takes a sleeping run over after it has read it once."""
    clock = FakeClock()
    nap: Workflow[Any, Any] = Workflow("nap").sleep("nap", 3600).step("after", lambda ctx: None)
    Engine(opened(), clock=clock).execute(nap, {}, id="o_001")
    clock.advance(3600)
    assert Engine(storage, clock=clock).resume(nap, "o_001").status is RunStatus.COMPLETED
    assert Counter(network.sent)[READ] == 1


def test_a_tick_reads_what_is_due(
    storage: FirestoreStorage, network: Network, opened: Callable[..., FirestoreStorage]
) -> None:
    """One query finds the due runs whole, so that none of them is read again."""
    clock = FakeClock()
    nap: Workflow[Any, Any] = Workflow("nap").sleep("nap", 3600).step("after", lambda ctx: None)
    sleeping = Engine(opened(), clock=clock)
    for number in range(3):
        sleeping.execute(nap, {}, id=f"o_{number}")
    clock.advance(3600)
    assert Engine(storage, clock=clock).tick([nap]).completed == 3
    counts = Counter(network.sent)
    assert counts.keys() == {QUERY, WRITE}
    assert counts[QUERY] <= 2


def test_a_save_of_a_run_that_was_not_seen_reads_it(
    storage: FirestoreStorage, network: Network, opened: Callable[..., FirestoreStorage]
) -> None:
    """A process that knows a revision by hearsay asks first when it was written."""
    from flux_core.testing._storage_find import RUN

    opened().create(RUN)
    storage.save(RUN._replace(revision=2), replaces=1)
    assert Counter(network.sent) == {READ: 1, WRITE: 1}
