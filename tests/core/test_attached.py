"""What a process remembers of the rows that it has seen."""

from __future__ import annotations

from flux_core.storage._rows import attached
from flux_core.storage._rows.attached import Attached, Memory, Seen

DOCUMENT = Attached(document="2.abc")
SECOND = Seen(2, DOCUMENT, "etag-2")


def test_a_later_revision_is_not_forgotten_for_an_earlier_one() -> None:
    """A reader that is late does not undo what a save has just left."""
    memory = Memory()
    memory.see("order-1", SECOND)
    memory.see("order-1", Seen(1, Attached(document="1.abc"), "etag-1"))
    assert memory.at("order-1", 2) == SECOND


def test_of_another_revision_only_the_blobs_are_known() -> None:
    """A document and a version belong to one revision, a blob to the run."""
    memory = Memory()
    memory.see("order-1", SECOND)
    memory.see_blob("order-1")
    assert memory.at("order-1", 2) == SECOND._replace(attached=DOCUMENT._replace(blobs=True))
    assert memory.at("order-1", 1) == Seen(1, Attached(blobs=True))


def test_the_run_longest_unseen_is_forgotten() -> None:
    """A process that serves many runs remembers the last of them."""
    memory = Memory()
    for number in range(attached.REMEMBERED + 1):
        memory.see(f"order-{number}", SECOND)
    assert memory.at("order-0", 2) == Seen(2)
    assert memory.at("order-1", 2) == SECOND
