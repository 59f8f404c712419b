"""What a process remembers of the rows that it has seen."""

from __future__ import annotations

from flux_core.storage._rows import attached
from flux_core.storage._rows.attached import Attached, Memory, Seen

SECOND = Seen(50.0, 2, Attached(document="2.abc"), "etag-2")


def test_a_later_revision_is_not_forgotten_for_an_earlier_one() -> None:
    """A reader that is late does not undo what a save has just left."""
    memory = Memory()
    memory.see("order-1", SECOND)
    memory.see("order-1", Seen(50.0, 1, Attached(document="1.abc"), "etag-1"))
    assert memory.at("order-1", 50.0, 2) == SECOND


def test_another_life_takes_the_place_of_the_one_before() -> None:
    """A run that was made anew under an id begins with revision 1 again."""
    memory = Memory()
    memory.see("order-1", SECOND)
    first = Seen(60.0, 1, Attached(), "etag-3")
    memory.see("order-1", first)
    assert (memory.at("order-1", 60.0, 1), memory.at("order-1", 50.0, 2)) == (first, None)


def test_only_the_revision_that_was_seen_is_known() -> None:
    """What stands beside another one has to be read; that a blob was stored holds for all of them."""
    memory = Memory()
    memory.see("order-1", SECOND)
    memory.see_blob("order-1")
    assert memory.at("order-1", 50.0, 1) is None
    assert (memory.has_blobs("order-1"), memory.has_blobs("order-2")) == (True, False)
    memory.forget("order-1")
    assert (memory.has_blobs("order-1"), memory.at("order-1", 50.0, 2)) == (False, None)


def test_the_run_longest_unseen_is_forgotten() -> None:
    """A process that serves many runs remembers the last of them."""
    memory = Memory()
    for number in range(attached.REMEMBERED + 1):
        memory.see(f"order-{number}", SECOND)
    assert (memory.at("order-0", 50.0, 2), memory.at("order-1", 50.0, 2)) == (None, SECOND)
