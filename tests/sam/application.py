"""The SAM application as its users have it: `sam` on the command line, in the folder `sam/`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from services.aws_sam import SAM_ENVIRONMENT, sam_binary

if TYPE_CHECKING:
    from collections.abc import Mapping

REPOSITORY = Path(__file__).resolve().parents[2]
APPLICATION = REPOSITORY / "sam"
TEMPLATE = APPLICATION / "template.yaml"
PROJECT = REPOSITORY / "templates" / "order-fulfillment"


def environment(**variables: str) -> dict[str, str]:
    """Return what `sam` is started with: this Python's pip packs the function."""
    return os.environ | SAM_ENVIRONMENT | {"PYTHON": sys.executable} | variables


def sam(*arguments: str, env: Mapping[str, str] | None = None) -> str:
    """Run `sam` in the application's folder and return what it prints, then what it logs; it must succeed."""
    ended = subprocess.run(
        [sam_binary(), *arguments],
        cwd=APPLICATION,
        env=env or environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    printed = f"{ended.stdout}\n{ended.stderr}"
    assert ended.returncode == 0, f"sam {arguments[0]}:\n{printed}"
    return printed


def build(folder: Path, *, env: Mapping[str, str] | None = None) -> tuple[Path, str]:
    """Build the application into a folder; return the built template, and what `sam build` printed."""
    printed = sam("build", "--build-dir", str(folder), env=env)
    return folder / "template.yaml", printed
