"""Patterns of paths, read as `.gitignore` reads them: segment by segment."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def matches(path: str, patterns: Iterable[str]) -> bool:
    """Return whether one of the patterns is the path's.

    A pattern without a slash, one at its end apart, is a name in any folder; any other is a path from the root. `*`
    and `?` stay within a name, `**` stands for any number of folders.
    """
    return any(_fits(path.split("/"), _segments(pattern)) for pattern in patterns)


def _segments(pattern: str) -> list[str]:
    anywhere = [] if "/" in pattern.rstrip("/") else ["**"]
    return anywhere + pattern.strip("/").split("/")


def _fits(names: Sequence[str], segments: Sequence[str]) -> bool:
    if not segments:
        return not names
    if segments[0] == "**":
        return any(_fits(names[skipped:], segments[1:]) for skipped in range(len(names) + 1))
    return bool(names) and fnmatchcase(names[0], segments[0]) and _fits(names[1:], segments[1:])
