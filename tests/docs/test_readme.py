"""What the README says of commands and exit codes is so."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
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


def test_the_commands_do_what_is_said(tmp_path: Path) -> None:
    """Each line, typed in a shell, ends with 0, or with the exit code that its comment names."""
    shutil.copytree(
        ROOT / "templates", tmp_path / "templates", ignore=shutil.ignore_patterns("*.db*", "__pycache__")
    )
    (tmp_path / ".venv").symlink_to(sys.prefix)
    blocks = README.partition("## See it and steer it")[2].partition("| command |")[0]
    lines = re.findall(r"^    (?!flux serve)(\S.*)$", blocks, re.MULTILINE)  # which serves until it is ended
    ended = subprocess.run(
        ["/bin/sh", "-c", "\n".join(f"{line}\necho exit code $?" for line in lines)],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'adapters'}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    said = [re.search(r"# exit code (\d+)", line) for line in lines]
    assert re.findall(r"^exit code (\d+)$", ended.stdout, re.MULTILINE) == [
        code[1] if code else "0" for code in said
    ], ended.stderr
