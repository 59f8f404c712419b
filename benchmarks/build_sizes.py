"""How large the order template's package is on each cloud, and how much of it is Flux."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

sys.path.insert(0, str(Path(__file__).parents[1]))  # a checkout needs no installation
sys.path.insert(0, str(Path(__file__).parents[1] / "adapters"))

from benchmarks.report import Options, Row, Section, main
from flux_cli._build.build import FLUX, OWN, Built, Wish, build
from flux_cli._build.pip import Pip
from flux_cli._build.platform import Platform
from flux_cli._build.project import Project
from flux_cli._build.site_packages import installed_files
from flux_cli._build.target import TARGETS

if TYPE_CHECKING:
    from flux_cli._build.target import Target

TEMPLATE: Final = Path(__file__).parents[1] / "templates" / "order-fulfillment"
PYTHON: Final = "3.13"
NOTE: Final = (
    "One build each of the order template, for Python 3.13 on x86_64; unpacked sizes are those of the files, without"
    " bytecode. On Google Cloud the packages are installed by Cloud Build: the zip has none of them. On AWS boto3 is"
    " in the runtime, and not counted."
)


def measure(_: Options) -> Section:
    """Build the template for each cloud."""
    rows = [row for target in TARGETS.values() for row in _rows(target)]
    return Section("The size of a package", rows, [NOTE])


def _rows(target: Target) -> list[Row]:
    with TemporaryDirectory(prefix="flux-sizes-") as folder:
        project = Path(shutil.copytree(TEMPLATE, Path(folder, "shop")))
        wish = Wish(
            Project.read(project),
            target,
            Platform(PYTHON, "x86_64", target.glibc[PYTHON]),
            Path(folder, f"{target.name}.zip"),
            upgrade=True,
        )
        built = build(wish, lambda _: None)
        packages = _packages(wish, built, Path(folder, "site"))
    sizes = dict(built.sizes)
    unpacked = sizes[OWN] + sizes[FLUX] + sum(packages.values())
    largest = max(packages, key=lambda name: packages[name])
    return [
        Row(f"{target.name}: the zip", _kilobytes(built.zipped)),
        Row(
            f"{target.name}: unpacked, with its packages",
            _kilobytes(unpacked),
        ),
        Row(f"{target.name}: of that Flux", _kilobytes(sizes[FLUX])),
        Row(f"{target.name}: of that {len(packages)} packages", _kilobytes(sum(packages.values()))),
        Row(f"{target.name}: the largest, {largest}", _kilobytes(packages[largest])),
    ]


def _packages(wish: Wish, built: Built, folder: Path) -> dict[str, int]:
    """Return the bytes of each package, installed here if the platform does it."""
    if not wish.target.installs:
        return {name: size for name, size in built.sizes if name not in {OWN, FLUX}}
    Pip(wish.platform, wish.project.folder).install(built.lock.requirements(), folder)
    files = installed_files(folder, {})
    return {name: sum(content.size() for content in owned.values()) for name, owned in files.items()}


def _kilobytes(size: int) -> str:
    return f"{size / 1024:,.0f} KB"


if __name__ == "__main__":
    main({"build_sizes": measure})
