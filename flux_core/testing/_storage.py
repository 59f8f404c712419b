# ruff: noqa: S101, PLR2004 (a suite of tests: assert is how it speaks, and an expected value is a literal)
"""The suite that every store must pass, sentence by sentence of the storage port."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TYPE_CHECKING, Final

from flux_core._errors import BlobNotFound, Conflict, RunExists
from flux_core._status import RunStatus
from flux_core.storage import Query
from flux_core.testing._expect import raises
from flux_core.testing._storage_find import RUN, FindContract

if TYPE_CHECKING:
    from collections.abc import Callable

    from flux_core.storage import Record, Storage

WRITERS: Final = 8


class StorageContract(FindContract):
    """Tests of a store; a subclass gives each of them an empty one as the pytest fixture `storage`.

    ```python
    class TestMyStorage(StorageContract):
        @pytest.fixture
        def storage(self, tmp_path):
            with closing(MyStorage(tmp_path)) as storage:
                yield storage
    ```
    """

    def test_a_created_run_can_be_loaded(self, storage: Storage) -> None:
        """A run is loaded as it was created."""
        storage.create(RUN)
        assert storage.load(RUN.id) == RUN

    def test_an_unknown_run_is_none(self, storage: Storage) -> None:
        """Loading a run that is not there gives None."""
        storage.create(RUN)
        assert storage.load("order-2") is None
        assert storage.load("ORDER-1") is None

    def test_every_status_round_trips(self, storage: Storage) -> None:
        """A status is loaded as the member of `RunStatus` that was stored."""
        for status in RunStatus:
            storage.create(RUN._replace(id=status.value, status=status))
            assert _loaded(storage, status.value).status is status

    def test_an_ended_run_round_trips(self, storage: Storage) -> None:
        """A run without `wake_at` is loaded without it."""
        _round_trip(storage, RUN._replace(wake_at=None))

    def test_fractions_of_a_second_round_trip(self, storage: Storage) -> None:
        """Times keep every bit."""
        created_at, updated_at, wake_at = 1_760_000_000.123456, 0.1 + 0.2, 1_760_000_060.000001
        _round_trip(storage, RUN._replace(created_at=created_at, updated_at=updated_at, wake_at=wake_at))

    def test_tags_round_trip(self, storage: Storage) -> None:
        """Tags are loaded as given, in their order, whatever characters they hold."""
        _round_trip(storage, RUN._replace(tags=("vip", "customer:42", "a", "été 100%_,\"'\\ 🚀", "a")))

    def test_text_round_trips(self, storage: Storage) -> None:
        """Names and tokens are any text, not ASCII only."""
        _round_trip(storage, RUN._replace(id="Grüße@北京", workflow="commande n° 1", writer="'; --\n🚀"))

    def test_a_large_document_round_trips(self, storage: Storage) -> None:
        """A document of 300 kB that no compression shrinks is kept whole."""
        _round_trip(storage, RUN._replace(document=hashlib.shake_128(b"large").digest(300_000)))

    def test_an_empty_document_round_trips(self, storage: Storage) -> None:
        """An empty document is a document."""
        _round_trip(storage, RUN._replace(document=b""))

    def test_every_byte_round_trips(self, storage: Storage) -> None:
        """A document is bytes, not text."""
        _round_trip(storage, RUN._replace(document=bytes(range(256))))

    def test_a_taken_id_is_refused(self, storage: Storage) -> None:
        """Creating a run whose id is taken raises `RunExists` with the stored run, and changes nothing."""
        storage.create(RUN._replace(tags=("vip",)))
        with raises(RunExists) as caught:
            storage.create(
                RUN._replace(workflow="refund", writer="worker-2", document=b"other", tags=("eu",))
            )
        assert caught[0].record == storage.load(RUN.id) == RUN._replace(tags=("vip",))
        for query in (Query(tag="eu"), Query(workflow="refund")):
            assert not storage.find(query).records

    def test_the_same_record_is_created_once(self, storage: Storage) -> None:
        """Creating a run again just as it stands is refused like any other."""
        storage.create(RUN)
        with raises(RunExists):
            storage.create(RUN)

    def test_a_taken_id_carries_the_last_save(self, storage: Storage) -> None:
        """`RunExists` carries the run as it stands, not as it was created."""
        storage.create(RUN)
        saved = RUN._replace(revision=2, status=RunStatus.COMPLETED, wake_at=None, document=b"done")
        storage.save(saved, replaces=1)
        with raises(RunExists) as caught:
            storage.create(RUN)
        assert caught[0].record == saved

    def test_a_save_replaces_the_run(self, storage: Storage) -> None:
        """A save replaces everything that may change."""
        storage.create(RUN._replace(tags=("vip",)))
        saved = RUN._replace(
            status=RunStatus.SUSPENDED,
            revision=2,
            writer="worker-2",
            wake_at=500.0,
            updated_at=120.0,
            document=b'{"step":1}',
            tags=("vip",),
        )
        storage.save(saved, replaces=1)
        assert storage.load(RUN.id) == saved

    def test_a_run_ends_and_goes_on(self, storage: Storage) -> None:
        """A save may take `wake_at` away, leave it away, and bring it back."""
        storage.create(RUN)
        for revision, wake_at in ((2, None), (3, None), (4, 700.0), (5, 700.0)):
            record = RUN._replace(revision=revision, wake_at=wake_at)
            storage.save(record, replaces=revision - 1)
            assert storage.load(RUN.id) == record

    def test_a_document_may_grow_and_shrink(self, storage: Storage) -> None:
        """A save leaves nothing behind of the document that it replaces."""
        storage.create(RUN)
        for revision, size in ((2, 300_000), (3, 0), (4, 5_000), (5, 1)):
            record = RUN._replace(revision=revision, document=b"x" * size)
            storage.save(record, replaces=revision - 1)
            assert storage.load(RUN.id) == record

    def test_a_save_of_another_revision_is_refused(self, storage: Storage) -> None:
        """A save that replaces an older or a newer revision raises `Conflict` and changes nothing."""
        storage.create(RUN)
        saved = RUN._replace(revision=2)
        storage.save(saved, replaces=1)
        for replaces in (0, 1, 3):
            for wake_at in (RUN.wake_at, None, 999.0):
                late = RUN._replace(
                    revision=replaces + 1, writer="worker-2", wake_at=wake_at, document=b"late"
                )
                with raises(Conflict):
                    storage.save(late, replaces=replaces)
        assert storage.load(RUN.id) == saved

    def test_a_save_of_an_unknown_run_is_refused(self, storage: Storage) -> None:
        """A save creates nothing: a run that is not there is a conflict."""
        with raises(Conflict):
            storage.save(RUN._replace(revision=2), replaces=1)
        assert storage.load(RUN.id) is None

    def test_a_save_sent_twice_stands_once(self, storage: Storage) -> None:
        """The second of two equal saves is a conflict; the stored writer shows that the first stood."""
        storage.create(RUN)
        saved = RUN._replace(revision=2, writer="worker-2")
        storage.save(saved, replaces=1)
        with raises(Conflict):
            storage.save(saved, replaces=1)
        assert storage.load(RUN.id) == saved

    def test_runs_are_apart(self, storage: Storage) -> None:
        """A save of one run leaves the others as they are."""
        other = RUN._replace(id="order-2")
        storage.create(RUN)
        storage.create(other)
        storage.save(RUN._replace(revision=2, document=b"saved"), replaces=1)
        assert storage.load(other.id) == other

    def test_one_of_many_saves_wins(self, storage: Storage) -> None:
        """Of many threads that replace one revision, one does, each time."""
        storage.create(RUN)
        for revision in range(2, 12):

            def save(writer: str, revision: int = revision) -> None:
                storage.save(RUN._replace(revision=revision, writer=writer), replaces=revision - 1)

            (winner,) = _at_once(save, losing=Conflict)
            assert storage.load(RUN.id) == RUN._replace(revision=revision, writer=winner)

    def test_one_of_many_creations_wins(self, storage: Storage) -> None:
        """Of many threads that create one run, one does; the others are given its record."""
        for number in range(10):
            run = RUN._replace(id=f"order-{number}", tags=("vip",))

            def create(writer: str, run: Record = run) -> None:
                storage.create(run._replace(writer=writer))

            (winner,) = _at_once(create, losing=RunExists)
            assert storage.load(run.id) == run._replace(writer=winner)

    def test_no_save_is_lost(self, storage: Storage) -> None:
        """Threads that read, add and save again on conflict lose none of what they added."""
        storage.create(RUN._replace(document=b""))

        def add(writer: str) -> None:
            added = 0
            while added < 5:
                stored = _loaded(storage, RUN.id)
                document = stored.document + writer.encode()
                try:
                    storage.save(
                        stored._replace(revision=stored.revision + 1, document=document),
                        replaces=stored.revision,
                    )
                except Conflict:
                    continue
                added += 1

        _at_once(add, losing=Conflict)
        stored = _loaded(storage, RUN.id)
        assert stored.revision == 1 + 5 * WRITERS
        assert sorted(stored.document) == sorted(b"01234567" * 5)

    def test_a_deleted_run_is_gone(self, storage: Storage) -> None:
        """A deleted run is neither loaded, found, due nor saved."""
        storage.create(RUN._replace(tags=("vip",)))
        storage.delete(RUN.id)
        assert storage.load(RUN.id) is None
        for query in (Query(), Query(wake_before=1e9), Query(tag="vip"), Query(workflow="order")):
            assert not storage.find(query).records
        with raises(Conflict):
            storage.save(RUN._replace(revision=2), replaces=1)

    def test_a_deleted_run_leaves_the_others(self, storage: Storage) -> None:
        """Deleting a run touches neither another run nor its tags and blobs."""
        other = RUN._replace(id="order-10", tags=("vip",))
        for run in (RUN._replace(tags=("vip",)), other):
            storage.create(run)
            storage.put_blob(run.id, "key", run.id.encode())
        storage.delete(RUN.id)
        assert list(storage.find(Query(tag="vip")).records) == [other]
        assert storage.get_blob(other.id, "key") == b"order-10"

    def test_a_deleted_run_has_no_blobs(self, storage: Storage) -> None:
        """Deleting a run deletes its blobs, whether or not the run itself was there."""
        storage.create(RUN)
        for run_id in (RUN.id, "never-created"):
            storage.put_blob(run_id, "key", b"value")
            storage.delete(run_id)
            with raises(BlobNotFound):
                storage.get_blob(run_id, "key")

    def test_deleting_nothing_is_no_error(self, storage: Storage) -> None:
        """A run that is not there can be deleted, as often as one likes."""
        storage.delete(RUN.id)
        storage.delete(RUN.id)

    def test_a_deleted_run_can_be_created_again(self, storage: Storage) -> None:
        """A deleted id is free, and the new run has nothing of the old one."""
        storage.create(RUN._replace(tags=("vip",)))
        storage.put_blob(RUN.id, "key", b"old")
        storage.delete(RUN.id)
        storage.create(RUN._replace(writer="worker-2"))
        assert storage.load(RUN.id) == RUN._replace(writer="worker-2")
        assert not storage.find(Query(tag="vip")).records
        with raises(BlobNotFound):
            storage.get_blob(RUN.id, "key")

    def test_a_blob_round_trips(self, storage: Storage) -> None:
        """A blob is given back byte for byte: small, large or empty."""
        for value in (b"", bytes(range(256)), hashlib.shake_128(b"blob").digest(1_000_000)):
            key = hashlib.sha256(value).hexdigest()
            storage.put_blob(RUN.id, key, value)
            assert storage.get_blob(RUN.id, key) == value

    def test_a_missing_blob_is_an_error(self, storage: Storage) -> None:
        """A blob is found under its own run and its own key only."""
        storage.put_blob(RUN.id, "key", b"value")
        for run_id, key in ((RUN.id, "other"), ("order-2", "key"), ("key", RUN.id)):
            with raises(BlobNotFound):
                storage.get_blob(run_id, key)

    def test_a_blob_may_be_put_again(self, storage: Storage) -> None:
        """Putting the same blob again, as after a lost answer, changes nothing."""
        storage.put_blob(RUN.id, "key", b"value")
        storage.put_blob(RUN.id, "key", b"value")
        assert storage.get_blob(RUN.id, "key") == b"value"

    def test_blobs_are_deleted(self, storage: Storage) -> None:
        """Deleting a run's blobs deletes them all, and none of another run."""
        for run_id, key in ((RUN.id, "a"), (RUN.id, "b"), ("order-2", "a")):
            storage.put_blob(run_id, key, b"value")
        storage.delete_blobs(RUN.id)
        for key in ("a", "b"):
            with raises(BlobNotFound):
                storage.get_blob(RUN.id, key)
        assert storage.get_blob("order-2", "a") == b"value"

    def test_kept_blobs_stay(self, storage: Storage) -> None:
        """Blobs whose keys are in `keep` stay; a key in `keep` that is not there is no error."""
        for key in ("a", "b", "c"):
            storage.put_blob(RUN.id, key, key.encode())
        storage.delete_blobs(RUN.id, keep={"a", "c", "z"})
        assert [storage.get_blob(RUN.id, key) for key in ("a", "c")] == [b"a", b"c"]
        with raises(BlobNotFound):
            storage.get_blob(RUN.id, "b")

    def test_many_blobs_can_be_kept(self, storage: Storage) -> None:
        """`keep` has no limit."""
        storage.put_blob(RUN.id, "a", b"value")
        storage.put_blob(RUN.id, "b", b"value")
        storage.delete_blobs(RUN.id, keep=["b", *(f"key-{number}" for number in range(100_000))])
        assert storage.get_blob(RUN.id, "b") == b"value"
        with raises(BlobNotFound):
            storage.get_blob(RUN.id, "a")

    def test_deleting_no_blobs_is_no_error(self, storage: Storage) -> None:
        """A run without blobs can have them deleted, and its record stays."""
        storage.create(RUN)
        storage.delete_blobs(RUN.id)
        storage.delete_blobs(RUN.id, keep=["a"])
        assert storage.load(RUN.id) == RUN


def _loaded(storage: Storage, run_id: str) -> Record:
    record = storage.load(run_id)
    assert record is not None
    return record


def _round_trip(storage: Storage, record: Record) -> None:
    storage.create(record)
    assert storage.load(record.id) == record


def _at_once(write: Callable[[str], None], *, losing: type[Exception]) -> list[str]:
    """Have many threads write at the same moment, each as a writer of its own; return whose write stood."""
    barrier = Barrier(WRITERS)

    def stood(writer: str) -> bool:
        barrier.wait()
        try:
            write(writer)
        except losing:
            return False
        return True

    writers = [str(number) for number in range(WRITERS)]
    with ThreadPoolExecutor(WRITERS) as pool:
        return [writer for writer, won in zip(writers, pool.map(stood, writers), strict=True) if won]
