"""A project to build, and the wheels that it is built from."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from zipfile import ZipFile

import pytest
from cli.building.wheels import settings, write_what_flux_requires
from click.testing import CliRunner

from flux_cli._main import flux as command

if TYPE_CHECKING:
    from pathlib import Path

FILES = {
    "app.py": "import flux_aws\nfrom workflow import order\nhandler = flux_aws.handler(order)\n",
    "main.py": "import flux_gcp\nfrom workflow import order\norders = flux_gcp.http(order)\n",
    "function_app.py": "import flux_azure\n",
    "host.json": "{}",
    "workflow.py": "order = None\n",
    "prices/mug.json": "1200",
    "requirements.txt": "flux-serverless[aws,cli]\n",
}


@pytest.fixture(scope="session")
def flux_requires(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of wheels for all that Flux requires."""
    folder = tmp_path_factory.mktemp("wheels")
    write_what_flux_requires(folder)
    return folder


class Package(NamedTuple):
    """What was built, and what was told of it."""

    files: dict[str, bytes]
    told: str

    def names(self) -> set[str]:
        """Return the names of the files, but for Flux's own and for metadata."""
        return {name for name in self.files if "flux_" not in name and ".dist-info/" not in name}


def unpacked(archive: Path) -> dict[str, bytes]:
    """Return the files of a zip."""
    with ZipFile(archive) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


@pytest.fixture(scope="session")
def aws(flux_requires: Path, tmp_path_factory: pytest.TempPathFactory) -> Package:
    """The project's package for AWS."""
    return _package("aws", flux_requires, tmp_path_factory)


@pytest.fixture(scope="session")
def gcp(flux_requires: Path, tmp_path_factory: pytest.TempPathFactory) -> Package:
    """The project's package for Google Cloud."""
    return _package("gcp", flux_requires, tmp_path_factory)


@pytest.fixture(scope="session")
def azure(flux_requires: Path, tmp_path_factory: pytest.TempPathFactory) -> Package:
    """The project's package for Azure."""
    return _package("azure", flux_requires, tmp_path_factory)


def _package(target: str, wheels: Path, folders: pytest.TempPathFactory) -> Package:
    folder = folders.mktemp(target)
    write_project(folder)
    built = CliRunner(env=settings(wheels)).invoke(
        command, ["build", "--target", target, str(folder)], prog_name="flux"
    )
    assert built.exit_code == 0, built.stderr
    return Package(unpacked(folder / "build" / f"{target}.zip"), built.stdout)


@pytest.fixture
def wheels(
    flux_requires: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A folder for more wheels; pip finds these, those that Flux requires, and no others."""
    more = tmp_path_factory.mktemp("more")
    for name, value in settings(flux_requires, more).items():
        monkeypatch.setenv(name, value)
    return more


@pytest.fixture
def shop(folder: Path, wheels: Path) -> Path:
    """The current folder, as a project with three fronts."""
    write_project(folder)
    return folder


def write_project(folder: Path) -> None:
    """Write the project's files."""
    for name, text in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
