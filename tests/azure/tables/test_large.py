"""What does not fit into one property, or into one entity: in entities beside the run, or in Blob Storage."""

from __future__ import annotations

from hashlib import shake_128
from typing import TYPE_CHECKING

import pytest
from requests import ReadTimeout

from flux_azure._tables.entities import ROOM
from flux_azure._tables.keys import parts_of
from flux_core import BlobNotFound, Conflict, RunExists, RunStatus, StoreError, StoreNotFound
from flux_core.storage import Query, Record

from .weather import answers_of_blobs, objects, row_keys, tables

if TYPE_CHECKING:
    from collections.abc import Callable

    from requests import PreparedRequest, Response

    from flux_azure import TableStorage

pytestmark = pytest.mark.xdist_group("azurite")

RUN = Record("order-1", "order", RunStatus.RUNNING, 1, "w", 160.0, 100.0, 100.0, b"{}")


def noise(size: int, seed: str = "noise") -> bytes:
    """Return bytes that no compression shrinks."""
    return shake_128(seed.encode()).digest(size)


def parts(storage: TableStorage) -> list[str]:
    """Return the row keys of what stands beside the runs."""
    return [key for key in row_keys(storage) if key.startswith(("blob", "document"))]


def blobs(storage: TableStorage) -> list[str]:
    """Return the names of what the container holds."""
    assert storage._objects is not None
    return sorted(storage._objects._client.list_blob_names())


@pytest.mark.parametrize("size", [65_000, 65_600, ROOM - 1_000, ROOM + 1, 3_000_000])
def test_a_document_of_any_size_round_trips(storage: TableStorage, size: int) -> None:
    """A document is kept whole, in as many properties and entities as it needs, wherever the run is found."""
    large = RUN._replace(document=noise(size))
    storage.create(large)
    assert storage.load(RUN.id) == large
    assert storage.find(Query()).records == [large]
    later = large._replace(revision=2, document=noise(size, "later"), wake_at=500.0)
    storage.save(later, replaces=1)
    assert storage.load(RUN.id) == later
    assert len(parts(storage)) == (0 if size < ROOM else -(-size // ROOM))
    storage.delete(RUN.id)
    assert row_keys(storage) == []


def test_many_tags_and_long_names_fit(storage: TableStorage) -> None:
    """Tags and names take their part of an entity, whatever characters they are of."""
    tags = tuple(f'"\\ 🚀 {number}' for number in range(10_000))
    full = RUN._replace(tags=tags, workflow="ö" * 10_000, writer="w" * 10_000, document=noise(ROOM - 250_000))
    storage.create(full)
    assert storage.load(RUN.id) == full


def test_a_refused_creation_leaves_nothing(opened: Callable[..., TableStorage]) -> None:
    """`RunExists` carries the run whole, and the document that came too late goes."""
    large = RUN._replace(document=noise(ROOM + 1))
    opened().create(large)
    with pytest.raises(RunExists) as caught:
        opened().create(large._replace(document=noise(ROOM + 1, "other")))
    assert caught.value.record == large
    assert len(parts(opened())) == 2


def test_a_refused_save_leaves_the_document_of_the_other(opened: Callable[..., TableStorage]) -> None:
    """Of two writers that save one revision, the one that loses takes nothing from the one that wins."""
    first, second = opened(), opened()
    first.create(RUN)
    assert second.load(RUN.id) == RUN
    large = RUN._replace(revision=2, document=noise(ROOM + 1))
    first.save(large, replaces=1)
    for document in (large.document, noise(ROOM + 1, "other")):
        with pytest.raises(Conflict):
            second.save(large._replace(document=document), replaces=1)
    assert second.load(RUN.id) == large
    assert len(parts(first)) == 2


def test_a_large_document_outlives_a_lost_answer(storage: TableStorage) -> None:
    """A write that is sent again because its answer was lost is refused by what it wrote itself, which stays."""
    lost = iter([True, False, True])

    def lose(request: PreparedRequest) -> None:
        wrote = request.method == "POST" or (request.method == "PUT" and "run%7C" in str(request.url))
        if wrote and next(lost, False):
            raise ReadTimeout("injected")

    tables(storage, after=lose)
    large = RUN._replace(document=noise(ROOM + 1))
    with pytest.raises(RunExists) as caught:
        storage.create(large)
    assert caught.value.record == large
    later = RUN._replace(revision=2, document=noise(ROOM + 2))
    with pytest.raises(Conflict):
        storage.save(later, replaces=1)
    assert storage.load(RUN.id) == later


def test_a_deletion_whose_answer_is_lost_takes_the_document_along(storage: TableStorage) -> None:
    """A run that is deleted twice, because the answer was lost, leaves nothing beside it either."""
    storage.create(RUN._replace(document=noise(ROOM + 1)))
    lost: list[bool] = []

    def lose(request: PreparedRequest) -> None:
        if request.method == "POST" and not lost:
            lost.append(True)
            raise ReadTimeout("injected")

    tables(storage, after=lose)
    storage.delete(RUN.id)
    assert row_keys(storage) == []


def test_a_value_that_is_half_deleted_is_none(storage: TableStorage) -> None:
    """A value of which a part is missing is not given in part."""
    storage.put_blob(RUN.id, "key", noise(ROOM + 1))
    first, second = parts(storage)
    storage._requests.delete(parts_of(RUN.id), second)
    with pytest.raises(BlobNotFound):
        storage.get_blob(RUN.id, "key")
    storage.put_blob(RUN.id, "key", noise(ROOM + 1))
    storage._requests.delete(parts_of(RUN.id), first)
    with pytest.raises(BlobNotFound):
        storage.get_blob(RUN.id, "key")


def test_a_blob_may_be_called_anything(storage: TableStorage) -> None:
    """Keys of characters that no row key takes, or that begin one another, are told apart, and kept apart."""
    keys = ["a", "a#0", "a/b\\c?d\t%", "a|0", "a~", "a=7E", "été"]
    for key in keys:
        storage.put_blob(RUN.id, key, key.encode())
    assert [storage.get_blob(RUN.id, key) for key in keys] == [key.encode() for key in keys]
    storage.delete_blobs(RUN.id, keep=keys[::2])
    assert [storage.get_blob(RUN.id, key) for key in keys[::2]] == [key.encode() for key in keys[::2]]
    assert len(parts(storage)) == len(keys[::2])


def test_a_value_that_no_table_takes_is_told(storage: TableStorage) -> None:
    """Without a container a value has a limit: run, size, limit and way out are told, and nothing is written."""
    network = tables(storage)
    with pytest.raises(StoreError) as caught:
        storage.put_blob(RUN.id, "abc", bytes(10_000_001))
    assert "run 'order-1' has a blob (abc) of 10,000,001 bytes" in str(caught.value)
    assert "give TableStorage(container=...) a container in Blob Storage" in str(caught.value)
    assert network.sent == []


def test_a_large_value_is_one_blob_of_the_container(opened: Callable[..., TableStorage]) -> None:
    """A value lies under its run and key, as it is, and may be larger than a table takes."""
    storage = opened(container=True)
    value = bytes(11_000_000)
    storage.put_blob(RUN.id, "key", value)
    assert storage.get_blob(RUN.id, "key") == value
    assert blobs(storage) == ["flux/order-1/key"]
    assert row_keys(storage) == []


def test_a_large_document_is_one_blob_of_the_container(opened: Callable[..., TableStorage]) -> None:
    """A document that does not fit goes to the container, and from it when another takes its place."""
    storage = opened(container=True)
    large = RUN._replace(document=noise(ROOM + 1))
    storage.create(large)
    assert len(blobs(storage)) == 1
    storage.delete_blobs(RUN.id)
    assert storage.load(RUN.id) == large
    storage.save(RUN._replace(revision=2), replaces=1)
    assert blobs(storage) == []
    assert storage.load(RUN.id) == RUN._replace(revision=2)


def test_a_deleted_run_takes_its_blobs_along(opened: Callable[..., TableStorage]) -> None:
    """All that a run has in the container goes with it, and nothing of another run."""
    storage = opened(container=True)
    storage.create(RUN._replace(document=noise(ROOM + 1)))
    for run_id, key in ((RUN.id, "a"), (RUN.id, "b"), ("order-10", "a")):
        storage.put_blob(run_id, key, b"value")
    storage.delete(RUN.id)
    assert blobs(storage) == ["flux/order-10/a"]


def test_what_was_stored_before_the_container_is_found(opened: Callable[..., TableStorage]) -> None:
    """A table that had no container keeps its blobs and documents, and loses them when it should."""
    before, storage = opened(), opened(container=True)
    before.put_blob(RUN.id, "key", b"value")
    before.create(RUN._replace(document=noise(ROOM + 1)))
    assert storage.get_blob(RUN.id, "key") == b"value"
    assert storage.load(RUN.id) == RUN._replace(document=noise(ROOM + 1))
    storage.delete(RUN.id)
    assert row_keys(storage) == []


@pytest.mark.parametrize("run_id", [".", "..", "order-1."])
def test_an_id_that_ends_with_a_dot_is_a_folder(opened: Callable[..., TableStorage], run_id: str) -> None:
    """A value of such a run lies beside those of all others, and is deleted with its run."""
    storage = opened(container=True)
    storage.create(RUN._replace(id=run_id))
    storage.put_blob(run_id, "key", b"value")
    assert storage.get_blob(run_id, "key") == b"value"
    assert blobs(storage) == [f"flux/{run_id}%/key"]
    storage.delete(run_id)
    assert blobs(storage) == []


def test_values_are_deleted_by_what_their_keys_begin_with(opened: Callable[..., TableStorage]) -> None:
    """Of the values in a container those go that are meant."""
    storage = opened(container=True)
    for key in ("a1", "a2", "b1"):
        storage.put_blob(RUN.id, key, b"value")
    assert storage._objects is not None
    storage._objects.delete(RUN.id, "a", lambda key: key == "a2")
    assert blobs(storage) == ["flux/order-1/a2", "flux/order-1/b1"]


def test_requests_to_the_container_are_made_again(opened: Callable[..., TableStorage]) -> None:
    """A blob is written, read and deleted through a service that is busy now and then."""
    storage = opened(container=True)
    busy: set[str] = set()

    def refuse(request: PreparedRequest) -> Response | None:
        if request.method in busy:
            return None
        busy.add(str(request.method))
        return answers_of_blobs(503, "ServerBusy")

    network = objects(storage, before=refuse)
    storage.put_blob(RUN.id, "key", b"value")
    assert storage.get_blob(RUN.id, "key") == b"value"
    storage.delete_blobs(RUN.id)
    assert [sent.method for sent in network.sent] == ["PUT", "PUT", "GET", "GET", "GET", "DELETE", "DELETE"]


def test_a_container_that_goes_is_told(opened: Callable[..., TableStorage]) -> None:
    """A blob that cannot be deleted, because its container is being deleted, is not taken for deleted."""
    storage = opened(container=True)
    storage.put_blob(RUN.id, "key", b"value")

    def refuse(request: PreparedRequest) -> Response | None:
        return answers_of_blobs(404, "ContainerNotFound") if request.method == "DELETE" else None

    objects(storage, before=refuse)
    with pytest.raises(StoreNotFound):
        storage.delete_blobs(RUN.id)


def test_a_blob_that_somebody_else_deletes_is_gone(opened: Callable[..., TableStorage]) -> None:
    """Two that delete a run's blobs at once are both done."""
    storage, other = opened(container=True), opened(container=True)
    storage.put_blob(RUN.id, "key", b"value")

    def delete_first(request: PreparedRequest) -> None:
        if request.method == "DELETE":
            other.delete_blobs(RUN.id)

    objects(storage, before=delete_first)
    storage.delete_blobs(RUN.id)
    assert blobs(storage) == []
