"""Firestore as Google itself emulates it.

    with FirestoreEmulator() as server:
        os.environ["FIRESTORE_EMULATOR_HOST"] = server.host

Preconditions and batches are those of the service, and so is the order of what is found. It asks for no credentials,
has every database and every index that it is asked for, and lets nothing expire.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.request import Request, urlopen

from .google_sdk import JAVA, emulator_jar
from .server import Server

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MAIN = "com.google.cloud.datastore.emulator.firestore.CloudFirestore"


class FirestoreEmulator(Server):
    """One server, its documents in memory."""

    name = "the Firestore emulator"

    @property
    def host(self) -> str:
        """What `FIRESTORE_EMULATOR_HOST` is to say."""
        return f"127.0.0.1:{self.port}"

    def command(self) -> Sequence[str | Path]:
        """Return how Java starts it."""
        jar = emulator_jar("cloud-firestore-emulator/cloud-firestore-emulator.jar", "firestore-emulator")
        return [*JAVA, "-cp", jar, MAIN, "--host=127.0.0.1", f"--port={self.port}"]

    def is_ready(self) -> bool:
        """Return whether it answers."""
        with suppress(URLError, OSError), urlopen(f"http://{self.host}/", timeout=self.grace):
            return True
        return False

    def clear(self, project: str) -> None:
        """Remove every document of the project."""
        path = f"emulator/v1/projects/{project}/databases/(default)/documents"
        with urlopen(Request(f"http://{self.host}/{path}", method="DELETE"), timeout=self.grace):
            pass
