"""The lines of a requirements file as they read on another platform."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from packaging.requirements import InvalidRequirement, Requirement

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_CONTINUED: Final = re.compile(r"\\\r?\n")
_COMMENT: Final = re.compile(r"(^|\s+)#.*$")
_OTHER_FILE: Final = re.compile(r"(-r|--requirement|-c|--constraint)(?:\s+|=)(.+)")


def lines_for(text: str, folder: Path, markers: Mapping[str, str]) -> list[str]:
    """Return the lines that hold where the markers do, each without its own: pip would judge them by its own Python.

    Args:
        text: of a requirements file.
        folder: the file's, from which others that it names are found.
        markers: the variables of environment markers on the platform.
    """
    lines = (_COMMENT.sub("", line).strip() for line in _CONTINUED.sub(" ", text).splitlines())
    return [held for line in lines if (held := _held(line, folder, markers))]


def unconditional(needed: Requirement) -> str:
    """Return the requirement without its marker."""
    needed.marker = None
    return str(needed)


def _held(line: str, folder: Path, markers: Mapping[str, str]) -> str:
    """Return the line as it holds on the platform; empty if it does not."""
    if other := _OTHER_FILE.fullmatch(line):
        return line if "://" in other[2] else f"{other[1]} {folder / other[2]}"
    requirement, dashes, options = line.partition(" --")
    try:
        needed = Requirement(requirement)
    except InvalidRequirement:
        return line  # an option, or a path; or for pip to complain of
    if needed.marker is None:
        return line
    holds = needed.marker.evaluate({**markers, "extra": ""})
    return f"{unconditional(needed)}{dashes}{options}" if holds else ""
