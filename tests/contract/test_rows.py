"""What every store over rows does, whatever its service: the shared suite, and what a save finds and leaves."""

from __future__ import annotations

from os import urandom
from typing import TYPE_CHECKING, Any

import pytest
from contract.rows import DictParts, DictRows

from flux_core import Conflict, RunExists, RunStatus, StoreError
from flux_core.storage import Record
from flux_core.storage._rows import attached
from flux_core.storage._rows.blobs import Blobs
from flux_core.storage._rows.patience import Patience
from flux_core.storage._rows.storage import RowStorage
from flux_core.testing import StorageContract

if TYPE_CHECKING:
    from flux_core.storage import Storage
    from flux_core.storage._rows.port import Row

RUN = Record("order-1", "order", RunStatus.RUNNING, 1, "worker-1", 100.0, 50.0, 50.0, b"{}")
LARGE = urandom(10_000)


class Kept:
    """A service and what it keeps."""

    def __init__(self, *, tells: bool = True) -> None:
        self.rows = DictRows(tells=tells)
        self.parts = DictParts()

    def storage(self, **options: Any) -> RowStorage:
        """Return one more store over it."""
        return RowStorage(self.rows, Blobs(self.parts, None, advice="buy a disk"), **options)


@pytest.fixture(params=[True, False], ids=["told", "not told"])
def kept(request: pytest.FixtureRequest) -> Kept:
    """Return an empty service, which tells with a refusal what stands there, or does not."""
    return Kept(tells=request.param)


class TestRowStorage(StorageContract):
    """The store over rows that tell with a refusal what stands there, and over rows that do not."""

    @pytest.fixture(params=[True, False])
    def storage(self, request: pytest.FixtureRequest) -> Storage:
        """Give an empty store."""
        return Kept(tells=request.param).storage()


def test_a_save_after_a_load_reads_nothing(kept: Kept) -> None:
    """Whoever saves a run has seen the version that it replaces."""
    kept.storage().create(RUN)
    store = kept.storage()
    store.load(RUN.id)
    reads = kept.rows.reads
    store.save(RUN._replace(revision=2), replaces=1)
    store.save(RUN._replace(revision=3), replaces=2)
    assert kept.rows.reads == reads


def test_a_document_beside_its_row_goes_with_the_next(kept: Kept) -> None:
    """Of many large documents one is kept."""
    store = kept.storage()
    store.create(RUN._replace(document=LARGE))
    store.save(RUN._replace(revision=2, document=LARGE[:5_000]), replaces=1)
    assert store.load(RUN.id) == RUN._replace(revision=2, document=LARGE[:5_000])
    assert [name.partition(".")[0] for _, name in kept.parts.values] == ["document#2"]
    store.save(RUN._replace(revision=3), replaces=2)
    assert kept.parts.values == {}


def test_a_refused_write_leaves_nothing_beside(kept: Kept) -> None:
    """What was put there for a row that does not stand is removed."""
    kept.storage().create(RUN)
    store = kept.storage()
    with pytest.raises(RunExists):
        store.create(RUN._replace(document=LARGE, writer="worker-2"))
    with pytest.raises(Conflict):
        store.save(RUN._replace(revision=9, document=LARGE), replaces=8)
    assert kept.parts.values == {}


def test_a_write_that_was_not_answered_keeps_its_document(kept: Kept) -> None:
    """The same save again is refused by itself, and removes what only the revision before needed."""
    store = kept.storage()
    store.create(RUN._replace(document=LARGE))
    later = RUN._replace(revision=2, document=LARGE[:5_000])
    again = kept.storage()
    again.load(RUN.id)
    store.save(later, replaces=1)
    with pytest.raises(Conflict):
        again.save(later, replaces=1)
    assert again.load(RUN.id) == later


TTL = 30 * 86400.0
ENDED = RUN._replace(status=RunStatus.COMPLETED, wake_at=None)


def test_a_run_of_an_id_that_was_used_before_is_another(kept: Kept) -> None:
    """What a process remembers of a run that others have deleted says nothing of the next one of its id."""
    store = kept.storage(ttl=TTL)
    store.create(RUN)
    for revision in (2, 3, 4):
        store.save(RUN._replace(revision=revision), replaces=revision - 1)
    other = kept.storage(ttl=TTL)
    other.delete(RUN.id)
    other.put_blob(RUN.id, "key", b"value")
    other.create(ENDED._replace(created_at=60.0, updated_at=60.0))
    other.save(ENDED._replace(created_at=60.0, updated_at=60.0, revision=2), replaces=1)

    store.load(RUN.id)
    store.save(RUN._replace(created_at=60.0, revision=3), replaces=2)  # it goes on: a person has retried it

    assert kept.rows.rows[RUN.id].attached == (None, True, None)
    assert [at for _, at in kept.parts.values.values()] == [None]


def test_a_save_over_another_run_of_the_id_is_refused(kept: Kept) -> None:
    """A worker whose run was deleted does not write over the next one, be it at the same revision."""
    store = kept.storage()
    store.create(RUN)
    other = kept.storage()
    other.delete(RUN.id)
    other.create(RUN._replace(created_at=60.0))
    with pytest.raises(Conflict):
        store.save(RUN._replace(revision=2), replaces=1)
    with pytest.raises(Conflict):
        kept.storage().save(RUN._replace(revision=2), replaces=1)


def test_what_is_forgotten_is_read(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that serves more runs than it remembers loses sight of no blob and no document."""
    monkeypatch.setattr(attached, "REMEMBERED", 1)
    store = kept.storage(ttl=TTL)
    store.put_blob(RUN.id, "key", b"value")
    store.create(RUN._replace(document=LARGE))
    store.put_blob("other", "key", b"value")
    store.create(RUN._replace(id="other"))
    store.save(ENDED._replace(revision=2), replaces=1)

    assert kept.rows.rows[RUN.id].attached.blobs
    left = {name: at for (run_id, name), (_, at) in kept.parts.values.items() if run_id == RUN.id}
    assert list(left) == ["blob#key"]
    assert left["blob#key"] is not None


def test_a_deletion_leaves_a_run_alone_that_is_made_meanwhile(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run of the id that is created after the deletion has begun keeps its row and its document."""
    store, other = kept.storage(), kept.storage()
    store.create(RUN._replace(document=LARGE))
    anew = RUN._replace(created_at=60.0, document=LARGE[1:], writer="worker-2")
    remove = kept.rows.remove

    def remove_late(run_id: str, life: float | None) -> Row | None:
        remove(run_id, life)
        other.create(anew)
        return remove(run_id, life)  # the first answer was lost

    monkeypatch.setattr(kept.rows, "remove", remove_late)
    store.delete(RUN.id)
    assert other.load(RUN.id) == anew
    assert len(kept.parts.values) == 1


def test_a_deletion_of_nothing_spares_what_is_about_to_be_created(kept: Kept) -> None:
    """The document of a run whose row is not there yet is not taken for a leftover."""
    store = kept.storage()
    store._blobs.put_document(RUN.id, "1.about-to-stand", LARGE, None)
    store.delete(RUN.id)
    assert list(kept.parts.values) == [(RUN.id, "document#1.about-to-stand")]


def test_a_row_that_comes_and_goes_is_told(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is there whenever it is to be created, and gone whenever it is read, is an error at last."""
    store = kept.storage()
    store.create(RUN)
    monkeypatch.setattr(store, "_opened", lambda row: None)
    with pytest.raises(StoreError, match="was there 10 times when it was to be created, and gone"):
        store.create(RUN)


class Weather:
    """Refusals of a service that fails in passing by ConnectionError, and for good by KeyError."""

    raised = (ConnectionError, KeyError)

    def passes(self, error: Exception) -> bool:
        """Whether it passes."""
        return isinstance(error, ConnectionError)

    def explained(self, what: str, error: Exception) -> Exception:
        """Return what it means."""
        return StoreError(f"{what} was refused: {error}")


def test_what_passes_is_tried_again() -> None:
    """A request that succeeds at last has succeeded."""
    answers = iter([ConnectionError("one"), ConnectionError("two"), None])

    def request() -> str:
        if error := next(answers):
            raise error
        return "done"

    assert Patience(10, Weather()).persist("asking", request) == "done"


def test_what_is_refused_is_not_tried_again() -> None:
    """It is explained, and nothing is asked a second time."""
    asked = []

    def request() -> None:
        asked.append(1)
        raise KeyError("denied")

    with pytest.raises(StoreError, match="asking was refused: 'denied'"):
        Patience(10, Weather()).persist("asking", request)
    assert asked == [1]


def test_patience_ends() -> None:
    """What fails for longer says how often it was tried, and how it failed in the end."""

    def request() -> None:
        raise ConnectionError("no route")

    with pytest.raises(
        StoreError, match=r"asking has failed for 0\.\d s, \d+ times, the last time with: no route"
    ):
        Patience(0.1, Weather()).persist("asking", request)
