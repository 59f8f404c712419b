"""Flux's own packages, copied from where they are installed: from a wheel or a checkout, not from an index."""

from __future__ import annotations

from importlib.metadata import Distribution, PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final
from zipfile import ZipFile

from flux_cli._build.package import Content
from flux_core import FluxError, __version__

if TYPE_CHECKING:
    from collections.abc import Iterable

DISTRIBUTION: Final = "flux-serverless"
_INFO: Final = f"flux_serverless-{__version__}.dist-info"
_STORES: Final = "flux.storage"
_TYPES: Final = {".pyi", ".typed"}


class FluxNotInstalled(FluxError, LookupError):
    """Flux, or its part for the cloud, is not installed here."""

    code = "FLUX_NOT_INSTALLED"


def installed(adapter: str) -> Distribution:
    """Return Flux's distribution, which has the adapter."""
    try:
        found = distribution(DISTRIBUTION)
    except PackageNotFoundError:
        raise FluxNotInstalled(
            f"Flux runs here without being installed; pip install '{DISTRIBUTION}[cli]', or, in a checkout, -e '.[cli]'"
        ) from None
    extra = adapter.removeprefix("flux_")
    if find_spec(adapter) is None or extra not in (found.metadata.get_all("Provides-Extra") or ()):
        raise FluxNotInstalled(f"the installed Flux {__version__} has no {adapter}; install it anew")
    return found


def packages(extras: Iterable[str]) -> list[str]:
    """Return the packages of Flux that a function with those extras has."""
    return ["flux_core", *sorted(name for extra in extras if find_spec(name := f"flux_{extra}"))]


def sources(names: Iterable[str]) -> dict[str, Content]:
    """Return the packages' files, and a `dist-info` that names the version and the stores of these packages."""
    names = list(names)
    files: dict[str, Content] = {}
    for name in names:
        folder = _folder(name)
        files |= {
            f"{name}/{file.relative_to(folder).as_posix()}": Content.of(file)
            for file in folder.rglob("*")
            if file.is_file() and "__pycache__" not in file.parts and file.suffix not in _TYPES
        }
    stores = sorted(
        f"{entry.name} = {entry.value}"
        for entry in distribution(DISTRIBUTION).entry_points.select(group=_STORES)
        if entry.module.partition(".")[0] in names
    )
    metadata = f"Metadata-Version: 2.1\nName: {DISTRIBUTION}\nVersion: {__version__}\n"
    files[f"{_INFO}/METADATA"] = Content(metadata.encode())
    files[f"{_INFO}/entry_points.txt"] = Content("\n".join([f"[{_STORES}]", *stores, ""]).encode())
    return files


def write_stand_in(found: Distribution, folder: Path) -> None:
    """Write a wheel that has Flux's metadata alone, so that pip finds the version that is installed here."""
    headers = [
        *(f"Provides-Extra: {extra}" for extra in found.metadata.get_all("Provides-Extra") or ()),
        *(f"Requires-Dist: {requirement}" for requirement in found.requires or ()),
    ]
    metadata = "\n".join(
        ["Metadata-Version: 2.1", f"Name: {DISTRIBUTION}", f"Version: {__version__}", *headers, ""]
    )
    wheel = "Wheel-Version: 1.0\nGenerator: flux\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    with ZipFile(folder / f"flux_serverless-{__version__}-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{_INFO}/METADATA", metadata)
        archive.writestr(f"{_INFO}/WHEEL", wheel)
        archive.writestr(f"{_INFO}/RECORD", "")


def _folder(package: str) -> Path:
    spec = find_spec(package)
    assert spec is not None  # noqa: S101 (packages() and installed() have looked)
    assert spec.submodule_search_locations is not None  # noqa: S101 (it is a package)
    return Path(spec.submodule_search_locations[0])
