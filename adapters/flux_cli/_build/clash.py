"""Names that a project and what is packed beside it both have."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


def clash(own: Iterable[str], others: Mapping[str, str]) -> tuple[str, str] | None:
    """Return the first of the project's names that another owner has too, and that owner; None if there is none.

    A file, a module and a package with an `__init__.py` are one owner's. Folders of data and namespace packages may
    be several owners'.

    Args:
        own: the project's files, by their path in the folder from which modules are imported.
        others: the same of the others, and who has them.
    """
    names = sorted(own)
    theirs = {path: owner for name, owner in others.items() for path in _paths(name)}
    whole = {path for name in (*names, *others) for path in _wholes(name)}
    shared = (path for name in names for path in _paths(name) if path in theirs and path in whole)
    return next(((path, theirs[path]) for path in shared), None)


def _paths(name: str) -> Iterator[str]:
    """Return the folders that the file lies in, from the outermost, and the file; a module is called as its import."""
    return accumulate(name.removesuffix(".py").split("/"), "{}/{}".format)


def _wholes(name: str) -> list[str]:
    """Return the paths that are one owner's because of the file."""
    folder, _, file = name.rpartition("/")
    return [name.removesuffix(".py"), *([folder] if file == "__init__.py" else [])]
