"""What is built once a session, and where its functions keep their runs."""

from __future__ import annotations

import sqlite3
from functools import cache
from typing import TYPE_CHECKING
from zipfile import ZipFile

import pytest
from built.building import HERE, flux_build, project

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PYTHONS = {"aws": HERE, "gcp": HERE, "azure": "3.13"}
"""The Python that runs the package in these tests, by target."""


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return the folder of the project, whose package for a target is `build/TARGET.zip`; built once."""

    @cache
    def build(target: str) -> Path:
        folder = project(tmp_path_factory.mktemp(target) / "shop")
        flux_build(folder, target, "--python", PYTHONS[target])
        return folder

    return build


@pytest.fixture
def package(built: Callable[[str], Path], tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """The test module's package, unpacked as the platform does it: the module says `TARGET`."""
    folder = tmp_path / "function"
    target = request.module.TARGET
    with ZipFile(built(target) / "build" / f"{target}.zip") as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture
def stores(tmp_path: Path) -> dict[str, str]:
    """The settings that name the function's stores."""
    return {"FLUX_STORE": f"sqlite:///{tmp_path}/runs.db", "SHOP_DB": f"{tmp_path}/shop.db"}


@pytest.fixture
def charges(stores: dict[str, str]) -> Callable[[], int]:
    """Count the payments that the shop's stand-in took."""

    def count() -> int:
        shop = sqlite3.connect(stores["SHOP_DB"])
        try:
            [number] = shop.execute("SELECT COUNT(*) FROM effects WHERE service = 'payment'").fetchone()
        finally:
            shop.close()
        return int(number)

    return count
