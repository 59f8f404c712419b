"""A trace file while it grows, is cut, rotated, deleted or not there yet: its lines, each once."""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING, BinaryIO, Final

from flux_core._errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST_LINE: Final = 16 << 20  # bytes; what is longer is no event, and is passed over
BLOCK: Final = 1 << 20  # bytes that are read at once
HEAD: Final = 512  # bytes by which a file is known again
DATABASE: Final = b"SQLite format 3\0"  # with which one begins


class TraceFile:
    """The lines of a file, as far as they have been read. Nothing is read unless somebody asks.

    Args:
        path: the file; it need not be there yet.
        block: the bytes that are read at once.
        longest: the bytes that a line may have.

    Raises:
        InvalidInput: it is a folder, a pipe, a device or a database, or may not be read.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, block: int = BLOCK, longest: int = LONGEST_LINE
    ) -> None:
        self.path = os.fspath(path)
        self.size = 0
        """Bytes, when it was last looked at."""
        self.read = 0
        """Bytes up to which its lines have been given."""
        self.there = False
        """Whether it was there when it was last looked at."""
        self.beginnings = 0
        """How often it began: when it was first found, cut off, or another file stood in its place."""
        self.too_long = 0
        """Lines that were too long."""
        self._block = block
        self._longest = longest
        self._file: BinaryIO | None = None
        self._seen: tuple[int, ...] = ()
        self._head = b""
        self._tried = 0  # the size at which what stands behind `read` was found to be no whole line
        self._passing = False  # over the rest of a line that is too long
        self.look()

    def look(self) -> bool:
        """Look at the file anew, by a `stat` alone if it has not changed; whether there may be lines to read.

        What a file held that was deleted or replaced meanwhile is read to its end first.

        Raises:
            InvalidInput: as above.
        """
        seen = self._stat()
        self.there = bool(seen)
        if seen[:2] != self._seen[:2] and self._file is not None:
            self.size = os.fstat(self._file.fileno()).st_size
            if self._is_behind():
                return True
        if seen and seen != self._seen:
            self._take(seen)
        return self._is_behind()

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Give the whole lines of the next block, each with its place: the offset of its first byte.

        The last line of the file need not end: what has no end is given if it is a whole object.
        """
        at, block = self.read, self._next_block()
        is_last = at + len(block) >= self.size
        *lines, rest = block.split(b"\n")
        for line in lines:
            begun, at = at, at + len(line) + 1
            self.read = at
            if not self._passing and len(line) <= self._longest:
                yield begun, line
            else:
                self.too_long += not self._passing
                self._passing = False
        if self._passing or len(rest) > self._longest:
            self.too_long += not self._passing
            self._passing, self.read = True, at + len(rest)
        elif is_last and _is_whole(rest):
            self.read = at + len(rest)
            yield at, rest
        elif is_last:
            self._tried = self.size

    def bytes_at(self, at: int, length: int) -> bytes:
        """Return so many bytes from that offset on, or as many as there are."""
        if self._file is None:
            return b""
        self._file.seek(at)
        return self._file.read(length)

    def close(self) -> None:
        """Close the file; what it holds is begun anew if it is looked at again."""
        if self._file is not None:
            self._file.close()
            self._file, self._seen = None, ()

    def _stat(self) -> tuple[int, ...]:
        """Return what tells a file from another and one state of it from the next; nothing if it is not there."""
        try:
            found = os.stat(self.path)  # noqa: PTH116 (pathlib costs more to load than it is worth here)
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise self._refusal(error.strerror) from error
        if not stat.S_ISREG(found.st_mode):
            raise self._refusal("it is a folder, a pipe or a device")
        return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns

    def _is_behind(self) -> bool:
        return self.size > max(self.read, self._tried)

    def _take(self, seen: tuple[int, ...]) -> None:
        """Go on behind what was read, or from the beginning if it is another file or has other bytes there."""
        same = seen[:2] == self._seen[:2] and seen[2] >= self.read
        if not same or self.bytes_at(0, len(self._head)) != self._head:
            self.close()
            try:
                self._file = open(self.path, "rb", buffering=0)  # noqa: SIM115, PTH123 (it stays open; as above)
            except FileNotFoundError:  # it has been rotated since
                self.there = False
                return
            except OSError as error:
                raise self._refusal(error.strerror) from error
            if self._file.read(len(DATABASE)) == DATABASE:
                self.close()
                raise self._refusal("it is an SQLite database, as stores are, and no trace")
            self.read = self._tried = 0
            self._passing = False
            self.beginnings += 1
        self._seen, self.size, self._tried = seen, seen[2], 0
        self._head = self.bytes_at(0, min(HEAD, self.size))

    def _next_block(self) -> bytes:
        """Return what follows: a block, or as many as one line takes up to the length that is too long."""
        block = more = self.bytes_at(self.read, self._block)
        while more and b"\n" not in more and len(block) <= self._longest:
            more = self.bytes_at(self.read + len(block), len(block))
            block += more
        return block

    def _refusal(self, why: str | None) -> InvalidInput:
        return InvalidInput(f"the trace file {self.path} cannot be read: {why}")


def _is_whole(rest: bytes) -> bool:
    """Whether the end of a file is a whole object, to which only the end of its line is to come."""
    if not rest.rstrip().endswith(b"}"):
        return False
    try:
        json.loads(rest)
    except (ValueError, RecursionError):
        return False
    return True
