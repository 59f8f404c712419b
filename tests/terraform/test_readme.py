"""The module's README lists the variables and outputs that there are, as the files describe them."""

from __future__ import annotations

import re

import pytest
from terraform.files import MODULE

ROW = re.compile(r"^\| `(\w+)` \| (.+?) \|(?: (.*?)\|)?$", re.MULTILINE)
BLOCK = re.compile(r'^(?:variable|output) "(\w+)" {\n(.*?)^}', re.MULTILINE | re.DOTALL)
ARGUMENT = r"^  {name} += (.+)$"


def argument(block: str, name: str) -> str | None:
    """Return what is assigned in a block, as it stands there."""
    found = re.search(ARGUMENT.format(name=name), block, re.MULTILINE)
    return found[1] if found else None


def described(file: str) -> dict[str, tuple[str, str | None]]:
    """Return the description and the default of each variable or output of a file."""
    return {
        name: ((argument(block, "description") or "").strip('"'), argument(block, "default"))
        for name, block in BLOCK.findall((MODULE / file).read_text())
    }


def listed(heading: str) -> dict[str, tuple[str, str | None]]:
    """Return the description and the default of each row below a heading of the README."""
    section = (MODULE / "README.md").read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return {
        name: (description, default.strip("` ") or None)
        for name, description, default in ROW.findall(section)
    }


@pytest.mark.parametrize(("file", "heading"), [("variables.tf", "Inputs"), ("outputs.tf", "Outputs")])
def test_the_readme_lists_what_there_is(file: str, heading: str) -> None:
    """Each variable and each output has its row, in the order of the file, with its description and default."""
    assert described(file)
    assert list(listed(heading).items()) == list(described(file).items())


def test_every_variable_is_described_and_typed() -> None:
    """A variable says what it is, in a sentence, and of what type."""
    for name, block in BLOCK.findall((MODULE / "variables.tf").read_text()):
        assert (argument(block, "description") or "").endswith('."'), name
        assert argument(block, "type"), name
