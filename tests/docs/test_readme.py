"""What the README says of commands and exit codes is so."""

from __future__ import annotations

import re
from pathlib import Path

from flux_cli._exit import MEANINGS
from flux_cli._main import flux

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def test_it_opens_with_the_two_commands() -> None:
    """`make demo` and `make test` come before anything else that is to be typed."""
    commands = re.findall(r"^    (\S.*?)\s*(?:#.*)?$", README, re.MULTILINE)
    assert commands[:2] == ["make demo", "make test"]


def test_it_lists_every_command() -> None:
    """The table of commands has those that there are, and no other."""
    listed = re.findall(r"^\| `flux (\w+)", README, re.MULTILINE)
    assert sorted(listed) == sorted(flux.commands)


def test_it_lists_every_exit_code_with_its_meaning() -> None:
    """The table of exit codes says what the command says."""
    listed = {int(code): text for code, text in re.findall(r"^\| (\d+) \| (.*) \|$", README, re.MULTILINE)}
    assert listed == {int(code): text for code, text in MEANINGS.items()}


def test_every_file_that_it_links_to_is_there() -> None:
    """Links into the repository lead somewhere."""
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
