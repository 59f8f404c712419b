from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from flux_cli._main import flux as command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from click.testing import Result

ROOT = Path(__file__).parents[2]
BAKERY = f"{Path(__file__).with_name('bakery.py')}:app"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current folder, empty; FLUX_APP names the bakery. Modules that are imported from it are forgotten."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path[:])
    monkeypatch.setenv("FLUX_APP", BAKERY)
    for name in ("FLUX_STORE", "FLUX_DEBUG", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    yield tmp_path
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def flux(folder: Path) -> Callable[..., Result]:
    """Run the command in this process, in the empty folder."""

    def invoke(*arguments: str, **options: Any) -> Result:
        return CliRunner().invoke(command, arguments, prog_name="flux", **options)

    return invoke


@pytest.fixture
def spawn(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start the command as a process of its own, in the empty folder; it is killed when the test ends."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(ROOT / "adapters")]))
    processes: list[subprocess.Popen[str]] = []

    def start(*arguments: str, **options: Any) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "flux_cli", *arguments],
            text=True,
            **{"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options,
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        with process:  # closes its pipes
            process.kill()
