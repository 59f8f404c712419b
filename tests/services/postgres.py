"""PostgreSQL itself: a private cluster in a temporary folder, from entering the context to leaving it.

    with PostgreSQL() as server:
        storage = PostgreSQLStorage(server.url("orders"))

It trusts whoever comes from this machine, except the role `guarded`, who needs the password `secret`; and it does
not wait for the disk.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from .ports import free_port
from .require import skip_or_fail

if TYPE_CHECKING:
    from types import TracebackType

_DEBIAN = Path("/usr/lib/postgresql")
_ACCESS = """\
host  all  guarded    127.0.0.1/32  scram-sha-256
host  all  forbidden  127.0.0.1/32  reject
host  all  all        127.0.0.1/32  trust
"""
_GRACE = 30.0
"""Seconds that the server is given to take connections."""
_SETTINGS = (
    *("-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "full_page_writes=off"),
    *("-c", "shared_buffers=16MB", "-c", "max_connections=60", "-c", "lc_messages=C"),
)


def programs() -> Path:
    """Return the folder of PostgreSQL's programs; Debian keeps them off the PATH."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else sorted(_DEBIAN.glob("*/bin"), reverse=True)
    folder = next((folder for folder in folders if (folder / "postgres").exists()), None)
    if folder is None:
        skip_or_fail(
            f"PostgreSQL is missing: neither on the PATH nor under {_DEBIAN}; apt-get install postgresql"
        )
    return folder


def owner() -> str | None:
    """Return the user that a cluster is run as, None for whoever runs the tests: PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return None
    users = {user.pw_name for user in pwd.getpwall()}
    return "postgres" if "postgres" in users else "nobody"


class PostgreSQL:
    """One server on a free port; its superuser is `flux`."""

    def __enter__(self) -> Self:
        self._programs = programs()
        self._owner = owner()
        self.port = free_port()
        with ExitStack() as stack:
            self._folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="flux-postgres-")))
            if self._owner is not None:
                shutil.chown(self._folder, self._owner)
            self._log = stack.enter_context(tempfile.TemporaryFile("a+b"))
            self._make()
            self.start()
            stack.callback(self.stop)
            self._resources = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._resources.close()

    def url(self, database: str = "postgres", *, user: str = "flux") -> str:
        """Return the URL of a database."""
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start the server over what its folder holds, and wait until it takes connections."""
        self._log.seek(0)
        self._log.truncate()
        place = ("-D", self._data, "-k", self._folder, "-p", str(self.port))
        self._process = subprocess.Popen([self._programs / "postgres", *place, *_SETTINGS], **self._manner())
        deadline = time.monotonic() + _GRACE
        while time.monotonic() < deadline and self._process.poll() is None:
            if self._is_ready():
                return
            time.sleep(0.02)
        self.stop()
        raise RuntimeError(f"PostgreSQL takes no connections on port {self.port}; its log:\n{self._said()}")

    def stop(self) -> None:
        """End the server and all its connections."""
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGINT)  # a fast shutdown
        self._process.wait()

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _is_ready(self) -> bool:
        with suppress(OSError):
            lines = (self._data / "postmaster.pid").read_text().split()
            is_mine = lines[:1] == [str(self._process.pid)]  # it is empty before it is written
            return is_mine and lines[-1] == "ready"
        return False

    def _make(self) -> None:
        options = ("-U", "flux", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N")
        made = subprocess.run(
            [self._programs / "initdb", "-D", self._data, *options], check=False, **self._manner()
        )
        if made.returncode:
            raise RuntimeError(f"initdb exited with {made.returncode}:\n{self._said()}")
        (self._data / "pg_hba.conf").write_text(_ACCESS)

    def _manner(self) -> dict[str, Any]:
        """Return how its programs are run: as its owner, in its folder, their output to its log."""
        manner = {
            "cwd": self._folder,
            "stdin": subprocess.DEVNULL,
            "stdout": self._log,
            "stderr": subprocess.STDOUT,
        }
        if self._owner is None:
            return manner
        return manner | {"user": self._owner, "group": pwd.getpwnam(self._owner).pw_gid, "extra_groups": []}

    def _said(self) -> str:
        self._log.seek(0)
        return self._log.read().decode(errors="replace")
