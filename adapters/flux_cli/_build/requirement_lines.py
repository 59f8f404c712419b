"""The lines of requirements files as they read on another platform."""

from __future__ import annotations

import codecs
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from packaging.requirements import InvalidRequirement, Requirement

from flux_core import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_COMMENT_LINE: Final = re.compile(r"^[ \t]*#.*$", re.MULTILINE)
_CONTINUED: Final = re.compile(r"\\\r?\n")
_COMMENT: Final = re.compile(r"(^|\s+)#.*$")
_OTHER_FILE: Final = re.compile(r"(-r|--requirement|-c|--constraint)(?:\s+|=|(?<=^-[rc]))(.+)")
_LINKS: Final = re.compile(r"(?:-f|--find-links)(?:\s+|=)(.+)")
_CONSTRAINTS: Final = {"-c", "--constraint"}
_UTF_16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Asked(NamedTuple):
    """What pip is asked for on one platform; no line says where the project's folder lies."""

    requirements: tuple[str, ...]
    constraints: tuple[str, ...]


def asked_in(file: Path, folder: Path, markers: Mapping[str, str]) -> Asked:
    """Return what a requirements file, and those that it names, ask for where the markers hold.

    Args:
        file: the requirements file.
        folder: the one in which pip runs; from it the lines name other places.
        markers: the variables of environment markers on the platform.

    Raises:
        InvalidInput: a file cannot be read, or names itself.
    """
    lines = list(_lines(file, folder, markers, constraint=False, through=()))
    return Asked(
        tuple(line for constraint, line in lines if not constraint),
        tuple(line for constraint, line in lines if constraint),
    )


def lines_for(text: str, markers: Mapping[str, str]) -> list[str]:
    """Return the lines that hold where the markers do, each without its own: pip would judge them by its own Python."""
    joined = _CONTINUED.sub(" ", _COMMENT_LINE.sub("", text))  # a comment goes no farther than its line
    lines = (_COMMENT.sub("", line).strip() for line in joined.splitlines())
    return [held for line in lines if (held := _held(line, markers))]


def unconditional(needed: Requirement) -> str:
    """Return the requirement without its marker."""
    needed.marker = None
    return str(needed)


def _lines(
    file: Path, folder: Path, markers: Mapping[str, str], *, constraint: bool, through: tuple[Path, ...]
) -> Iterator[tuple[bool, str]]:
    """Yield each line, behind whether it is a constraint; the lines of another file stand where it is named."""
    if file in through:
        raise InvalidInput(f"{file} names itself, by way of {through[-1]}", path="requirements")
    for line in lines_for(_text(file), markers):
        other = _OTHER_FILE.fullmatch(line)
        if other and "://" not in other[2]:
            named = Path(os.path.normpath(file.parent / other[2].strip("\"'")))
            kind = other[1] in _CONSTRAINTS
            yield from _lines(named, folder, markers, constraint=kind, through=(*through, file))
        elif (links := _LINKS.fullmatch(line)) and (file.parent / links[1]).exists():
            yield constraint, f"--find-links {os.path.relpath(file.parent / links[1], folder)}"
        else:
            yield constraint, line


def _text(file: Path) -> str:
    """Return the file's text, in the encodings that pip takes."""
    try:
        read = file.read_bytes()
        return read.decode("utf-16" if read.startswith(_UTF_16) else "utf-8-sig")
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{file} cannot be read: {error}", path="requirements") from error


def _held(line: str, markers: Mapping[str, str]) -> str:
    """Return the line as it holds on the platform; empty if it does not."""
    requirement, dashes, options = line.partition(" --")
    try:
        needed = Requirement(requirement)
    except InvalidRequirement:
        return line  # an option, or a path; or for pip to complain of
    if needed.marker is None:
        return line
    holds = needed.marker.evaluate({**markers, "extra": ""})
    return f"{unconditional(needed)}{dashes}{options}" if holds else ""
