"""Azure's tables, queues and blobs as Microsoft itself emulates them: Azurite, from npm.

    with Azurite() as server:
        storage = TableStorage("runs", connection=server.connection)

ETags, batches, leases and visibility are right. Everything is in memory, and listens on 127.0.0.1 alone.
"""

from __future__ import annotations

import fcntl
import shutil
import socket
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from .ports import free_port
from .require import skip_or_fail
from .server import Server

_CACHE = Path(__file__).resolve().parents[2] / ".cache" / "services"
_PACKAGE = "azurite@3.37.0"
_ACCOUNT = "devstoreaccount1"
_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""What Microsoft publishes for every emulator: it opens nothing else."""


def program() -> Path:
    """Return the script that node runs, fetched once into `.cache/services/` with what it depends on.

    Several processes may ask at once: one fetches, the others wait for it.
    """
    script = fetched()
    if isinstance(script, str):
        skip_or_fail(script)
    return script


@cache
def fetched() -> Path | str:
    """Return the script, or why it cannot be had; asked once a process, because npm is slow to give up."""
    if shutil.which("node") is None:
        return "Azurite needs Node.js, and there is no `node` on the PATH; install Node.js 18 or newer"
    folder = _CACHE / _PACKAGE.replace("@", "-")
    _CACHE.mkdir(parents=True, exist_ok=True)
    with (_CACHE / "azurite.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        missing = None if folder.exists() else _fetch(folder)
    return missing or folder / "node_modules" / "azurite" / "dist" / "src" / "azurite.js"


def _fetch(folder: Path) -> str | None:
    """Install the package and what it depends on into the folder; return why that cannot be done, if it cannot."""
    npm = shutil.which("npm")
    by_hand = f"run `npm install --prefix {folder} {_PACKAGE}` where it can"
    if npm is None:
        return f"Azurite is missing, and there is no `npm` on the PATH to fetch {_PACKAGE}; install npm, or {by_hand}"
    with tempfile.TemporaryDirectory(dir=_CACHE) as scratch:
        quietly = ("--silent", "--no-audit", "--no-fund", "--ignore-scripts")
        command = [npm, "install", *quietly, "--prefix", f"{scratch}/azurite", _PACKAGE]
        install = subprocess.run(command, capture_output=True, text=True, check=False, cwd=scratch)
        if install.returncode != 0:
            reason = (install.stderr.strip().splitlines() or [f"it exited with {install.returncode}"])[-1]
            return f"Azurite is missing, and npm cannot fetch {_PACKAGE}: {reason}; {by_hand}"
        Path(scratch, "azurite").replace(folder)
    return None


class Azurite(Server):
    """One server for the three services; `port` is that of the tables.

    With a `certificate`, the files of it and of its key, it serves https, and lets in who brings a token beside who
    brings a key; it looks at what a token says, not at who has signed it.
    """

    name = "Azurite"
    grace = 60.0

    def __init__(self, certificate: tuple[Path, Path] | None = None) -> None:
        self._certificate = certificate

    def command(self) -> list[str]:
        """Return how node starts it."""
        self._queue_port, self._blob_port = free_port(), free_port()
        ports = {"blob": self._blob_port, "queue": self._queue_port, "table": self.port}
        listening = [
            text
            for service, port in ports.items()
            for text in (f"--{service}Host", "127.0.0.1", f"--{service}Port", str(port))
        ]
        flags = ("--inMemoryPersistence", "--silent", "--skipApiVersionCheck", "--disableTelemetry")
        return ["node", str(program()), *flags, *listening, *self._by_token()]

    def _by_token(self) -> list[str]:
        if self._certificate is None:
            return []
        certificate, key = map(str, self._certificate)
        return ["--oauth", "basic", "--cert", certificate, "--key", key]

    def is_ready(self) -> bool:
        """Return whether all three services listen."""
        try:
            for port in (self.port, self._queue_port, self._blob_port):
                socket.create_connection(("127.0.0.1", port), self.grace).close()
        except OSError:
            return False
        return True

    @property
    def table_url(self) -> str:
        """The address of the tables."""
        return self._url(self.port)

    @property
    def queue_url(self) -> str:
        """The address of the queues."""
        return self._url(self._queue_port)

    @property
    def blob_url(self) -> str:
        """The address of the blobs."""
        return self._url(self._blob_port)

    @property
    def connection(self) -> str:
        """The connection string of the account."""
        return (
            f"AccountName={_ACCOUNT};AccountKey={_KEY};"
            f"TableEndpoint={self.table_url};QueueEndpoint={self.queue_url};BlobEndpoint={self.blob_url}"
        )

    def _url(self, port: int) -> str:
        scheme = "http" if self._certificate is None else "https"
        return f"{scheme}://127.0.0.1:{port}/{_ACCOUNT}"
