"""The part of a list of entries that stands outside its document: in pages, each of which names the one before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flux_core._stored import dumps, put_out

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flux_core._entry import Entry

PAGE: Final = 16  # finished entries that stay in the document before a page of them is moved out


class Pages:
    """The pages of a list that only grows, so that what a save writes does not grow with it."""

    __slots__ = ("count", "last")

    def __init__(self, last: str | None = None, count: int = 0) -> None:
        self.last = last
        """The key of the last page that was moved out."""
        self.count = count
        """How many entries stand in pages."""

    def move_out(self, entries: Sequence[Entry], blobs: dict[str, bytes]) -> None:
        """Move all but the last few entries out, as blobs that are still to be stored."""
        while len(entries) - self.count > PAGE:
            end = self.count + PAGE
            texts = ",".join([entry.text for entry in entries[self.count : end]])
            self.last = put_out(f'{{"previous":{dumps(self.last)},"entries":[{texts}]}}', blobs)
            self.count = end

    def text(self, entries: Sequence[Entry]) -> str:
        """Return the entries that stay, as they stand in the document."""
        return f"[{','.join([entry.text for entry in entries[self.count :]])}]"
