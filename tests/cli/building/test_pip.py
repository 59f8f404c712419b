"""Which pip is run."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from flux_cli._build import pip
from flux_cli._build.platform import Platform

if TYPE_CHECKING:
    from pathlib import Path


def test_it_is_this_pythons_own() -> None:
    """So that it has the user's settings, and needs no other."""
    assert pip.command() == [sys.executable, "-m", "pip"]


def test_without_one_uv_brings_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In an environment that uv made there is none."""
    (tmp_path / "uv").touch(mode=0o755)
    monkeypatch.setattr(pip, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert pip.command() == [f"{tmp_path}/uv", "tool", "run", "--quiet", "pip"]


def test_an_old_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would pin other versions than a new one; where there is uv it brings a new one."""
    monkeypatch.setattr(pip, "version", lambda name: "24.1.2")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(pip.PipFailed, match=r"needs pip 24\.2 or newer: \S+ -m pip install --upgrade pip$"):
        pip.command()
    (tmp_path / "uv").touch(mode=0o755)
    assert pip.command() == [f"{tmp_path}/uv", "tool", "run", "--quiet", "pip"]


def test_what_pip_says_last_stands_for_a_cause_that_it_does_not_name(tmp_path: Path) -> None:
    """Its words for an index out of reach differ from version to version."""
    failure = pip.Pip(Platform("3.13", "x86_64", 34), tmp_path)._failure("Oh.\nReadTimeoutError: too slow\n")
    assert str(failure) == "the package index cannot be reached: ReadTimeoutError: too slow"
