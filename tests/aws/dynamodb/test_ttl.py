"""When ended runs go: the run, and what stands beside it."""

from __future__ import annotations

from datetime import timedelta
from hashlib import shake_128
from typing import TYPE_CHECKING, Any

import pytest
from aws.dynamodb.weather import Network, answers
from botocore.exceptions import ReadTimeoutError

from benchmarks.capacity import Meter
from flux_core import Conflict, RunExists, RunStatus
from flux_core.storage import Record

if TYPE_CHECKING:
    from collections.abc import Callable

    from flux_aws import DynamoDBStorage

pytestmark = pytest.mark.xdist_group("dynamodb-local")

NOW = 1_900_000_000.75
MONTH = timedelta(days=30)
GOES = int(NOW + MONTH.total_seconds())
LATER = GOES + 7 * 86400
RUN = Record("order-1", "order", RunStatus.RUNNING, 1, "w", NOW + 60, NOW, NOW, b"{}")
DONE = RUN._replace(status=RunStatus.COMPLETED, revision=2, wake_at=None)
LARGE = shake_128(b"large").digest(500_000)


def expiries(storage: DynamoDBStorage) -> dict[str, int | None]:
    """Return when each item of the run goes, by its sort key."""
    request = {"KeyConditionExpression": "id = :id", "ExpressionAttributeValues": {":id": {"S": RUN.id}}}
    items = storage._requests.pages("Query", request)
    return {item["sk"]["S"]: int(item["expires_at"]["N"]) if "expires_at" in item else None for item in items}


@pytest.mark.parametrize("status", [RunStatus.COMPLETED, RunStatus.ROLLED_BACK, RunStatus.CANCELLED])
def test_an_ended_run_goes(opened: Callable[..., DynamoDBStorage], status: RunStatus) -> None:
    """A run that is over goes when it has been so for as long as the store says."""
    storage = opened(ttl=MONTH)
    storage.create(RUN)
    storage.save(DONE._replace(status=status), replaces=1)
    assert expiries(storage) == {"run": GOES}


@pytest.mark.parametrize("status", [RunStatus.FAILED, RunStatus.COMPENSATION_FAILED, RunStatus.PAUSED])
def test_a_run_that_waits_for_a_person_stays(
    opened: Callable[..., DynamoDBStorage], status: RunStatus
) -> None:
    """A run that somebody may still go on with does not go."""
    storage = opened(ttl=MONTH)
    storage.create(RUN)
    storage.save(DONE._replace(status=status), replaces=1)
    assert expiries(storage) == {"run": None}


def test_a_run_that_is_still_to_be_looked_at_stays(opened: Callable[..., DynamoDBStorage]) -> None:
    """A completed run with a `wake_at` has somebody to tell."""
    storage = opened(ttl=MONTH)
    storage.create(RUN)
    storage.save(DONE._replace(wake_at=NOW), replaces=1)
    assert expiries(storage) == {"run": None}


def test_without_a_ttl_every_run_stays(storage: DynamoDBStorage) -> None:
    """By default nothing goes."""
    storage.create(RUN)
    storage.save(DONE, replaces=1)
    assert expiries(storage) == {"run": None}


def test_what_stands_beside_a_run_goes_with_it(opened: Callable[..., DynamoDBStorage]) -> None:
    """The blobs and the large document of a run go a week after it, so never before, though another stored them."""
    first = opened(ttl=MONTH)
    first.put_blob(RUN.id, "key", LARGE)
    first.create(RUN)
    second = opened(ttl=MONTH)
    assert second.load(RUN.id) == RUN
    second.save(DONE._replace(document=LARGE), replaces=1)

    found = expiries(second)
    assert found.pop("run") == GOES
    assert len(found) == 4
    assert set(found.values()) == {LATER}


def test_what_stands_beside_a_run_that_goes_on_stays(opened: Callable[..., DynamoDBStorage]) -> None:
    """A completed run of which a step is retried keeps its blobs for as long as it needs them."""
    first = opened(ttl=MONTH)
    first.put_blob(RUN.id, "key", LARGE)
    first.create(RUN)
    first.save(DONE, replaces=1)
    second = opened()
    assert second.load(RUN.id) == DONE
    second.save(RUN._replace(revision=3), replaces=2)

    assert set(expiries(second).values()) == {None}


def test_a_run_that_goes_on_as_it_ends_keeps_its_blobs(opened: Callable[..., DynamoDBStorage]) -> None:
    """Whoever ended a run, and is late to let its blobs go, sees that somebody has gone on with it."""
    first, second = opened(ttl=MONTH), opened(ttl=MONTH)
    first.put_blob(RUN.id, "key", b"value")
    first.create(RUN)
    retry = iter([True])

    def retry_before_expiry(request: Any) -> None:
        if request.headers["X-Amz-Target"].endswith(b"Query") and next(retry, False):
            assert second.load(RUN.id) == DONE
            second.save(RUN._replace(revision=3), replaces=2)

    Network(first, before=retry_before_expiry)
    first.save(DONE, replaces=1)
    assert expiries(first) == {"blob#key#0": None, "run": None}


def test_a_run_that_goes_on_looks_after_its_blobs_again(opened: Callable[..., DynamoDBStorage]) -> None:
    """Whoever goes on with a run keeps its blobs, though who ended it lets them go just before the run is saved."""
    first, second = opened(ttl=MONTH), opened(ttl=MONTH)
    first.put_blob(RUN.id, "key", b"value")
    first.create(RUN)
    first.save(DONE, replaces=1)
    assert second.load(RUN.id) == DONE

    def expire_before_save(request: Any) -> None:
        if request.headers["X-Amz-Target"].endswith(b"PutItem"):
            first._blobs.expire(RUN.id, GOES)

    Network(second, before=expire_before_save)
    second.save(RUN._replace(revision=3), replaces=2)
    assert expiries(second) == {"blob#key#0": None, "run": None}


def test_a_run_that_is_deleted_as_it_ends_leaves_nothing(opened: Callable[..., DynamoDBStorage]) -> None:
    """Whoever ended a run is content if it is gone by then."""
    first, second = opened(ttl=MONTH), opened(ttl=MONTH)
    first.put_blob(RUN.id, "key", b"value")
    first.create(RUN)
    delete = iter([True])

    def delete_before_expiry(request: Any) -> None:
        if request.headers["X-Amz-Target"].endswith(b"Query") and next(delete, False):
            second.delete(RUN.id)

    Network(first, before=delete_before_expiry)
    first.save(DONE, replaces=1)
    assert expiries(first) == {}


def test_a_run_whose_end_is_not_answered_goes_whole(opened: Callable[..., DynamoDBStorage]) -> None:
    """A save that ends a run, and is refused because it stands already, lets go of the blobs and the old document."""
    storage = opened(ttl=MONTH)
    storage.put_blob(RUN.id, "key", b"value")
    storage.create(RUN._replace(document=LARGE))
    lose = iter([True])

    def lose_answer(request: Any) -> None:
        if request.headers["X-Amz-Target"].endswith(b"PutItem") and next(lose, False):
            raise ReadTimeoutError(endpoint_url=request.url)

    Network(storage, after=lose_answer)
    with pytest.raises(Conflict):
        storage.save(DONE, replaces=1)
    assert expiries(storage) == {"blob#key#0": LATER, "run": GOES}


def test_a_duplicate_start_leaves_the_expiry(opened: Callable[..., DynamoDBStorage]) -> None:
    """A large input that is stored anew, and whose run is then found to have ended, goes after that run even so."""
    first, second = opened(ttl=MONTH), opened(ttl=MONTH)
    first.put_blob(RUN.id, "key", b"value")
    first.create(RUN)
    first.save(DONE, replaces=1)

    second.put_blob(RUN.id, "key", b"value")
    with pytest.raises(RunExists):
        second.create(RUN)
    assert expiries(second) == {"blob#key#0": LATER, "run": GOES}


def test_a_retry_that_comes_too_late_leaves_the_expiry(opened: Callable[..., DynamoDBStorage]) -> None:
    """A save that is to go on with an ended run, and is refused, gives its blobs their expiry back."""
    first, second = opened(ttl=MONTH), opened(ttl=MONTH)
    first.put_blob(RUN.id, "key", b"value")
    first.create(RUN)
    first.save(DONE, replaces=1)
    assert second.load(RUN.id) == DONE
    first.save(DONE._replace(revision=3), replaces=2)

    with pytest.raises(Conflict):
        second.save(RUN._replace(revision=3, writer="late"), replaces=2)
    assert expiries(second) == {"blob#key#0": LATER, "run": GOES}


def test_an_expired_run_that_is_there_counts(
    opened: Callable[..., DynamoDBStorage], monkeypatch: pytest.MonkeyPatch
) -> None:
    """DynamoDB may take two days to remove an item: until then its run is known to a redelivery."""
    storage = opened()
    storage.create(RUN)
    monkeypatch.setattr(storage, "_ttl", -NOW + 1)
    storage.save(DONE, replaces=1)
    assert expiries(storage) == {"run": 1}  # long ago; so long that even DynamoDB leaves it

    with pytest.raises(RunExists) as caught:
        storage.create(RUN)
    assert caught.value.record == storage.load(RUN.id) == DONE


def test_a_run_without_blobs_reads_nothing_to_end(opened: Callable[..., DynamoDBStorage]) -> None:
    """The store knows which runs have something beside them, and looks after no other."""
    storage = opened(ttl=MONTH)
    meter = Meter(storage)
    storage.create(RUN)
    storage.save(DONE, replaces=1)
    assert [request.operation for request in meter.take()] == ["PutItem", "PutItem"]


def test_a_save_stands_though_its_blobs_do_not_expire(
    opened: Callable[..., DynamoDBStorage], caplog: pytest.LogCaptureFixture
) -> None:
    """What fails after a save is logged: the save is made."""
    storage = opened(ttl=MONTH)
    storage.put_blob(RUN.id, "key", b"value")
    storage.create(RUN)

    def refuse_queries(request: Any) -> Any:
        refused = request.headers["X-Amz-Target"].endswith(b"Query")
        return answers(400, "AccessDeniedException") if refused else None

    Network(storage, before=refuse_queries)
    storage.save(DONE, replaces=1)
    assert storage.load(RUN.id) == DONE
    assert "what run order-1 has left behind" in caplog.text
    assert "dynamodb:Query" in caplog.text


def test_a_blob_that_is_deleted_meanwhile_does_not_come_back(opened: Callable[..., DynamoDBStorage]) -> None:
    """Setting an expiry makes no item."""
    storage = opened(ttl=MONTH)
    storage.put_blob(RUN.id, "key", b"value")
    storage.create(RUN)
    gone = [{"id": {"S": RUN.id}, "sk": {"S": "blob#key#0"}}]

    def delete_before_update(request: Any) -> None:
        if request.headers["X-Amz-Target"].endswith(b"UpdateItem"):
            opened()._requests.delete_many(gone)

    Network(storage, before=delete_before_update)
    storage.save(DONE, replaces=1)
    assert expiries(storage) == {"run": GOES}
