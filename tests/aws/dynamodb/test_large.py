"""What does not fit into one item, and what there is much of."""

from __future__ import annotations

from hashlib import shake_128
from typing import TYPE_CHECKING, Any

import pytest
from aws.dynamodb.weather import Network
from botocore.exceptions import ReadTimeoutError

from benchmarks.capacity import Meter, read, written
from flux_aws._dynamodb.items import item_of
from flux_core import BlobNotFound, Conflict, Engine, RunExists, RunStatus, StoreError, Workflow
from flux_core.storage import Query, Record
from flux_core.storage._rows.attached import NOTHING
from flux_core.storage._rows.blobs import LARGEST
from flux_core.storage._rows.port import Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flux_aws import DynamoDBStorage

pytestmark = pytest.mark.xdist_group("dynamodb-local")

RUN = Record("order-1", "order", RunStatus.RUNNING, 1, "w", 160.0, 100.0, 100.0, b"{}")


def noise(size: int, seed: str = "noise") -> bytes:
    """Return bytes that no compression shrinks."""
    return shake_128(seed.encode()).digest(size)


def parts(storage: DynamoDBStorage, run_id: str = RUN.id) -> list[str]:
    """Return the sort keys of what stands beside the run's item."""
    request = {"KeyConditionExpression": "id = :id", "ExpressionAttributeValues": {":id": {"S": run_id}}}
    return [item["sk"]["S"] for item in storage._requests.pages("Query", request) if item["sk"]["S"] != "run"]


def test_a_document_larger_than_an_item_round_trips(storage: DynamoDBStorage) -> None:
    """A document of 1 MB is kept beside its run, and is found wherever the run is."""
    large = RUN._replace(document=noise(1_000_000))
    storage.create(large)

    assert storage.load(RUN.id) == large
    assert list(storage.find(Query()).records) == [large]
    assert len(parts(storage)) == 3


def test_a_taken_id_carries_a_large_document(opened: Callable[..., DynamoDBStorage]) -> None:
    """`RunExists` carries the run whole, though its document is not in the item that came with the refusal."""
    large = RUN._replace(document=noise(500_000))
    opened().create(large)

    with pytest.raises(RunExists) as caught:
        opened().create(large._replace(document=noise(500_000, "other")))
    assert caught.value.record == large
    assert len(parts(opened())) == 2  # and leaves nothing of the document that came too late


def test_a_save_removes_the_document_before_it(opened: Callable[..., DynamoDBStorage]) -> None:
    """Of all large documents of a run the last stays, and none once it fits again, whoever saves it."""
    opened().create(RUN._replace(document=noise(500_000)))
    for revision, size, kept in ((2, 600_000, 2), (3, 800_000, 3), (4, 10, 0)):
        storage = opened()
        record = RUN._replace(revision=revision, document=noise(size))
        assert storage.load(RUN.id) is not None
        storage.save(record, replaces=revision - 1)
        assert storage.load(RUN.id) == record
        assert len(parts(storage)) == kept


def test_a_refused_save_leaves_the_document_of_the_other(opened: Callable[..., DynamoDBStorage]) -> None:
    """Of two writers that save one revision, the one that loses takes nothing from the one that wins."""
    first, second = opened(), opened()
    first.create(RUN)
    large = RUN._replace(revision=2, document=noise(500_000))
    first.save(large, replaces=1)

    for document in (large.document, noise(500_000, "other")):
        with pytest.raises(Conflict):
            second.save(large._replace(document=document), replaces=1)
    assert second.load(RUN.id) == large
    assert len(parts(first)) == 2


def test_a_large_document_outlives_a_lost_answer(storage: DynamoDBStorage) -> None:
    """A write that is sent again because its answer was lost is refused by what it wrote itself, which stays."""
    lose = iter([True, False, True])

    def lose_answer(request: Any) -> None:
        if b'"sk": {"S": "run"}' in request.body and b'"Item"' in request.body and next(lose, False):
            raise ReadTimeoutError(endpoint_url=request.url)

    Network(storage, after=lose_answer)
    large = RUN._replace(document=noise(500_000))
    with pytest.raises(RunExists) as caught:
        storage.create(large)
    assert caught.value.record == large

    later = RUN._replace(revision=2, document=noise(600_000))
    with pytest.raises(Conflict):
        storage.save(later, replaces=1)
    assert storage.load(RUN.id) == later


def test_a_reader_follows_a_document_that_is_replaced(opened: Callable[..., DynamoDBStorage]) -> None:
    """A reader whose item points to a document that a save has just removed reads the item again."""
    reader, writer = opened(), opened()
    writer.create(RUN._replace(document=noise(500_000)))
    later = RUN._replace(revision=2, document=noise(600_000))
    found = reader._rows.read(RUN.id)
    writer.save(later, replaces=1)

    assert reader._opened(found) == later


def test_a_reader_of_a_run_that_is_deleted_finds_none(opened: Callable[..., DynamoDBStorage]) -> None:
    """A reader whose item points to the document of a run that has just been deleted finds no run."""
    reader, writer = opened(), opened()
    writer.create(RUN._replace(document=noise(500_000)))
    found = reader._rows.read(RUN.id)
    writer.delete(RUN.id)

    assert reader._opened(found) is None
    assert parts(writer) == []


def test_a_run_that_is_deleted_while_it_is_found_is_not_on_the_page(
    opened: Callable[..., DynamoDBStorage],
) -> None:
    """A run whose document is gone once its item has been read has been deleted, and nothing is logged of it."""
    reader, writer = opened(), opened()
    writer.create(RUN._replace(document=noise(500_000)))
    writer.create(RUN._replace(id="order-2"))
    delete = iter([True])

    def delete_before_read(request: Any) -> None:
        if b'"sk": {"S": "document#' in request.body and next(delete, False):
            writer.delete(RUN.id)

    Network(reader, before=delete_before_read)
    assert [record.id for record in reader.find(Query()).records] == ["order-2"]
    assert next(delete, False) is False


def test_a_document_that_is_lost_is_told(storage: DynamoDBStorage) -> None:
    """A run whose document is not there, though nobody replaces it, cannot be read."""
    storage.create(RUN._replace(document=noise(500_000)))
    storage._blobs.delete_documents(RUN.id, lambda _: False)

    with pytest.raises(StoreError, match="document of run 'order-1' is missing"):
        storage.load(RUN.id)


def test_a_run_that_is_created_while_another_is_deleted_keeps_its_document(
    opened: Callable[..., DynamoDBStorage],
) -> None:
    """Whoever deletes a run takes its document alone, and not that of a run of its id that is just being created."""
    first, second = opened(), opened()
    first.create(RUN._replace(document=noise(500_000)))
    delete = iter([True])

    def delete_before_put(request: Any) -> None:
        if b'"sk": {"S": "run"}' in request.body and next(delete, False):
            first.delete(RUN.id)

    Network(second, before=delete_before_put)
    anew = RUN._replace(writer="other", document=noise(500_000))
    second.create(anew)
    assert second.load(RUN.id) == anew
    assert len(parts(second)) == 2


def test_a_run_that_is_deleted_takes_along_what_writers_left_behind(storage: DynamoDBStorage) -> None:
    """A document that stayed because a writer was cut off goes with the run, which may have one itself."""
    storage.create(RUN._replace(document=noise(500_000)))
    storage._blobs.put_document(RUN.id, "2.left", noise(10), None)
    storage.delete(RUN.id)
    assert parts(storage) == []


def test_deleting_blobs_leaves_the_document(storage: DynamoDBStorage) -> None:
    """A large document is no blob."""
    large = RUN._replace(document=noise(500_000))
    storage.create(large)
    storage.delete_blobs(RUN.id)

    assert storage.load(RUN.id) == large


@pytest.mark.parametrize("megabytes", [1, 5])
def test_a_large_blob_round_trips(storage: DynamoDBStorage, megabytes: int) -> None:
    """A value of many items is given back byte for byte, and is removed whole."""
    value = noise(megabytes * 1_000_000)
    storage.put_blob(RUN.id, "key", value)

    assert storage.get_blob(RUN.id, "key") == value
    storage.delete_blobs(RUN.id)
    assert parts(storage) == []


def test_a_blob_that_is_half_gone_is_not_there(storage: DynamoDBStorage) -> None:
    """A reader that meets a blob while it is being deleted is told that there is none."""
    storage.put_blob(RUN.id, "key", noise(1_000_000))
    storage._requests.delete_many([{"id": {"S": RUN.id}, "sk": {"S": "blob#key#1"}}])

    with pytest.raises(BlobNotFound):
        storage.get_blob(RUN.id, "key")


def test_a_blob_is_stored_compressed(storage: DynamoDBStorage) -> None:
    """What is written of a value is what is left of it when it is compressed."""
    meter = Meter(storage)
    storage.put_blob(RUN.id, "key", b'{"sku": "mug"}' * 10_000)
    assert written(meter.take()) == 1


def test_a_run_of_five_thousand_steps_costs_as_much_at_its_end(storage: DynamoDBStorage) -> None:
    """The last thousand steps of 5,000 cost about what the first thousand do, and the run can be read."""
    long: Workflow[Any, Any] = Workflow("long")
    for number in range(5_000):
        node = long.step if number % 5 else long.commit  # it is saved a thousand times
        long = node(f"step-{number}", lambda ctx: ctx.step)
    meter = Meter(storage)
    engine = Engine(storage, checkpoint="commit", lease=600)
    assert engine.execute(long, {}, id="long").status is RunStatus.COMPLETED

    requests = meter.take()
    fifth = len(requests) // 5
    assert written(requests[-fifth:]) <= 1.25 * written(requests[:fifth])
    assert read(requests) == 0
    run = engine.get("long")
    assert run is not None
    assert [record.output for record in run.history][-1] == "step-4999"


def test_ten_thousand_runs_are_listed_by_cursor(storage: DynamoDBStorage) -> None:
    """Pages of a thousand give each of 10,000 runs of two workflows once, the newest first."""
    runs = [
        RUN._replace(id=f"run-{number}", workflow=f"flow-{number % 2}", created_at=float(number // 3))
        for number in range(10_000)
    ]
    put_all(storage, runs)
    meter = Meter(storage)

    newest_first = sorted(runs, key=lambda run: (run.created_at, run.id), reverse=True)
    assert list(pages(storage, Query(limit=1_000))) == newest_first
    operations = [request.operation for request in meter.take()]
    assert operations.count("Scan") <= 2  # the first page alone looks which workflows there are


def pages(storage: DynamoDBStorage, query: Query) -> Iterator[Record]:
    """Yield the records of all pages."""
    page = storage.find(query)
    yield from page.records
    while page.cursor is not None:
        page = storage.find(query._replace(cursor=page.cursor))
        yield from page.records


def put_all(storage: DynamoDBStorage, runs: list[Record]) -> None:
    """Store new runs, many at once."""
    import zlib

    packed = [run._replace(document=zlib.compress(run.document)) for run in runs]
    items = [item_of(Row(run, NOTHING), shards=8) for run in packed]
    for start in range(0, len(items), 25):
        batch = [{"PutRequest": {"Item": item}} for item in items[start : start + 25]]
        storage._requests._dispatch("BatchWriteItem", {"RequestItems": {storage.table: batch}})


def test_a_value_that_the_table_does_not_take_fails_its_step(storage: DynamoDBStorage) -> None:
    """Not the store: the run has ended, and says which step it was; with a bucket there is no such limit."""
    much = "x" * LARGEST
    result = Engine(storage).execute(Workflow("w").step("a", lambda ctx: much), {}, id="much")
    assert (result.status, storage.largest) == (RunStatus.FAILED, LARGEST)
    assert result.error is not None
    assert result.error.message.startswith("step 'a' left what cannot be saved: a value of 10,000,002")
