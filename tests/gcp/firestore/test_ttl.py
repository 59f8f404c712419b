"""When ended runs go: the run, and what stands beside it, each by a timestamp as Firestore's expiry wants it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import shake_128
from typing import TYPE_CHECKING

import pytest
from gcp.firestore.stored import fields_at, parts_at, reference

from flux_core import RunStatus
from flux_core.storage import Record
from flux_gcp._firestore.indexes import EXPIRY, PART_FIELDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from flux_gcp import FirestoreStorage

pytestmark = pytest.mark.xdist_group("firestore")

NOW = 1_900_000_000.75
MONTH = timedelta(days=30)
GOES = datetime.fromtimestamp(int(NOW), UTC) + MONTH
LATER = GOES + timedelta(days=7)
RUN = Record("order-1", "order", RunStatus.RUNNING, 1, "w", NOW + 60, NOW, NOW, b"{}")
DONE = RUN._replace(status=RunStatus.COMPLETED, revision=2, wake_at=None)
LARGE = shake_128(b"large").digest(1_000_000)


def expiries(storage: FirestoreStorage) -> set[datetime | None]:
    """Return when the documents under the run go."""
    return {part.get(EXPIRY) for part in parts_at(storage, RUN.id).values()}


@pytest.mark.parametrize(
    ("status", "goes"), [(RunStatus.COMPLETED, GOES), (RunStatus.CANCELLED, GOES), (RunStatus.FAILED, None)]
)
def test_an_ended_run_goes(
    opened: Callable[..., FirestoreStorage], status: RunStatus, goes: datetime | None
) -> None:
    """A run that is over goes when it has been so for as long as the store says; one that waits for a person stays."""
    storage = opened(ttl=MONTH)
    storage.create(RUN)
    storage.save(DONE._replace(status=status), replaces=1)
    assert fields_at(storage, RUN.id).get(EXPIRY) == goes


def test_without_a_ttl_every_run_stays(storage: FirestoreStorage) -> None:
    """By default nothing goes."""
    storage.create(RUN)
    storage.save(DONE, replaces=1)
    assert EXPIRY not in fields_at(storage, RUN.id)


def test_what_stands_beside_a_run_goes_after_it(opened: Callable[..., FirestoreStorage]) -> None:
    """The blobs and the large document of a run go a week after it, though another process stored them."""
    first, second = opened(ttl=MONTH), opened(ttl=MONTH)
    first.put_blob(RUN.id, "key", LARGE)
    first.create(RUN)
    assert expiries(first) == {None}
    assert second.load(RUN.id) == RUN
    second.save(DONE._replace(document=LARGE), replaces=1)
    assert fields_at(second, RUN.id)[EXPIRY] == GOES
    parts = parts_at(second, RUN.id)
    assert {name.partition("#")[0] for name in parts} == {"blob", "document"}
    assert expiries(second) == {LATER}
    assert {field for part in parts.values() for field in part} == set(PART_FIELDS)


def test_what_stands_beside_a_run_that_goes_on_stays(opened: Callable[..., FirestoreStorage]) -> None:
    """A completed run of which a step is retried keeps itself and its blobs for as long as it needs them."""
    storage = opened(ttl=MONTH)
    storage.put_blob(RUN.id, "key", LARGE)
    storage.create(RUN)
    storage.save(DONE, replaces=1)
    assert expiries(storage) == {LATER}
    storage.save(RUN._replace(revision=3), replaces=2)
    assert EXPIRY not in fields_at(storage, RUN.id)
    assert expiries(storage) == {None}


def test_a_blob_that_is_deleted_meanwhile_does_not_come_back(storage: FirestoreStorage) -> None:
    """Setting an expiry makes no document."""
    storage.put_blob(RUN.id, "key", b"value")
    parts = storage._blobs._parts
    (name,) = parts_at(storage, RUN.id)
    reference(storage, RUN.id).collection("flux-runs-parts").document(name).delete()
    parts._change(RUN.id, name, {EXPIRY: LATER})  # type: ignore[attr-defined]
    assert parts_at(storage, RUN.id) == {}
