"""Containers: podman behind the interface of Docker, with a storage and a configuration of its own.

    with Podman() as podman:
        subprocess.run(["sam", "local", "invoke", ...], env=os.environ | podman.environment)

It needs root, podman and runc, and leaves the machine's own containers and settings alone. When the context is left
all that it made is gone.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from .require import skip_or_fail

if TYPE_CHECKING:
    from types import TracebackType

HOST = "host.containers.internal"
"""The name by which a container reaches this machine."""

_GRACE = 30.0
"""Seconds that the service is given to listen, or to end."""
_NEEDED = ("podman", "runc", "iptables")
# runc takes the mixed control groups on which crun gives up; higher limits than these may not be permitted. Locks,
# networks and state of its own keep it from those of the machine's podman, also when it is reset at the end.
_CONTAINERS = """
[containers]
default_ulimits = ["nofile=20000:20000", "nproc=4096:4096"]
log_driver = "k8s-file"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
lock_type = "file"
runtime = "runc"
tmp_dir = "{folder}/state"
[network]
network_config_dir = "{folder}/networks"
"""
_STORAGE = """
[storage]
driver = "overlay"
graphroot = "{folder}/images"
runroot = "{folder}/run"
"""


class Podman:
    """One podman, from entering the context to leaving it.

    `environment` is what programs need to find it: Docker's own variable for those that speak to a Docker daemon.
    """

    def __enter__(self) -> Self:
        if missing := [program for program in _NEEDED if shutil.which(program) is None]:
            skip_or_fail(
                f"{', '.join(missing)} cannot be found:"
                " apt-get install podman runc iptables containernetworking-plugins"
            )
        if os.geteuid() != 0:
            skip_or_fail("containers are made by root here; run the tests as root")
        with ExitStack() as stack:
            self._folder = Path(
                tempfile.mkdtemp(prefix="podman-")
            )  # short: a socket's path has 107 characters
            stack.callback(shutil.rmtree, self._folder, ignore_errors=True)
            self.environment = self._configure()
            stack.callback(self.run, "system", "reset", "--force")
            self._service = self._start()
            stack.callback(self._stop)
            self._wait_until_listening()
            self._resources = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._resources.close()

    def run(self, *arguments: str) -> str:
        """Run podman itself and return what it prints.

        Raises:
            RuntimeError: it failed; the message is what it said.
        """
        ended = subprocess.run(
            [_podman(), *arguments],
            env=os.environ | self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if ended.returncode != 0:
            raise RuntimeError(f"podman {arguments[0]} failed: {ended.stderr.strip()}")
        return ended.stdout

    def _configure(self) -> dict[str, str]:
        containers, storage = self._folder / "containers.conf", self._folder / "storage.conf"
        containers.write_text(_CONTAINERS.format(folder=self._folder))
        storage.write_text(_STORAGE.format(folder=self._folder))
        return {
            "CONTAINERS_CONF": str(containers),
            "CONTAINERS_STORAGE_CONF": str(storage),
            "DOCKER_HOST": f"unix://{self._socket}",
        }

    @property
    def _socket(self) -> Path:
        return self._folder / "podman.sock"

    def _start(self) -> subprocess.Popen[bytes]:
        with (self._folder / "log").open("wb") as log:
            return subprocess.Popen(
                [_podman(), "system", "service", "--time=0", f"unix://{self._socket}"],
                env=os.environ | self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def _wait_until_listening(self) -> None:
        deadline = time.monotonic() + _GRACE
        while time.monotonic() < deadline and self._service.poll() is None:
            with suppress(FileNotFoundError, ConnectionRefusedError), socket.socket(socket.AF_UNIX) as client:
                client.connect(str(self._socket))
                return
            time.sleep(0.02)
        raise RuntimeError(f"podman does not listen; its log:\n{(self._folder / 'log').read_text()}")

    def _stop(self) -> None:
        self._service.terminate()
        try:
            self._service.wait(_GRACE)
        except subprocess.TimeoutExpired:
            self._service.kill()
            self._service.wait()


def _podman() -> str:
    return shutil.which("podman") or "podman"
