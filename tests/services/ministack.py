"""A whole AWS on this machine: MiniStack, with the permissions of IAM enforced.

    with MiniStack() as aws:
        boto3.client("sqs", endpoint_url=aws.endpoint, ...)

A function that is deployed to it runs in a process of its own, with MiniStack's Python, whatever its runtime says,
and with the rights of its role. What stands in for Lambda's own packages (boto3, botocore) is in that environment.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from .ports import free_port
from .tool_venv import tool_venv

if TYPE_CHECKING:
    from types import TracebackType

_VERSION = "1.5.33"
# The translator reads SAM templates. MiniStack pins botocore, and boto3 goes with it.
_PACKAGES = (f"ministack=={_VERSION}", "boto3", "aws-sam-translator==1.115.0")
_GRACE = 60.0
"""Seconds that the server is given to listen, or to end."""


class MiniStack:
    """One server with nothing in it, from entering the context to leaving it; its log goes with it.

    The access key `test` is the account's root, which may do all; a role may do what its policies say.
    """

    def __enter__(self) -> Self:
        program = tool_venv(f"ministack-{_VERSION}", *_PACKAGES) / "ministack"
        with ExitStack() as stack:
            self._folder = Path(
                stack.enter_context(
                    tempfile.TemporaryDirectory(prefix="ministack-", ignore_cleanup_errors=True)
                )
            )
            self._port = free_port()
            self._server = self._start(program)
            stack.callback(self._stop)
            self._wait_until_ready()
            self._resources = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._resources.close()

    @property
    def endpoint(self) -> str:
        """The URL of all its services."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def log(self) -> str:
        """What it has written so far."""
        return (self._folder / "log").read_text(errors="replace")

    def _start(self, program: Path) -> subprocess.Popen[bytes]:
        environment = {
            "PATH": os.pathsep.join((str(program.parent), os.environ.get("PATH", os.defpath))),
            "HOME": str(self._folder),
            "TMPDIR": str(self._folder),
            "AUTH": "true",
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self._port),
            "LAMBDA_EXECUTOR": "local",
            "SFTP_ENABLED": "0",
            "IOT_MTLS_ENABLED": "0",
        }
        with (self._folder / "log").open("wb") as log:
            return subprocess.Popen(
                [program],
                cwd=self._folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + _GRACE
        while time.monotonic() < deadline and self._server.poll() is None:
            with (
                suppress(ConnectionRefusedError),
                socket.create_connection(("127.0.0.1", self._port), _GRACE),
            ):
                return
            time.sleep(0.05)
        raise RuntimeError(f"MiniStack does not answer on port {self._port}; its log:\n{self.log}")

    def _stop(self) -> None:
        """End the server; then the processes of the functions, which are in its group."""
        self._server.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._server.wait(_GRACE)
        with suppress(ProcessLookupError):
            os.killpg(self._server.pid, signal.SIGKILL)
        self._server.wait()
