"""Virtual environments of tools that tests run but nothing imports: made once, kept in `.cache/services/`."""

from __future__ import annotations

import fcntl
import subprocess
import sys
import venv
from functools import cache
from pathlib import Path

from .require import skip_or_fail

CACHE = Path(__file__).resolve().parents[2] / ".cache" / "services"
_MADE = "made"
"""A file in an environment that says it is whole: one that was interrupted is made anew."""


def tool_venv(name: str, *requirements: str) -> Path:
    """Return the `bin` folder of the environment `name`, which holds `requirements` and is made once.

    Put the version of what counts into the name: another version is another environment. Several processes
    may ask at once: one makes it, the others wait. The test is skipped if it cannot be installed.
    """
    made = _made(name, requirements)
    if isinstance(made, str):
        skip_or_fail(made)
    return made


def reason(failed: subprocess.CompletedProcess[str]) -> str:
    """Return what a command that failed said, in one line, or at least how it ended."""
    return " ".join(failed.stderr.split())[-400:] or f"it exited with {failed.returncode}"


@cache
def _made(name: str, requirements: tuple[str, ...]) -> Path | str:
    """Return the environment, or why it cannot be had; asked once a process, because uv is slow to give up."""
    CACHE.mkdir(parents=True, exist_ok=True)
    folder = CACHE / name
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (folder / _MADE).exists():
            return folder / "bin"
        venv.create(folder, clear=True, symlinks=True)
        # uv does in seconds what takes pip half a minute
        uv = [
            sys.executable,
            "-m",
            "uv",
            "pip",
            "install",
            "--quiet",
            "--no-cache",
            "--no-config",
            "--python",
        ]
        installed = subprocess.run(
            [*uv, folder / "bin" / "python", *requirements], capture_output=True, text=True, check=False
        )
        if installed.returncode != 0:
            return f"{name} is missing and uv cannot install {' '.join(requirements)}: {reason(installed)}"
        (folder / _MADE).touch()
        return folder / "bin"
