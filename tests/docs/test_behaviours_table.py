"""The table of behaviours names tests that there are, and has a row for each that was written for it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHOWN, _, LATER = (ROOT / "docs" / "behaviours.md").read_text().partition("\n## Not there yet\n")
FOR_THE_TABLE = "tests/core/test_behaviours.py"


def rows(text: str) -> list[list[str]]:
    """Return the cells of each row of the tables, without their heads."""
    lines = re.findall(r"^\|(.*)\|$", text, re.MULTILINE)
    cells = [[cell.strip() for cell in line.split("|")] for line in lines]
    return [row for row in cells if row[0] != "behaviour" and set(row[0]) != {"-"}]


def names_of_tests_in(path: str) -> set[str]:
    """Return the names of the tests that stand in a file of the repository."""
    tree = ast.parse((ROOT / path).read_text())
    functions = (node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return {function.name for function in functions if function.name.startswith("test_")}


@pytest.mark.parametrize("row", rows(SHOWN), ids=lambda row: row[0])
def test_a_behaviour_is_shown_by_a_test(row: list[str]) -> None:
    """Each row says what Flux does, and its last column names a test that is there."""
    behaviour, what, shown = row
    assert behaviour
    assert what.endswith(".")
    named = re.fullmatch(r"`(tests/[\w/]+\.py)::(test_\w+)`", shown)
    assert named
    assert named[2] in names_of_tests_in(named[1])


def test_every_test_for_the_table_has_a_row() -> None:
    """What was written to show a behaviour stands in the table."""
    shown = {row[2].strip("`") for row in rows(SHOWN)}
    assert {f"{FOR_THE_TABLE}::{name}" for name in names_of_tests_in(FOR_THE_TABLE)} <= shown


def test_what_is_not_there_has_no_test() -> None:
    """A row of the last table says what to do meanwhile, and claims nothing."""
    assert rows(LATER)
    assert all(len(row) == 2 and all(row) and "test_" not in row[1] for row in rows(LATER))


def test_a_behaviour_has_one_row() -> None:
    """No behaviour is said twice under one heading."""
    for section in SHOWN.split("\n## "):
        names = [row[0] for row in rows(section)]
        assert len(names) == len(set(names))
