"""Running pip, and what is told of it when it fails."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from packaging.version import Version

from flux_core import FluxError, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flux_cli._build.platform import Platform

OLDEST: Final = Version("24.2")
"""The first pip that asks of a package whether it supports the Python that is named, and not the one that runs."""
_SETTINGS: Final = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", "PIP_USER": "0"}
_NO_MATCH: Final = re.compile(r"No matching distribution found for (.+)")
_UNREACHABLE: Final = re.compile(r"Retrying \(|ConnectionError|ReadTimeoutError")
_CAUSE: Final = re.compile(r"connection broken by '(.+)'")
_ERROR: Final = re.compile(r"^ERROR: (.+)", re.MULTILINE)


class PipFailed(FluxError, RuntimeError):
    """Pip is not there, or did not do what it was asked."""

    code = "PIP_FAILED"


class Pip:
    """Pip of this Python, or one that uv brings; it installs wheels for one platform, and runs in one folder."""

    def __init__(self, platform: Platform, folder: Path) -> None:
        self._platform = platform
        self._folder = folder
        self._command = command()

    def resolve(self, arguments: Sequence[str]) -> list[dict[str, Any]]:
        """Return what would be installed for the arguments: the `install` of pip's report, by PEP 751's forerunner.

        Raises:
            InvalidInput: no set of wheels serves; the message names the requirement.
            PipFailed: there is no pip, or the index cannot be reached.
        """
        with tempfile.TemporaryDirectory(prefix="flux-build-") as folder:
            report = Path(folder, "report.json")
            options = ["--dry-run", "--ignore-installed", "--report", str(report), "--target", folder]
            self._install([*options, *arguments])
            found: list[dict[str, Any]] = json.loads(report.read_text(encoding="utf-8"))["install"]
        return found

    def install(self, lock: str, folder: Path) -> None:
        """Install what the lock pins into the folder, and nothing else."""
        with tempfile.TemporaryDirectory(prefix="flux-build-") as home:
            pins = Path(home, "lock.txt")
            pins.write_text(lock, encoding="utf-8")
            options = ["--no-deps", "--no-compile", "--require-hashes", "--target", str(folder)]
            self._install([*options, "--requirement", str(pins)])

    def _install(self, arguments: Sequence[str]) -> None:
        ended = subprocess.run(  # noqa: S603 (pip, without a shell)
            [*self._command, "install", "--quiet", *self._platform.pip_options(), *arguments],
            cwd=self._folder,
            env=os.environ | _SETTINGS,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if ended.returncode:
            raise self._failure(ended.stderr)

    def _failure(self, said: str) -> FluxError:
        if _UNREACHABLE.search(said):
            cause = (_CAUSE.findall(said) or [_last_line(said)])[-1]
            return PipFailed(f"the package index cannot be reached: {cause}")
        if missing := _NO_MATCH.search(said):
            return InvalidInput(
                f"{missing[1]} has no wheel for Linux, {self._platform}: another version may have, or it is to be"
                " built as one and found through PIP_FIND_LINKS; pip install takes the same name",
                path="requirements",
            )
        errors = " ".join(_ERROR.findall(said)) or _last_line(said)
        return InvalidInput(f"pip cannot install what the project requires: {errors}", path="requirements")


def command() -> list[str]:
    """Return how pip is called.

    Raises:
        PipFailed: there is none, or an old one, nor uv, which could bring one.
    """
    found = version("pip") if find_spec("pip") else None
    if found is not None and Version(found) >= OLDEST:
        return [sys.executable, "-m", "pip"]
    if uv := shutil.which("uv"):
        return [uv, "tool", "run", "--quiet", "pip"]
    if found is None:
        raise PipFailed(f"{sys.executable} has no pip, and there is no uv: {sys.executable} -m ensurepip")
    raise PipFailed(
        f"pip {found} goes by the Python that it runs on, and not by the cloud's; flux build needs pip {OLDEST} or"
        f" newer: {sys.executable} -m pip install --upgrade pip"
    )


def _last_line(said: str) -> str:
    return (said.strip().splitlines() or ["pip says nothing"])[-1]
