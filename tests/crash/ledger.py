"""The outside world of the crash tests, in a process of its own: a ledger that outlives those who write to it.

`python ledger.py LOG` prints the port that it listens on, and ends with its input. Each line that it is sent stands in
the log, and on the disk, before it answers.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple, Self

if TYPE_CHECKING:
    from collections.abc import Iterator

EFFECT, RECORDED = "effect", "recorded"
LATENCY = 0.004
"""Seconds that an effect takes to be had, and then to be answered: a death may fall before it, or between the two."""


class Line(NamedTuple):
    """What a process had the ledger note."""

    kind: str
    """`effect`: an attempt had its effect; `recorded`: a run was saved with what it belongs to as completed."""
    key: str
    """The idempotency key of the node or of its compensation."""
    attempt: int
    """Which attempt had the effect, or how many attempts the record that was saved shows."""
    pid: int

    def __str__(self) -> str:
        return " ".join(map(str, self))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the line that stands so in the log."""
        kind, key, attempt, pid = text.split()
        return cls(kind, key, int(attempt), int(pid))


class Ledger:
    """A process's connection to the ledger."""

    def __init__(self, port: int) -> None:
        self._lock = Lock()
        with socket.create_connection(("127.0.0.1", port)) as connection:
            self._file = connection.makefile("rwb")

    def note(self, kind: str, key: str, attempt: int) -> None:
        """Have a line written; when this returns it stands."""
        with self._lock:
            self._file.write(f"{Line(kind, key, attempt, os.getpid())}\n".encode())
            self._file.flush()
            assert self._file.readline() == b"written\n", "the ledger has gone"

    def close(self) -> None:
        """Close the connection."""
        self._file.close()


@contextmanager
def open_ledger(log: Path) -> Iterator[int]:
    """Run a ledger that writes to the file; give its port."""
    command = [sys.executable, __file__, str(log)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())


def read(log: Path) -> list[Line]:
    """Return what was written, in order."""
    return [Line.parse(text) for text in log.read_text().splitlines()]


async def serve(log: Path) -> None:
    """Write what is sent until the input ends."""
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    async def write(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):  # it was killed
            while (line := await reader.readline()).endswith(b"\n"):  # or has left half a line
                latency = LATENCY if line.startswith(EFFECT.encode()) else 0.0
                await asyncio.sleep(latency)
                os.write(file, line)
                os.fsync(file)
                await asyncio.sleep(latency)
                writer.write(b"written\n")

    server = await asyncio.start_server(write, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
