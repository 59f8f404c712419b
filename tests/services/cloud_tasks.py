"""Cloud Tasks as gcloud-tasks-emulator plays it: tasks come at their time, and again until they are answered 2xx.

It differs from Google's: it takes a task whose name was taken, sends no token, and never slows down. It listens on
every interface, having no option that names one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .server import Server
from .tool_venv import tool_venv

if TYPE_CHECKING:
    from pathlib import Path

VERSION = "0.6.2"
QUEUE = "projects/flux-tests/locations/europe-west1/queues/flux-wakes"


class CloudTasks(Server):
    """One server with one queue, `QUEUE`, its tasks in memory."""

    name = "Cloud Tasks' emulator"

    def __init__(self) -> None:
        # its server is written for a setuptools that still brings pkg_resources
        self._bin = tool_venv(
            f"gcloud-tasks-emulator-{VERSION}", f"gcloud-tasks-emulator=={VERSION}", "setuptools<81"
        )

    @property
    def endpoint(self) -> str:
        """What to give the waker."""
        return f"127.0.0.1:{self.port}"

    def command(self) -> list[str | Path]:
        """Return how it is started."""
        return [
            self._bin / "gcloud-tasks-emulator",
            *("start", f"--port={self.port}", f"--default-queue={QUEUE}"),
        ]
