"""An ASGI application of a source file, on uvicorn.

with Uvicorn(folder, "web:app", environment={...}) as web:
    requests.get(web.url)
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from .require import skip_or_fail
from .server import Server

if TYPE_CHECKING:
    from collections.abc import Mapping

_REPOSITORY = Path(__file__).resolve().parents[2]


class Uvicorn(Server):
    """A server of one application.

    Args:
        folder: where its module is.
        application: the module, a colon, and the application's name in it.
        environment: variables beside those of this process.
    """

    name = "uvicorn"

    def __init__(
        self, folder: Path, application: str, *, environment: Mapping[str, str] | None = None
    ) -> None:
        if find_spec("uvicorn") is None:
            skip_or_fail("uvicorn is not installed; it is in the dev group")
        self._folder = folder
        self._application = application
        self._environment = environment or {}

    def command(self) -> list[str]:
        """Return how it is started."""
        where = ["--host", "127.0.0.1", "--port", str(self.port)]
        return [sys.executable, "-m", "uvicorn", self._application, "--app-dir", str(self._folder), *where]

    def environment(self) -> Mapping[str, str]:
        """Return the given variables; Flux is taken from this checkout."""
        path = os.pathsep.join(map(str, (_REPOSITORY, _REPOSITORY / "adapters")))
        return {"PYTHONPATH": path, **self._environment}
