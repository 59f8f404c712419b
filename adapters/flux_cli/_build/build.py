"""Building: from a project to its package."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from flux_cli._build import flux
from flux_cli._build.clash import clash
from flux_cli._build.files import Files, files_for
from flux_cli._build.lock import Lock, digest
from flux_cli._build.package import MARK, Content, Package, is_package
from flux_cli._build.pip import Pip
from flux_cli._build.requirements import resolve
from flux_cli._build.site_packages import IDLE, installed_files
from flux_core import FluxError, InvalidInput, __version__

if TYPE_CHECKING:
    from collections.abc import Callable

    from flux_cli._build.platform import Platform
    from flux_cli._build.project import Project
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
    files: Files
    """The project's, and which of them were left out."""
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
    files = files_for(wish.target, wish.project)
    pip = Pip(wish.platform, wish.project.folder)
    say("finds out what is required")
    lock, is_new = _lock(wish, pip)
    with tempfile.TemporaryDirectory(prefix="flux-build-") as home:
        package = Package()
        package.add(FLUX, {MARK: _mark(wish)})
        package.add(FLUX, flux.sources(flux.packages(lock.extras)), folder=wish.target.site)
        if wish.target.installs:
            package.add(FLUX, {"requirements.txt": Content(lock.requirements().encode())})
        else:
            say(f"installs {len(lock.pins)} packages")
            _add_installed(package, wish, pip, lock, Path(home, "site"))
        _add_own(package, wish, files.taken)
        say("packs")
        zipped = Path(home, "package.zip")
        package.write_zip(zipped)
        built = Built(zipped.stat().st_size, package.unpacked(), files, package.sizes(), lock, is_new)
        _check_size(wish, built.unpacked)
        _put(package, zipped, wish)
    if is_new:
        lock.write(_lock_file(wish))
    return built


def _lock(wish: Wish, pip: Pip) -> tuple[Lock, bool]:
    """Return the project's lock, and whether it is new: there was none, or it was made from something else."""
    asked = wish.project.asked(wish.platform.markers())
    inputs = digest(
        [
            __version__,
            sorted(flux.installed(wish.target.adapter).requires or ()),
            *wish.platform,
            sorted(wish.without),
            asked,
        ]
    )
    kept = None if wish.upgrade else Lock.read(_lock_file(wish), wish.target.name)
    if kept and kept.inputs == inputs:
        return kept, False
    found = resolve(pip, asked, wish.target, wish.platform, wish.without)
    return Lock(wish.target.name, inputs, found.extras, found.pins), True


def _lock_file(wish: Wish) -> Path:
    return wish.project.folder / f"requirements.{wish.target.name}.lock"


def _add_installed(package: Package, wish: Wish, pip: Pip, lock: Lock, folder: Path) -> None:
    pip.install(lock.requirements(), folder)
    unused = {pin.name: (*IDLE, *wish.target.unused.get(pin.name, ())) for pin in lock.pins if pin.for_flux}
    for owner, files in installed_files(folder, unused).items():
        package.add(owner, files, folder=wish.target.site)


def _add_own(package: Package, wish: Wish, files: dict[str, Content]) -> None:
    """Add the project's files to all others, if no name is another's, where either would hide the other."""
    others = {name.removeprefix(wish.target.site): owner for name, owner in package.owners.items()}
    if found := clash(files, others):
        name, owner = found
        raise InvalidInput(
            f"{wish.project.folder / name} has a name that {owner} has in the package: rename it, or exclude it"
            " under [tool.flux.build]"
        )
    package.add(OWN, files)


def _mark(wish: Wish) -> Content:
    return Content(f"flux build {__version__}: for {wish.target.platform}, {wish.platform}\n".encode())


def _check_out(wish: Wish) -> None:
    """Refuse to write over what was not built."""
    out = wish.out
    if wish.is_zip and out.exists() and not (out.is_file() and is_package(out)):
        raise InvalidInput(
            f"{out} is there, and flux build did not make it: name another one, or move it away", path="--out"
        )
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
    """Put the package where it is wanted, all at once: it is written beside, then renamed."""
    out = Path(os.path.realpath(wish.out))
    beside = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        if wish.is_zip:
            shutil.copyfile(zipped, beside)
        else:
            package.write_folder(beside)
        beside.replace(out)
    except OSError as error:
        raise InvalidInput(f"{wish.out} cannot be written: {error.strerror}", path="--out") from error
    finally:
        with suppress(OSError):
            beside.unlink() if wish.is_zip else shutil.rmtree(beside)
