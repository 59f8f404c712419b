"""What a process remembers to stand beside its runs."""

from __future__ import annotations

from flux_aws._dynamodb import attached
from flux_aws._dynamodb.attached import NOTHING, Attached, Memory

DOCUMENT = Attached(document="2.abc")


def test_a_later_revision_is_not_forgotten_for_an_earlier_one() -> None:
    """A reader that is late does not undo what a save has just left."""
    memory = Memory()
    memory.see("order-1", 2, DOCUMENT)
    memory.see("order-1", 1, Attached(document="1.abc"))
    assert memory.beside("order-1", 2) == DOCUMENT


def test_of_another_revision_only_the_blobs_are_known() -> None:
    """A document belongs to one revision, a blob to the run."""
    memory = Memory()
    memory.see("order-1", 2, DOCUMENT)
    memory.see_blob("order-1")
    assert memory.beside("order-1", 2) == DOCUMENT._replace(blobs=True)
    assert memory.beside("order-1", 1) == Attached(blobs=True)


def test_the_run_longest_unseen_is_forgotten() -> None:
    """A process that serves many runs remembers the last of them."""
    memory = Memory()
    for number in range(attached.REMEMBERED + 1):
        memory.see(f"order-{number}", 1, DOCUMENT)
    assert memory.beside("order-0", 1) == NOTHING
    assert memory.beside("order-1", 1) == DOCUMENT
