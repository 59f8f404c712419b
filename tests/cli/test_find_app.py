"""Which app a command works with, and what is told of one that is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

MINI = "from flux_core import App, Workflow\nw = Workflow('w').step('s', print)\napp = App([w])\nother = 1\n"


@pytest.fixture
def mini(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file `mini.py` with an app, in the folder `code`; no app is named anywhere."""
    monkeypatch.delenv("FLUX_APP")
    file = folder / "code" / "mini.py"
    file.parent.mkdir()
    file.write_text(MINI)
    return file


def test_a_module_in_the_current_folder(flux: Callable[..., Result], mini: Path) -> None:
    """`module:name` is found in the current folder."""
    mini.rename("mini.py")
    assert flux("graph", "w", "--app", "mini:app").exit_code == 0


def test_a_file(flux: Callable[..., Result], mini: Path) -> None:
    """`path/to/file.py:name` is that file."""
    assert flux("graph", "w", "--app", "code/mini.py:app").exit_code == 0


def test_the_project_names_the_app(
    flux: Callable[..., Result], mini: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without option or environment the nearest pyproject.toml upwards names the app, seen from its own folder."""
    (mini.parent / "pyproject.toml").write_text('[tool.flux]\napp = "mini:app"\n')
    (mini.parent / "deep").mkdir()
    monkeypatch.chdir(mini.parent / "deep")
    assert flux("graph", "w").exit_code == 0


@pytest.mark.parametrize(
    ("project", "told"),
    [
        ("[tool.flux", "pyproject.toml cannot be read: "),
        ("[tool.flux]\napp = 3\n", "pyproject.toml: app under [tool.flux] is a string, 'module:name', not 3"),
        ("[tool.other]\n", "pyproject.toml names none under [tool.flux]"),
    ],
)
def test_a_project_that_does_not_name_it(
    flux: Callable[..., Result], mini: Path, project: str, told: str
) -> None:
    """A pyproject.toml that is malformed, or names no app, is told by its path: exit code 2."""
    (mini.parents[1] / "pyproject.toml").write_text(project)
    result = flux("graph", "w")
    assert (result.exit_code, told in result.stderr) == (2, True)


def test_no_app_at_all_says_what_was_tried(flux: Callable[..., Result], mini: Path) -> None:
    """Where no app is named, the message lists where it could be: exit code 2, and no store is made."""
    result = flux("run", "w", "--input", "{}")
    assert result.exit_code == 2
    assert all(place in result.stderr for place in ("--app", "FLUX_APP", "pyproject.toml"))
    assert not list(mini.parents[1].glob("*.db"))


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("mini", "'mini' is not written as module:name"),
        (":app", "':app' is not written as module:name"),
        ("nix:app", "there is no module 'nix' in "),
        ("nix.sub:app", "there is no module 'nix.sub' in "),
        ("code/nix.py:app", "there is no file "),
        ("code/mini.py:ap", "'ap' is not there in "),
        ("code/mini.py:other", "'other' is not an App in "),
        ("code/mini.py:w", "; put the workflow into one: App([w])"),
    ],
)
def test_an_app_that_is_not_there(flux: Callable[..., Result], mini: Path, name: str, told: str) -> None:
    """An app that cannot be found is exit code 2, and the message says what was looked for."""
    result = flux("graph", "w", "--app", name)
    assert (result.exit_code, told in result.stderr) == (2, True)
    assert len(result.stderr.splitlines()) == 1


def test_a_file_that_python_has_under_another_path(flux: Callable[..., Result], mini: Path) -> None:
    """A file whose name is that of a module that is loaded already cannot be had: exit code 2."""
    mini.rename(mini.with_name("json.py"))
    result = flux("graph", "w", "--app", "code/json.py:app")
    assert (result.exit_code, "another module 'json' already; rename the file" in result.stderr) == (2, True)


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("import nothing_of_that_name\n", "mini.py:1: ModuleNotFoundError: "),
        ("\n1 / 0\n", "mini.py:2: ZeroDivisionError: "),
        ("x = (\n", "mini.py:1: SyntaxError: "),
        ("raise SystemExit(3)\n", "mini.py:1: SystemExit: 3"),
        ("from flux_core import *\n\nWorkflow('w').step('', print)\n", "mini.py:3: InvalidWorkflow: "),
        ("import json\njson.loads('{')\n", "mini.py:2: JSONDecodeError: "),
    ],
)
def test_a_module_that_fails_is_told_by_line(
    flux: Callable[..., Result], mini: Path, code: str, told: str
) -> None:
    """An error in the app's module is told with the user's file and line, in one line: exit code 2."""
    mini.write_text(code)
    result = flux("graph", "w", "--app", "code/mini.py:app")
    assert (result.exit_code, told in result.stderr) == (2, True)
    assert len(result.stderr.splitlines()) == 1


def test_a_module_that_fails_outside_the_users_code(flux: Callable[..., Result]) -> None:
    """A name that Python itself cannot import is told by where that was found out."""
    result = flux("graph", "w", "--app", ".relative:app")
    assert (result.exit_code, "TypeError" in result.stderr) == (2, True)


def test_what_the_module_prints_goes_to_standard_error(flux: Callable[..., Result], mini: Path) -> None:
    """Standard output is the command's answer, even while the app's module is imported."""
    mini.write_text("print('hello')\n" + MINI)
    result = flux("graph", "w", "--app", "code/mini.py:app")
    assert (result.stdout.splitlines()[0], "hello" in result.stderr) == ("flowchart TD", True)
