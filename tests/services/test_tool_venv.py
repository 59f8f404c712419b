"""A tool's environment is made once, is whole or made anew, and says why it cannot be had."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from . import tool_venv as module
from .python import python
from .tool_venv import tool_venv

WHEEL = {
    "greeting.py": "def main():\n    print('good morning')\n",
    "greeting-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: greeting\nVersion: 1\n",
    "greeting-1.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    "greeting-1.dist-info/entry_points.txt": "[console_scripts]\ngreet = greeting:main\n",
    "greeting-1.dist-info/RECORD": "",
}
"""The files of a package that brings a command."""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the environments in a folder of the test's own, and let nobody be asked for packages."""
    monkeypatch.setattr(module, "CACHE", tmp_path)
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.delenv("FLUX_TEST_REQUIRE", raising=False)
    module._made.cache_clear()
    return tmp_path


@pytest.fixture
def greeting(folder: Path) -> str:
    """Return the path of a package that brings the command `greet`."""
    path = folder / "greeting-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in WHEEL.items():
            wheel.writestr(name, text)
    return str(path)


def test_a_tool_is_there_to_be_run(greeting: str) -> None:
    """The folder that is returned holds the command that the package brings."""
    command = tool_venv("greeting-1", greeting) / "greet"
    assert subprocess.run([command], capture_output=True, text=True, check=True).stdout == "good morning\n"


def test_an_environment_is_made_once(greeting: str) -> None:
    """Another process finds it as it was left."""
    mark = tool_venv("greeting-1", greeting) / "mark"
    mark.touch()
    module._made.cache_clear()
    assert tool_venv("greeting-1", greeting) == mark.parent
    assert mark.exists()


def test_an_environment_that_was_not_finished_is_made_anew(greeting: str, folder: Path) -> None:
    """What an installation left that was interrupted is not taken for the tool."""
    mark = tool_venv("greeting-1", greeting) / "mark"
    mark.touch()
    (folder / "greeting-1" / module._MADE).unlink()
    module._made.cache_clear()
    assert (tool_venv("greeting-1", greeting) / "greet").exists()
    assert not mark.exists()


def test_a_tool_that_cannot_be_had_is_a_skip_that_says_why() -> None:
    """Without network, the test that needs it is skipped, and the reason names what is missing."""
    with pytest.raises(
        pytest.skip.Exception, match=r"greeting-2 is missing and uv cannot install greeting==2: .*"
    ):
        tool_venv("greeting-2", "greeting==2")


def test_an_environment_may_have_another_python(greeting: str) -> None:
    """A tool that is made for one version of Python is run by that."""
    command = tool_venv("greeting-313", greeting, python="3.13") / "python"
    version = subprocess.run([command, "--version"], capture_output=True, text=True, check=True).stdout

    assert version.startswith("Python 3.13.")


def test_a_python_that_cannot_be_had_is_a_skip_that_says_why() -> None:
    """The reason names the version, and what to do."""
    with pytest.raises(
        pytest.skip.Exception, match=r"Python 3\.0 is missing, and uv cannot fetch it: .*; install it"
    ):
        tool_venv("greeting-30", "greeting==2", python="3.0")


def test_the_python_that_runs_is_not_looked_for() -> None:
    """A version that is there already is taken as it is."""
    running = f"{sys.version_info.major}.{sys.version_info.minor}"

    assert python(running) == Path(sys.executable)
