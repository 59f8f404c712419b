"""A function app of Azure in Microsoft's own Python worker: its library, which the Functions host talks to.

    with AzureWorker(folder, env={"FLUX_STORE": ...}) as worker:
        worker.functions["http_orders"]
        worker.call("http_orders", {"request": http("POST", order)}).http

The worker loads `function_app.py` of the folder, indexes it, which finds what Azure would refuse, and calls its
functions with what a trigger delivers. There is no host: nothing polls a queue, no timer ticks.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import tempfile
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self
from uuid import uuid4

from .tool_venv import tool_venv

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import TracebackType

_VERSION = "1.3.0"
_PYTHON = "3.13"  # the only one that this worker is made for
PACKAGES: Final = ("azure-data-tables==12.7.0", "azure-storage-queue==12.18.1")
_REPOSITORY = Path(__file__).resolve().parents[2]
_PROGRAM = Path(__file__).with_name("azure_worker_process.py")

TRACEPARENT: Final = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
"""What the host says of the trace that an invocation belongs to, if a test says nothing else."""


class FunctionFound(NamedTuple):
    """A function as the worker has indexed it."""

    bindings: list[dict[str, Any]]
    retries: int | None
    """How often its retry policy has the host repeat an invocation; None without one."""


class Called(NamedTuple):
    """What came of an invocation."""

    error: str | None
    """The exception as the host is told of it; None if the function returned."""
    http: dict[str, Any] | None
    """The answer to an HTTP request: `status, headers, body`."""
    logs: list[dict[str, str]]
    """What was logged meanwhile: `level, logger, text`."""


class NotIndexed(Exception):
    """The worker refuses the function app, as Azure would."""


class AzureWorker:
    """One worker, from entering the context to leaving it.

    Args:
        folder: the function app's.
        env: variables of the worker, beside those of this process.
        packages: what is installed beside the library and azure-functions; by default what `flux_azure` needs.
        path: where modules are found beside those; by default Flux, as it is in this repository.

    Raises:
        NotIndexed: the function app cannot be loaded; raised on entering.
    """

    def __init__(
        self,
        folder: Path,
        *,
        env: Mapping[str, str] | None = None,
        packages: tuple[str, ...] = PACKAGES,
        path: Iterable[Path] = (_REPOSITORY, _REPOSITORY / "adapters"),
    ) -> None:
        self._folder = folder
        self._env = env or {}
        self._packages = packages
        self._path = path
        self.functions: dict[str, FunctionFound] = {}

    def __enter__(self) -> Self:
        name = "-".join((f"azure-functions-runtime-{_VERSION}", *self._packages)).replace("==", "-")
        installed = tool_venv(name, f"azure-functions-runtime=={_VERSION}", *self._packages, python=_PYTHON)
        with ExitStack() as stack:
            self._log = stack.enter_context(tempfile.TemporaryFile("w+"))
            self._process = stack.enter_context(
                subprocess.Popen(
                    [installed / "python", _PROGRAM, self._folder],
                    cwd=self._folder,
                    env=self._environment(),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=self._log,
                    text=True,
                )
            )
            stack.callback(self._end)
            found = self._answer()
            if "error" in found:
                raise NotIndexed(found["error"])
            self.functions = {name: FunctionFound(**told) for name, told in found["functions"].items()}
            self._resources = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._resources.close()

    def call(
        self,
        function: str,
        inputs: Mapping[str, Any],
        metadata: Mapping[str, Any] | None = None,
        *,
        traceparent: str = TRACEPARENT,
        retries: tuple[int, int] = (0, 0),
    ) -> Called:
        """Invoke a function.

        Args:
            function: its name.
            inputs: by parameter, data as the functions below make it.
            metadata: what the trigger says beside.
            traceparent: the trace that the invocation belongs to, in W3C's words.
            retries: how often the host has repeated it, and how often it may.

        Raises:
            RuntimeError: the worker has ended.
        """
        call = {
            "id": str(uuid4()),
            "function": function,
            "inputs": dict(inputs),
            "metadata": dict(metadata or {}),
            "traceparent": traceparent,
            "retries": retries,
        }
        assert self._process.stdin is not None
        print(json.dumps(call), file=self._process.stdin, flush=True)
        return Called(**self._answer())

    def kill(self) -> None:
        """End the process at once, as the host does with one whose function has no time left; any thread may."""
        self._process.kill()

    def _environment(self) -> dict[str, str]:
        own = {
            name: value for name, value in os.environ.items() if not name.startswith(("COVERAGE_", "PYTHON"))
        }
        return {**own, **self._env, "PYTHONPATH": os.pathsep.join(map(str, self._path))}

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._log.seek(0)
            raise RuntimeError(f"the worker has ended; its log:\n{self._log.read()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _end(self) -> None:
        """Let the process end as nothing is left to read, or make it."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # it may be dead
            self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()


def text(value: str) -> dict[str, Any]:
    """Return data that is text."""
    return {"string": value}


def as_json(value: object) -> dict[str, Any]:
    """Return data that is JSON."""
    return {"json": json.dumps(value)}


def http(
    method: str, body: str | bytes, headers: Mapping[str, str] | None = None, *, path: str = "/api/orders"
) -> dict[str, Any]:
    """Return an HTTP request; its path is percent-encoded, and may have a query."""
    raw = body.encode() if isinstance(body, str) else body
    carried = {"bytes": base64.b64encode(raw).decode()}
    url = f"https://orders.example{path}"
    return {"http": {"method": method, "url": url, "headers": dict(headers or {}), "body": carried}}
