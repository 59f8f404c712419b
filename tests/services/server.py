"""A server that a test starts: a process of its own that listens on a free port of this machine."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, ClassVar, Self

from .ports import free_port

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import TracebackType


class Server(ABC):
    """Runs from entering the context to leaving it; a subclass says what is run, and may say when it is ready."""

    name: ClassVar[str]
    """What messages call it."""
    grace: ClassVar[float] = 30.0
    """Seconds that it is given to be ready."""

    port: int
    """Where it listens, on 127.0.0.1."""

    @abstractmethod
    def command(self) -> Sequence[str | Path]:
        """Return the command that has it listen on `port`."""

    def environment(self) -> Mapping[str, str]:
        """Return the variables that it is started with, beside those of this process."""
        return {}

    def folder(self) -> Path | None:
        """Return the folder that it is started in; None for this process's own."""
        return None

    def is_ready(self) -> bool:
        """Return whether it serves: by default, whether it listens."""
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), self.grace):
            return True
        return False

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._log = stack.enter_context(tempfile.TemporaryFile("a+b"))
            self.port = free_port()
            self._process = subprocess.Popen(
                list(self.command()),
                cwd=self.folder(),
                env={**os.environ, **self.environment()},
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            stack.callback(self._end)
            self._wait_until_ready()
            self._resources = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._resources.close()

    @property
    def pid(self) -> int:
        """The id of its process."""
        return self._process.pid

    def log(self) -> str:
        """Return what it has written so far."""
        self._log.seek(0)
        return self._log.read().decode(errors="replace")

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + self.grace
        while time.monotonic() < deadline and self._process.poll() is None:
            if self.is_ready():
                return
            time.sleep(0.02)
        raise RuntimeError(f"{self.name} is not ready on port {self.port}; its log:\n{self.log()}")

    def _end(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)  # workers that it has left behind
