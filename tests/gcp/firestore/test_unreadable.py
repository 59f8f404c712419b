"""One run that cannot be read: it is told, it hides no other, and it can be removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from gcp.firestore.stored import parts_at, reference

from flux_core import Conflict, Engine, RunStatus, StoreError, Workflow
from flux_core.storage import Query, Record

if TYPE_CHECKING:
    from flux_gcp import FirestoreStorage

pytestmark = pytest.mark.xdist_group("firestore")

ORDER: Workflow[Any, Any] = Workflow("order").step("only", lambda ctx: None)
RUN = Record("spoilt", "order", RunStatus.SUSPENDED, 1, "w", 100.0, 100.0, 100.0, b"{}")
SPOILT = pytest.mark.parametrize(
    ("fields", "told"),
    [
        (
            {"v": 2},
            "run 'spoilt' was written by a newer Flux (format 2, this one knows 1); upgrade flux-serverless",
        ),
        ({"v": "one"}, "the document of run 'spoilt' cannot be read: TypeError"),
        ({"expires_at": 3}, "the document of run 'spoilt' cannot be read: AttributeError"),
        ({"elsewhere": "1.gone"}, "the document of run 'spoilt' is missing from the collection 'flux-runs'"),
        ({"document": b"?"}, "the document of run 'spoilt' cannot be read"),
    ],
)


@SPOILT
def test_a_run_that_cannot_be_read_hides_no_other(
    storage: FirestoreStorage, caplog: pytest.LogCaptureFixture, fields: dict[str, Any], told: str
) -> None:
    """A tick goes on with the others, a list shows them, and both log which run they pass over, and why."""
    engine = Engine(storage)
    storage.create(RUN)
    reference(storage, RUN.id).update(fields)
    engine.start(ORDER, {}, id="sound")
    assert engine.tick([ORDER]).claimed == 1
    assert told in caplog.text
    caplog.clear()
    assert [record.id for record in storage.find(Query()).records] == ["sound"]
    assert told in caplog.text


@SPOILT
def test_a_run_that_cannot_be_read_can_be_removed(
    storage: FirestoreStorage, fields: dict[str, Any], told: str
) -> None:
    """Whoever asks for it is told what is wrong; `delete` removes it with all that stands beside it."""
    storage.put_blob(RUN.id, "key", b"value")
    storage.create(RUN)
    reference(storage, RUN.id).update(fields)
    with pytest.raises(StoreError) as caught:
        storage.load(RUN.id)
    assert told in str(caught.value)
    storage.delete(RUN.id)
    assert storage.load(RUN.id) is None
    assert parts_at(storage, RUN.id) == {}


def test_a_save_over_what_cannot_be_read_is_a_conflict(storage: FirestoreStorage) -> None:
    """A newer Flux has gone on with the run: this one writes nothing over it."""
    storage.create(RUN)
    reference(storage, RUN.id).update({"v": 2, "revision": 2})
    with pytest.raises(Conflict):
        storage.save(RUN._replace(revision=2), replaces=1)
    assert reference(storage, RUN.id).get().get("v") == 2


def test_a_document_of_something_else_is_told(storage: FirestoreStorage) -> None:
    """A collection that is not one of Flux alone is not taken for one."""
    reference(storage, "invoice").set({"total": 3})
    with pytest.raises(StoreError, match="the document of run 'invoice' cannot be read: KeyError"):
        storage.load("invoice")
