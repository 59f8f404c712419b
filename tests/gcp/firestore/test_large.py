"""Documents and blobs that are larger than a document of Firestore."""

from __future__ import annotations

from hashlib import shake_128
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from gcp.firestore.stored import fields_at, parts_at, reference
from gcp.firestore.weather import Failure, Network

from flux_core import BlobNotFound, Conflict, RunExists, RunStatus, StoreError
from flux_core.storage import Query, Record
from flux_gcp._firestore.documents import ROOM

if TYPE_CHECKING:
    from collections.abc import Callable

    from flux_gcp import FirestoreStorage

pytestmark = pytest.mark.xdist_group("firestore")


def noise(size: int) -> bytes:
    """Return bytes that no compression shrinks."""
    return shake_128(b"large").digest(size)


RUN = Record("order-1", "order", RunStatus.RUNNING, 1, "w", 160.0, 100.0, 100.0, noise(2_000_000))


def test_a_document_as_large_as_there_is_room_stays_with_its_run(storage: FirestoreStorage) -> None:
    """Firestore takes what the store holds to fit, tags and words included."""
    tags = tuple(f"customer:{number}" for number in range(200))
    small = RUN._replace(document=noise(ROOM - 6_000), tags=tags)
    storage.create(small)
    assert "document" in fields_at(storage, RUN.id)
    assert storage.load(RUN.id) == small


def test_a_document_larger_than_that_round_trips(storage: FirestoreStorage) -> None:
    """A document of 2 MB is kept beside its run, and is found wherever the run is."""
    storage.create(RUN)
    assert "document" not in fields_at(storage, RUN.id)
    assert len(parts_at(storage, RUN.id)) == 3
    assert storage.load(RUN.id) == RUN
    assert list(storage.find(Query()).records) == [RUN]
    with pytest.raises(RunExists) as caught:
        storage.create(RUN._replace(writer="other", document=b""))
    assert caught.value.record == RUN


def test_a_save_removes_the_document_before_it(opened: Callable[..., FirestoreStorage]) -> None:
    """Of all large documents of a run the last stays, and none once it fits again, whoever saves it."""
    opened().create(RUN)
    storage = opened()
    storage.load(RUN.id)
    storage.save(RUN._replace(revision=2, writer="w2"), replaces=1)
    assert len(parts_at(storage, RUN.id)) == 3
    storage.save(RUN._replace(revision=3, document=b"small"), replaces=2)
    assert parts_at(storage, RUN.id) == {}


def test_a_refused_save_leaves_the_document_of_the_other(opened: Callable[..., FirestoreStorage]) -> None:
    """Of two writers that save one revision, the one that loses takes nothing from the one that wins."""
    winner, loser = opened(), opened()
    winner.create(RUN)
    assert loser.load(RUN.id) == RUN
    saved = RUN._replace(revision=2, writer="winner")
    winner.save(saved, replaces=1)
    with pytest.raises(Conflict):
        loser.save(RUN._replace(revision=2, writer="loser"), replaces=1)
    assert opened().load(RUN.id) == saved
    assert len(parts_at(winner, RUN.id)) == 3


def test_a_large_document_outlives_a_lost_answer(storage: FirestoreStorage) -> None:
    """A save that is sent again because its answer was lost is refused by what it wrote itself, which stays."""
    storage.create(RUN._replace(document=b""))
    network = Network(storage)
    answers: list[str] = []

    def lose_the_save(method: str) -> None:
        answers.append(method)
        if answers.count("Commit") == 4 and method == "Commit":  # after the three parts
            raise Failure(grpc.StatusCode.DEADLINE_EXCEEDED)

    network._after = lose_the_save
    saved = RUN._replace(revision=2, writer="w2")
    with pytest.raises(Conflict):
        storage.save(saved, replaces=1)
    assert network.sent.count("Commit") == 5
    assert storage.load(RUN.id) == saved


def test_a_large_blob_round_trips(storage: FirestoreStorage) -> None:
    """A value of many documents is given back byte for byte, and is removed whole."""
    value = noise(9_500_000)
    storage.put_blob(RUN.id, "key", value)
    assert storage.get_blob(RUN.id, "key") == value
    storage.delete_blobs(RUN.id)
    assert parts_at(storage, RUN.id) == {}


def test_a_blob_that_is_half_gone_is_not_there(storage: FirestoreStorage) -> None:
    """A reader that meets a blob while it is being deleted is told that there is none."""
    storage.put_blob(RUN.id, "key", noise(2_000_000))
    reference(storage, RUN.id).collection("flux-runs-parts").document("blob#key#1").delete()
    with pytest.raises(BlobNotFound):
        storage.get_blob(RUN.id, "key")


def test_a_value_that_no_document_takes_is_told(storage: FirestoreStorage) -> None:
    """Without a bucket a value has a limit: run, size, limit and way out are told, and nothing is written."""
    with pytest.raises(StoreError) as caught:
        storage.put_blob(RUN.id, "key", noise(10_000_001))
    assert str(caught.value) == (
        "run 'order-1' has a blob (key) of 10,000,001 bytes, and the store takes 10,000,000 at most;"
        " give FirestoreStorage(bucket=...) a bucket in Cloud Storage for what is larger, or keep it yourself and save"
        " its address"
    )
    assert parts_at(storage, RUN.id) == {}


def test_a_deleted_run_leaves_nothing(storage: FirestoreStorage) -> None:
    """The documents under a run go with it: Firestore would keep them."""
    storage.put_blob(RUN.id, "key", noise(1_000_000))
    storage.create(RUN)
    storage.delete(RUN.id)
    assert parts_at(storage, RUN.id) == {}
    assert storage.load(RUN.id) is None


def test_a_run_that_is_saved_while_it_is_deleted_leaves_nothing(
    opened: Callable[..., FirestoreStorage],
) -> None:
    """Whoever deletes a run takes along the document that another worker has given it just before."""
    worker, storage = opened(), opened()
    worker.create(RUN)
    saves = iter([RUN._replace(revision=2, writer="late")])

    def save_first(method: str, request: Any) -> None:
        if method == "Commit" and request.writes[0].delete.endswith(f"/{RUN.id}"):
            for saved in saves:
                worker.save(saved, replaces=1)

    Network(storage, before=save_first)
    storage.delete(RUN.id)
    assert storage.load(RUN.id) is None
    assert parts_at(storage, RUN.id) == {}


def test_a_deletion_that_is_not_answered_is_whole(storage: FirestoreStorage) -> None:
    """The deletion that is made again finds nothing, and takes along what stood beside the run."""
    storage.create(RUN)
    lost = iter([grpc.StatusCode.DEADLINE_EXCEEDED])
    network = Network(storage)

    def lose_the_deletion(method: str) -> None:
        if method == "Commit":
            for code in lost:
                raise Failure(code)

    network._after = lose_the_deletion
    storage.delete(RUN.id)
    assert storage.load(RUN.id) is None
    assert parts_at(storage, RUN.id) == {}
