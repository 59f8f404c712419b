"""Virtual environments of tools that tests run but nothing imports: made once, kept in `.cache/services/`."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from functools import cache
from pathlib import Path

from .python import python as interpreter
from .require import skip_or_fail

CACHE = Path(__file__).resolve().parents[2] / ".cache" / "services"
_MADE = "made"
"""A file in an environment that says it is whole: one that was interrupted is made anew."""


def tool_venv(name: str, *requirements: str, python: str | None = None) -> Path:
    """Return the `bin` folder of the environment `name`, which holds `requirements` and is made once.

    Put the version of what counts into the name: another version is another environment. Several processes
    may ask at once: one makes it, the others wait. The test is skipped if it cannot be installed.

    Args:
        name: the environment's.
        requirements: what is installed.
        python: the version of Python, such as `3.13`; that of this process by default.
    """
    made = _made(name, requirements, python)
    if isinstance(made, str):
        skip_or_fail(made)
    return made


def reason(failed: subprocess.CompletedProcess[str]) -> str:
    """Return what a command that failed said, in one line, or at least how it ended."""
    return " ".join(failed.stderr.split())[-400:] or f"it exited with {failed.returncode}"


@cache
def _made(name: str, requirements: tuple[str, ...], version: str | None) -> Path | str:
    """Return the environment, or why it cannot be had; asked once a process, because uv is slow to give up."""
    CACHE.mkdir(parents=True, exist_ok=True)
    folder = CACHE / name
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (folder / _MADE).exists():
            return folder / "bin"
        base = interpreter(version or f"{sys.version_info.major}.{sys.version_info.minor}")
        if isinstance(base, str):
            return base
        subprocess.run([base, "-m", "venv", "--clear", "--symlinks", "--without-pip", folder], check=True)
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
