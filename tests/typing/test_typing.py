"""The types of the public names, as users see them: two checkers accept good uses and report bad ones."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
BAD = sorted((HERE / "bad").glob("*.py"))
FILES = [HERE / "good.py", *BAD]
MARK = "  # error"


class Line(NamedTuple):
    """A line that a checker reports, or that is marked to be reported."""

    file: str
    number: int


def mypy() -> Iterator[tuple[Line, str]]:
    """Give the lines that mypy reports in these files, not in what they import, each with what it says."""
    output = run("mypy", "--strict", "--output=json")
    for report in map(json.loads, output.splitlines()):
        if report["severity"] == "error" and ROOT / report["file"] in FILES:
            yield Line(Path(report["file"]).name, report["line"]), report["message"]


def basedpyright() -> Iterator[tuple[Line, str]]:
    """Give the lines that basedpyright reports, each with what it says."""
    output = run("basedpyright", "--outputjson", "--pythonpath", sys.executable)
    reports: list[dict[str, Any]] = json.loads(output)["generalDiagnostics"]
    for report in reports:
        if report["severity"] == "error":
            yield Line(Path(report["file"]).name, report["range"]["start"]["line"] + 1), report["message"]


def run(checker: str, *options: str) -> str:
    """Run a checker on all files, under the project's configuration, and return what it prints."""
    command = [sys.executable, "-m", checker, *options, *map(str, FILES)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr  # 1: it found errors; more: it failed
    return done.stdout


@pytest.mark.parametrize("checker", [mypy, basedpyright])
def test_checkers_report_bad_uses_alone(checker: Callable[[], Iterator[tuple[Line, str]]]) -> None:
    """A checker reports each line that is marked as an error, and no other line."""
    marked = {
        Line(file.name, number)
        for file in FILES
        for number, line in enumerate(file.read_text().splitlines(), 1)
        if line.endswith(MARK)
    }
    reported = dict(checker())
    missed = sorted(marked - reported.keys())
    unexpected = {line: message for line, message in reported.items() if line not in marked}
    assert (missed, unexpected) == ([], {})


@pytest.mark.parametrize("file", BAD, ids=lambda file: str(file.stem))
def test_a_bad_file_has_a_mistake(file: Path) -> None:
    """Every file of bad uses marks at least one line as an error."""
    assert MARK in file.read_text()
