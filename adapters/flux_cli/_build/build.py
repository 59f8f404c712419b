"""Building: from a project to its package."""

from __future__ import annotations

import os
import shutil
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from flux_cli._build import flux
from flux_cli._build.lock import Lock, digest
from flux_cli._build.package import Content, Package
from flux_cli._build.pip import Pip
from flux_cli._build.project import Project
from flux_cli._build.requirements import resolve
from flux_cli._build.site_packages import installed_files
from flux_core import FluxError, InvalidInput, __version__

if TYPE_CHECKING:
    from collections.abc import Callable

    from flux_cli._build.platform import Platform
    from flux_cli._build.target import Target

OWN: Final = "the project"
FLUX: Final = "Flux"


class TooLarge(FluxError, ValueError):
    """The package is larger than the cloud takes."""

    code = "TOO_LARGE"


@dataclass(frozen=True)
class Wish:
    """What is to be built."""

    project: Project
    target: Target
    platform: Platform
    out: Path
    """A zip if it is called so, else a folder."""
    with_provided: bool = False
    """Pack what the runtime has, too."""
    upgrade: bool = False
    """Make the lock anew."""

    @property
    def is_zip(self) -> bool:
        """Whether a zip is to be built, and not a folder."""
        return self.out.suffix == ".zip"

    @property
    def without(self) -> frozenset[str]:
        """The distributions that are left to the runtime."""
        return frozenset() if self.with_provided else self.target.provided


class Built(NamedTuple):
    """What was built."""

    zipped: int
    """Bytes of the zip, or of what would be one."""
    unpacked: int
    """Bytes of all files."""
    sizes: list[tuple[str, int]]
    """The project, Flux, and each distribution, with the bytes of their files, the largest first."""
    lock: Lock
    is_new_lock: bool


def build(wish: Wish, say: Callable[[str], None]) -> Built:
    """Build the package; `say` is told what is being done.

    Raises:
        FluxError: it cannot be built; there is nothing new at `out` then.
    """
    _check_out(wish)
    files = wish.project.files(wish.target, out=wish.out)
    pip = Pip(wish.platform, wish.project.folder)
    say("finds out what is required")
    lock, is_new = _lock(wish, pip)
    with tempfile.TemporaryDirectory(prefix="flux-build-") as home:
        package = Package()
        package.add(OWN, files)
        package.add(FLUX, flux.sources(flux.packages(lock.extras)), folder=wish.target.site)
        if wish.target.installs:
            package.add(OWN, {"requirements.txt": Content(lock.requirements().encode())})
        else:
            say(f"installs {len(lock.pins)} packages")
            _add_installed(package, wish, pip, lock, Path(home, "site"))
        say("packs")
        zipped = Path(home, "package.zip")
        package.write_zip(zipped)
        built = Built(zipped.stat().st_size, package.unpacked(), package.sizes(), lock, is_new)
        _check_size(wish, built.unpacked)
        _put(package, zipped, wish)
    if is_new:
        lock.write(_lock_file(wish))
    return built


def _lock(wish: Wish, pip: Pip) -> tuple[Lock, bool]:
    """Return the project's lock, and whether it is new: there was none, or it was made from something else."""
    inputs = digest(
        [
            __version__,
            sorted(flux.installed(wish.target.adapter).requires or ()),
            *wish.platform,
            sorted(wish.without),
            wish.project.dependencies,
            wish.project.requirement_texts(),
        ]
    )
    kept = None if wish.upgrade else Lock.read(_lock_file(wish), wish.target.name)
    if kept and kept.inputs == inputs:
        return kept, False
    found = resolve(pip, wish.project, wish.target, wish.platform, wish.without)
    return Lock(wish.target.name, inputs, found.extras, found.pins), True


def _lock_file(wish: Wish) -> Path:
    return wish.project.folder / f"requirements.{wish.target.name}.lock"


def _add_installed(package: Package, wish: Wish, pip: Pip, lock: Lock, folder: Path) -> None:
    pip.install(lock.requirements(), folder)
    for_flux = {pin.name for pin in lock.pins if pin.for_flux}
    unused = {name: patterns for name, patterns in wish.target.unused.items() if name in for_flux}
    for owner, files in installed_files(folder, unused).items():
        package.add(owner, files, folder=wish.target.site)


def _check_out(wish: Wish) -> None:
    """Refuse to write over what was not built."""
    out = wish.out
    if wish.is_zip and (out.is_dir() or (out.exists() and not zipfile.is_zipfile(out))):
        raise InvalidInput(f"{out} is there and is no zip: name another one, or move it away", path="--out")
    if not wish.is_zip and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InvalidInput(
            f"{out} is no empty folder: empty it, name another one, or name a zip, as {out}.zip", path="--out"
        )


def _check_size(wish: Wish, unpacked: int) -> None:
    limit = wish.target.limit.unpacked
    if limit is not None and unpacked > limit:
        raise TooLarge(
            f"the package has {unpacked / 1024**2:.0f} MB, and {wish.target.platform} takes {limit / 1024**2:.0f}:"
            " require less, or exclude files under [tool.flux.build]"
        )


def _put(package: Package, zipped: Path, wish: Wish) -> None:
    """Put the package where it is wanted, a zip all at once."""
    try:
        if not wish.is_zip:
            package.write_folder(wish.out)
            return
        wish.out.parent.mkdir(parents=True, exist_ok=True)
        beside = wish.out.with_name(f".{wish.out.name}.{os.getpid()}")
        shutil.copyfile(zipped, beside)
        beside.replace(wish.out)
    except OSError as error:
        raise InvalidInput(f"{wish.out} cannot be written: {error.strerror}", path="--out") from error
