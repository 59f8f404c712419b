"""Which pip is run."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from flux_cli._build import pip

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_it_is_this_pythons_own() -> None:
    """So that it has the user's settings, and needs no other."""
    assert pip.command() == [sys.executable, "-m", "pip"]


def test_without_one_uv_brings_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In an environment that uv made there is none."""
    (tmp_path / "uv").touch(mode=0o755)
    monkeypatch.setattr(pip, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert pip.command() == [f"{tmp_path}/uv", "tool", "run", "--quiet", "pip"]
