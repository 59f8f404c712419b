"""A package in the making: files by name, and the zip or the folder that they become."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile, ZipInfo

if TYPE_CHECKING:
    from pathlib import Path

MARK: Final = ".flux-build"
"""A file at the root of each package, by which it is known: it is neither packed again, nor taken for the user's."""
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)  # the first time that a zip can say
_SECONDS: Final = 315_532_800.0  # the same in Unix time
_MODES: Final = {False: 0o644, True: 0o755}
_REGULAR: Final = 0o100000
_UNIX: Final = 3


def is_package(path: Path) -> bool:
    """Return whether the zip or the folder is one that was built before."""
    if path.suffix != ".zip" or path.is_dir():
        return (path / MARK).is_file()
    try:
        with ZipFile(path) as archive:
            return MARK in archive.namelist()
    except (OSError, BadZipFile):
        return False


class Content(NamedTuple):
    """One file's content: a file to copy, or bytes."""

    source: Path | bytes
    executable: bool = False

    @classmethod
    def of(cls, file: Path) -> Content:
        """Return the content of a file; of its mode only whether its owner may execute it counts."""
        return cls(file, bool(file.stat().st_mode & 0o100))

    def read(self) -> bytes:
        """Return the bytes."""
        return self.source if isinstance(self.source, bytes) else self.source.read_bytes()

    def size(self) -> int:
        """Return how many bytes there are."""
        return len(self.source) if isinstance(self.source, bytes) else self.source.stat().st_size


@dataclass
class Package:
    """Files by their path in the package, with slashes, and whose they are."""

    files: dict[str, Content] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)

    def add(self, owner: str, files: dict[str, Content], *, folder: str = "") -> None:
        """Add files of one owner to a folder of the package, which ends with a slash; the first of a name stays."""
        for name, content in files.items():
            self.files.setdefault(folder + name, content)
            self.owners.setdefault(folder + name, owner)

    def unpacked(self) -> int:
        """Return the size of all files, in bytes."""
        return sum(content.size() for content in self.files.values())

    def sizes(self) -> list[tuple[str, int]]:
        """Return each owner's files in bytes, the largest first."""
        sizes = dict.fromkeys(self.owners.values(), 0)
        for name, owner in self.owners.items():
            sizes[owner] += self.files[name].size()
        return sorted(sizes.items(), key=lambda owned: (-owned[1], owned[0]))

    def write_zip(self, file: Path) -> None:
        """Write a zip whose bytes depend on names, contents and modes alone."""
        with ZipFile(file, "w", ZIP_DEFLATED) as archive:
            for name, content in sorted(self.files.items()):
                entry = ZipInfo(name, _EPOCH)
                entry.create_system = _UNIX
                entry.compress_type = ZIP_DEFLATED
                entry.external_attr = (_REGULAR | _MODES[content.executable]) << 16
                archive.writestr(entry, content.read())

    def write_folder(self, folder: Path) -> None:
        """Write the files into a folder, with the modes and the time that the zip gives them."""
        for name, content in self.files.items():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content.read())
            file.chmod(_MODES[content.executable])
            os.utime(file, (_SECONDS, _SECONDS))
