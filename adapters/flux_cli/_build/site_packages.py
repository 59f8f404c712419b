"""What pip installed, without what no function needs at run time."""

from __future__ import annotations

from fnmatch import fnmatchcase
from importlib.metadata import distributions
from pathlib import Path
from typing import TYPE_CHECKING, Final

from packaging.utils import canonicalize_name

from flux_cli._build.package import Content

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

IDLE: Final = ("tests/*", "*/tests/*", "*.pyi")
"""Patterns of files that most packages never read; some import their tests, and some read their type stubs."""
_FOLDERS: Final = {"..", "__pycache__"}  # the first is what lies beside the packages: commands
_SUFFIXES: Final = {".pyc", ".pyd", ".typed", ".pyx", ".pxd"}
_NOISE: Final = {"INSTALLER", "RECORD", "REQUESTED", "WHEEL", "direct_url.json", "top_level.txt"}
"""Files of a `dist-info` that only installers read, and that say how and when it was installed."""


def installed_files(folder: Path, unused: Mapping[str, Iterable[str]]) -> dict[str, dict[str, Content]]:
    """Return the files that a function needs of what is installed in the folder, by distribution and by path.

    Args:
        folder: what pip's `--target` was.
        unused: patterns of files to leave out, by distribution.
    """
    return {
        f"{found.name} {found.version}": {
            path.as_posix(): _content(Path(str(found.locate_file(path))))
            for path in found.files or ()
            if _is_needed(path.as_posix(), unused.get(canonicalize_name(found.name), ()))
        }
        for found in sorted(distributions(path=[str(folder)]), key=lambda found: found.name)
    }


def _is_needed(name: str, unused: Iterable[str]) -> bool:
    path = Path(name)
    if not _FOLDERS.isdisjoint(path.parts) or path.suffix in _SUFFIXES:
        return False
    if path.parts[0].endswith(".dist-info") and path.name in _NOISE:
        return False
    return not any(fnmatchcase(name, pattern) for pattern in unused)


def _content(file: Path) -> Content:
    """Return the file's content; of a distribution's metadata only the headers, not the page for its index."""
    if file.name == "METADATA" and file.parent.suffix == ".dist-info":
        return Content(file.read_bytes().replace(b"\r\n", b"\n").partition(b"\n\n")[0] + b"\n")
    return Content.of(file)
