"""One run that cannot be read: it is told, it hides no other, and it can be removed."""

from __future__ import annotations

from hashlib import shake_128
from typing import TYPE_CHECKING, Any

import pytest
from aws.dynamodb.conftest import item_at
from aws.dynamodb.weather import Network, answers

from flux_core import Conflict, Engine, RunStatus, StoreError, Workflow
from flux_core.storage import Query, Record

if TYPE_CHECKING:
    from collections.abc import Callable

    from flux_aws import DynamoDBStorage

pytestmark = pytest.mark.xdist_group("dynamodb-local")

ORDER: Workflow[Any, Any] = Workflow("order").step("only", lambda ctx: None)
LARGE = shake_128(b"large").digest(500_000)
RUN = Record("spoilt", "order", RunStatus.SUSPENDED, 1, "w", 100.0, 100.0, 100.0, LARGE)


def items(storage: DynamoDBStorage) -> int:
    """Return how many items of the run there are."""
    request = {"KeyConditionExpression": "id = :id", "ExpressionAttributeValues": {":id": {"S": RUN.id}}}
    return len(list(storage._requests.pages("Query", request)))


def write_anew(storage: DynamoDBStorage) -> None:
    """Write the item as a Flux to come may do."""
    item = item_at(storage, RUN.id)
    del item["status"]
    storage._requests.send("PutItem", {"Item": {**item, "v": {"N": "2"}}})


def take_document(storage: DynamoDBStorage) -> None:
    """Take the document away that the item points to."""
    storage._blobs.delete_documents(RUN.id, lambda _: False)


SPOILT = pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (write_anew, "run 'spoilt' was written by a newer Flux"),
        (take_document, "the document of run 'spoilt' is missing"),
    ],
)


@SPOILT
def test_a_run_that_cannot_be_read_hides_no_other(
    storage: DynamoDBStorage,
    caplog: pytest.LogCaptureFixture,
    spoil: Callable[[DynamoDBStorage], None],
    told: str,
) -> None:
    """A tick goes on with the others, a list shows them, and both log which run they pass over, and why."""
    engine = Engine(storage)
    storage.create(RUN)
    spoil(storage)
    engine.start(ORDER, {}, id="sound")

    assert engine.tick([ORDER]).claimed == 1
    assert told in caplog.text
    caplog.clear()
    assert [(run.id, run.status) for run in engine.list(workflow="order")] == [("sound", RunStatus.COMPLETED)]
    assert [record.id for record in storage.find(Query()).records] == ["sound"]
    assert told in caplog.text


@SPOILT
def test_a_run_that_cannot_be_read_can_be_removed(
    storage: DynamoDBStorage, spoil: Callable[[DynamoDBStorage], None], told: str
) -> None:
    """Whoever asks for it is told what is wrong; `delete` removes it with all that stands beside it."""
    storage.put_blob(RUN.id, "key", b"value")
    storage.create(RUN)
    spoil(storage)
    engine = Engine(storage)
    with pytest.raises(StoreError, match=told):
        engine.get(RUN.id)

    engine.delete(RUN.id)
    assert engine.get(RUN.id) is None
    assert items(storage) == 0


def test_a_run_whose_deletion_is_cut_off_can_be_read(opened: Callable[..., DynamoDBStorage]) -> None:
    """What a run needs to be read is there until it is gone."""
    cut_off = opened()
    cut_off.create(RUN)
    saved = RUN._replace(revision=2)
    cut_off.save(saved, replaces=1)
    Network(cut_off, before=lambda request: refuse(request, b"DeleteItem"))
    with pytest.raises(StoreError, match="dynamodb:DeleteItem"):
        cut_off.delete(RUN.id)

    storage = opened()
    assert storage.load(RUN.id) == saved
    storage.delete(RUN.id)
    assert items(storage) == 0


def test_what_a_deletion_leaves_can_be_deleted(opened: Callable[..., DynamoDBStorage]) -> None:
    """A run that is gone, and whose document is not, can be deleted once more."""
    cut_off = opened()
    cut_off.create(RUN)
    cut_off.save(RUN._replace(revision=2), replaces=1)
    Network(cut_off, before=lambda request: refuse(request, b"BatchWriteItem"))
    with pytest.raises(StoreError, match="dynamodb:BatchWriteItem"):
        cut_off.delete(RUN.id)

    storage = opened()
    assert storage.load(RUN.id) is None
    storage.delete(RUN.id)
    assert items(storage) == 0


def test_a_save_over_another_run_of_the_id_is_refused(opened: Callable[..., DynamoDBStorage]) -> None:
    """A worker whose run was deleted does not write over the next one, be it at the same revision."""
    late, other = opened(), opened()
    late.create(RUN)
    other.delete(RUN.id)
    other.create(RUN._replace(created_at=RUN.created_at + 1))
    with pytest.raises(Conflict):
        late.save(RUN._replace(revision=2), replaces=1)


def refuse(request: Any, operation: bytes) -> Any:
    """Refuse that operation alone."""
    refused = request.headers["X-Amz-Target"].endswith(operation)
    return answers(400, "AccessDeniedException") if refused else None
