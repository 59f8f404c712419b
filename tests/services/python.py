"""Other Pythons than the one that runs: found on this machine, or fetched once by uv."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from shutil import which


@cache
def python(version: str) -> Path | str:
    """Return the interpreter of that version, such as `3.13`, or why it cannot be had."""
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        return Path(sys.executable)
    found = next((path for path in _candidates(version) if _is(version, path)), None)
    return found or _fetched(version)


def _candidates(version: str) -> list[Path]:
    """Return where it may be: on the PATH, where it may be a shim that leads nowhere, or among pyenv's."""
    on_path = which(f"python{version}")
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    return [
        *([Path(on_path)] if on_path else []),
        *sorted(pyenv.glob(f"{version}.*/bin/python{version}")),
    ]


def _is(version: str, path: Path) -> bool:
    said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
    return said.returncode == 0 and said.stdout.startswith(f"Python {version}.")


def _fetched(version: str) -> Path | str:
    """Return the interpreter that uv keeps, fetched if it is not there, or why it cannot be had."""
    uv = [sys.executable, "-m", "uv", "python"]
    fetched = subprocess.run(
        [*uv, "install", "--quiet", version], capture_output=True, text=True, check=False
    )
    found = subprocess.run(
        [*uv, "find", "--managed-python", version], capture_output=True, text=True, check=False
    )
    if found.returncode == 0:
        return Path(found.stdout.strip())
    said = " ".join((fetched.stderr or found.stderr).split())[-400:]
    return f"Python {version} is missing, and uv cannot fetch it: {said}; install it, and put it on the PATH"
