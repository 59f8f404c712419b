"""A function on Google's own server for functions, functions-framework, as Cloud Run starts it.

with FunctionsFramework(folder / "main.py", "order") as function:
    requests.post(function.url, ...)
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

from .require import skip_or_fail
from .server import Server

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class FunctionsFramework(Server):
    """One function of a source file.

    Args:
        source: the file, `main.py`.
        target: the name of the function in it.
        signature: `http` or `cloudevent`.
        asgi: serve a coroutine function on an event loop.
        environment: the function's settings, in which `{url}` stands for its own URL.
    """

    name = "functions-framework"

    def __init__(
        self,
        source: Path,
        target: str,
        *,
        signature: str = "http",
        asgi: bool = False,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        if find_spec("functions_framework") is None:
            skip_or_fail("functions-framework is not installed; it is in the dev group")
        self._source = source
        self._arguments = ["--target", target, "--signature-type", signature, *(["--asgi"] if asgi else [])]
        self._environment = environment or {}

    @property
    def url(self) -> str:
        """Where it takes requests."""
        return f"http://127.0.0.1:{self.port}/"

    def command(self) -> list[str]:
        """Return how the function's image starts it, apart from the host, which there is every interface."""
        return [
            *(sys.executable, "-m", "functions_framework", "--source", str(self._source)),
            *self._arguments,
            *("--host", "127.0.0.1", "--port", str(self.port)),
        ]

    def environment(self) -> Mapping[str, str]:
        """Return the function's settings."""
        return {name: value.format(url=self.url) for name, value in self._environment.items()}
