"""Checkov, which looks through infrastructure as code for what is open, unencrypted or unwatched.

    run = subprocess.run([checkov_binary(), *CHECKOV_OFFLINE, "--file", "template.yaml"], ...)

It has a hundred dependencies and pins many: it gets an environment of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .tool_venv import tool_venv

if TYPE_CHECKING:
    from pathlib import Path

_VERSION = "3.3.30"
CHECKOV_OFFLINE = ("--skip-download", "--quiet", "--compact")
"""Options with which it asks nobody else, and prints what failed alone."""
CHECKOV_REPORT = ("--skip-download", "--compact", "--output", "json")
"""Options with which it asks nobody else, and reports in JSON what passed, what failed and what was skipped."""


def checkov_binary() -> Path:
    """Return the path of checkov's command, installed once into `.cache/services/`."""
    return tool_venv(f"checkov-{_VERSION}", f"checkov=={_VERSION}") / "checkov"
