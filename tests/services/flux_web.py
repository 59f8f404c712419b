"""The viewer and the HTTP API as a process of their own: `flux serve` or `flux dev`.

with FluxWeb("serve", "--app", f"{folder}/shop.py:app", "--store", f"sqlite:///{folder}/runs.db") as web:
    page.goto(web.url)
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.request import urlopen

from .require import skip_or_fail
from .server import Server

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[2]


class FluxWeb(Server):
    """A command of the command line that serves.

    Args:
        arguments: of the command line, beginning with the command's name; the port is added.
        folder: where it is started; by default this process's own.
        environment: variables beside those of this process.
    """

    name = "flux"

    def __init__(
        self, *arguments: str, folder: Path | None = None, environment: Mapping[str, str] | None = None
    ) -> None:
        for package in ("starlette", "uvicorn"):
            if find_spec(package) is None:
                skip_or_fail(f"{package} is not installed; it is in the dev group")
        self._arguments = arguments
        self._folder = folder
        self._environment = environment or {}

    @property
    def url(self) -> str:
        """Where the viewer is, with a slash at its end."""
        return f"http://127.0.0.1:{self.port}/"

    def command(self) -> list[str]:
        """Return how it is started."""
        return [sys.executable, "-m", "flux_cli", *self._arguments, "--port", str(self.port)]

    def environment(self) -> Mapping[str, str]:
        """Return the given variables; Flux is taken from this checkout."""
        return {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "adapters")]), **self._environment}

    def folder(self) -> Path | None:
        """Return the given folder."""
        return self._folder

    def is_ready(self) -> bool:
        """Return whether it answers, with a store that does or one that does not."""
        with suppress(HTTPError, OSError), urlopen(f"{self.url}viewer/about", timeout=5):  # noqa: S310 (its own)
            return True
        return False
