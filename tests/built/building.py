"""`flux build` as its users have it: on the command line, for a copy of the order template."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
TEMPLATE = REPOSITORY / "templates" / "order-fulfillment"
ORDER = json.loads((TEMPLATE / "events" / "order.json").read_text())
HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
"""The Python of this process, which also runs what is built for AWS and Google Cloud."""


def project(folder: Path) -> Path:
    """Return a copy of the template, as a project of its own."""
    return Path(shutil.copytree(TEMPLATE, folder, ignore=shutil.ignore_patterns("build", "*.lock", ".flux")))


def flux_build(project: Path, target: str, *options: str, umask: int = 0o022) -> dict[str, Any]:
    """Run `flux build` in the project, and return what it says as JSON; it must succeed."""
    ended = subprocess.run(
        [sys.executable, "-m", "flux_cli", "build", "--target", target, "--json", *options],
        cwd=project,
        env=unmeasured() | {"PYTHONPATH": f"{REPOSITORY}{os.pathsep}{REPOSITORY / 'adapters'}"},
        umask=umask,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert ended.returncode == 0, ended.stderr
    document: dict[str, Any] = json.loads(ended.stdout)
    return document


def unmeasured() -> dict[str, str]:
    """Return this process's variables without what has its children's branches counted: pip has many."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
